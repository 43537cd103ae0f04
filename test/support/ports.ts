import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Below the ephemeral range, so that no outgoing connection takes the port between the choice and its use. */
const [lowest, highest] = [20_000, 32_000];
const folder = join(tmpdir(), "signalbox-test-ports");

/**
 * A free port of 127.0.0.1 that no other test of this machine is given while this process lives: each is claimed by a
 * file with the owner's process id.
 */
export async function freePort(): Promise<number> {
  mkdirSync(folder, { recursive: true });
  for (let attempt = 0; attempt < 2000; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (!claim(port)) continue;
    if (await canListen(port)) return port;
    rmSync(join(folder, String(port)), { force: true });
  }
  throw new Error(`no free port between ${lowest} and ${highest}`);
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

function claim(port: number): boolean {
  const file = join(folder, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    if (isAlive(ownerOf(file))) return false;
    rmSync(file, { force: true });
    return false;
  }
}

function ownerOf(file: string): number {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return 0;
  }
}

function isAlive(processId: number): boolean {
  if (!processId) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
