import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { envoyBinary, envoyVersion } from "../../setup/paths.js";
import { hasContainerEngine, startContainer } from "./containers.ts";
import { answers, makeTemporaryFolder, type Running, startProcess } from "./processes.ts";

/** A real Envoy, and what its admin interface says. */
export type TestEnvoy = Running & {
  /** Such as `http://127.0.0.1:20001`, without a slash at the end. */
  readonly adminUrl: string;
  /** GET (or POST) of an admin path such as `/clusters?format=json`; throws when the answer is not 200. */
  admin(path: string, method?: "GET" | "POST"): Promise<string>;
  /** One counter or gauge by its full name, 0 when Envoy does not have it (yet). */
  stat(name: string): Promise<number>;
};

export type EnvoyOptions = {
  /** Another Envoy that set-up installed, such as "1.36.2"; the default is the project's own. */
  readonly version?: string;
  /** Worker threads, 1 by default. */
  readonly concurrency?: number;
  /** `warning` by default; the log is in `output()`. */
  readonly logLevel?: "trace" | "debug" | "info" | "warning" | "error";
  /** Folders of this machine with files that it reads, besides its bootstrap. */
  readonly folders?: readonly string[];
  /** More command-line arguments, such as `--service-node`. */
  readonly args?: readonly string[];
  /** What ready means: `live` = the admin interface answers (the default), `ready` = initialised as well (LDS, CDS). */
  readonly until?: "live" | "ready";
  readonly readyTimeoutMs?: number;
};

/**
 * Starts Envoy on a bootstrap in YAML or JSON, whose admin interface listens on 127.0.0.1:`adminPort`. Hot restart is off,
 * so any number runs side by side. The caller stops it.
 */
export async function startEnvoy(bootstrap: string, adminPort: number, options: EnvoyOptions = {}): Promise<TestEnvoy> {
  const folder = makeTemporaryFolder();
  const file = join(folder, "bootstrap.yaml");
  writeFileSync(file, bootstrap);
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const args = [
    ...["--config-path", file, "--disable-hot-restart", "--concurrency", String(options.concurrency ?? 1)],
    ...["--log-level", options.logLevel ?? "warning", "--drain-time-s", "1", ...(options.args ?? [])],
  ];
  const readyPath = options.until === "ready" ? "/ready" : "/server_info";
  const ready = () => answers(`${adminUrl}${readyPath}`);
  const startOptions = { ready, readyTimeoutMs: options.readyTimeoutMs, folder };
  const running = await start(options, args, [folder, ...(options.folders ?? [])], startOptions).catch(
    (error: unknown) => {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    },
  );
  void running.ended.then(() => rmSync(folder, { recursive: true, force: true }));
  const admin = (path: string, method: "GET" | "POST" = "GET") => readAdmin(`${adminUrl}${path}`, method);
  return {
    ...running,
    adminUrl,
    admin,
    stat: async (name) => Number(/: (\d+)/.exec(await admin(`/stats?filter=^${escapeForUrl(name)}$`))?.[1] ?? 0),
  };
}

async function start(
  { version = envoyVersion }: EnvoyOptions,
  args: readonly string[],
  folders: readonly string[],
  options: Parameters<typeof startProcess>[2],
): Promise<Running> {
  if (hasContainerEngine) {
    // For the image's own entry point: stay the user it was started as, who may read the folders.
    const environment = { ...options?.environment, ENVOY_UID: "0" };
    return startContainer(`envoyproxy/envoy:v${version}`, ["envoy", ...args], { ...options, environment, folders });
  }
  const binary = envoyBinary(version);
  if (!binary) throw new Error(`Envoy ${version} is not installed: run \`npm run setup\``);
  return startProcess(binary, args, options);
}

async function readAdmin(url: string, method: string): Promise<string> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(5000) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
  return text;
}

function escapeForUrl(text: string): string {
  return encodeURIComponent(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
}
