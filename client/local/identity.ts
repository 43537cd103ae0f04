import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { hostname } from "node:os";

/** Unique among the processes alive, also when several clients share one. */
export function clientId(clientName: string | undefined): string {
  return `${clientName ?? "client"}-${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`;
}

/** The version of Signalbox. By the package's own name, because where the file lies depends on whether it was built. */
export function packageVersion(): string {
  return createRequire(import.meta.url)("signalbox/package.json").version;
}
