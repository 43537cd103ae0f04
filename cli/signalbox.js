#!/usr/bin/env node
// Runs the command line on the project's own Node 24, whatever Node started this file.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ownNode = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
// Compiling is half of what a short command costs.
const compileCache = fileURLToPath(new URL("../node_modules/.cache/signalbox", import.meta.url));
const main = fileURLToPath(new URL("./main.ts", import.meta.url));

if (!existsSync(ownNode)) {
  console.error("signalbox: the packages are not installed yet: run `npm run setup` first.");
  process.exitCode = 1;
} else {
  const child = spawn(ownNode, [main, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env },
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal ? 1 : 0);
  });
}
