import { join } from "node:path";

/**
 * Where set-up puts things, below `<project>/.signalbox`.
 * @param {string} projectFolder
 */
export function mlserverPaths(projectFolder) {
  const virtualEnvironment = join(projectFolder, ".signalbox", "tools", "mlserver");
  const programs = join(virtualEnvironment, process.platform === "win32" ? "Scripts" : "bin");
  return {
    virtualEnvironment,
    python: join(programs, "python"),
    mlserver: join(programs, "mlserver"),
    /** Holds one model repository for each server: `a` with version 7, `b` with version 8. */
    repositories: join(projectFolder, ".signalbox", "mlserver"),
  };
}
