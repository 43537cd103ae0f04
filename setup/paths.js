import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the checkout. */
export const projectFolder = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");

/** Everything Signalbox keeps on this machine: tools, data, snapshots, logs. Safe to delete when nothing runs. */
export const dataFolder = process.env.SIGNALBOX_DATA ?? join(projectFolder, ".signalbox");

/** Where set-up puts the binaries that are not npm packages. */
export const toolsFolder = process.env.SIGNALBOX_TOOLS ?? join(projectFolder, ".signalbox", "tools");

/**
 * The Envoy binary: `ENVOY_BIN`, else the one that set-up installed. Null when there is none yet.
 * @param {string} [version] another version that set-up was asked to install, such as "1.36.4"
 * @returns {string | null}
 */
export function envoyBinary(version = envoyVersion) {
  if (version === envoyVersion && process.env.ENVOY_BIN) return process.env.ENVOY_BIN;
  return existing(join(toolsFolder, `envoy-${version}`, "envoy"));
}

/**
 * The nats-server binary: `NATS_SERVER_BIN`, else the one that set-up installed, else one in PATH. Null when there
 * is none yet.
 * @returns {string | null}
 */
export function natsServerBinary() {
  return (
    process.env.NATS_SERVER_BIN ||
    existing(join(toolsFolder, `nats-server-${natsServerVersion}`, "nats-server")) ||
    inPath("nats-server")
  );
}

/** The Envoy that is tested and installed; its protos are those of `proto/gen`. */
export const envoyVersion = "1.40.0";

/** The nats-server that is installed; atomic batches need 2.12 or newer. */
export const natsServerVersion = "2.15.0";

/** @param {string} path */
function existing(path) {
  return existsSync(path) ? path : null;
}

/** @param {string} name */
function inPath(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = folder && existing(join(folder, name));
    if (path) return path;
  }
  return null;
}
