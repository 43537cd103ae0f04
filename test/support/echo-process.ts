import { fileURLToPath } from "node:url";
import { freePort } from "./ports.ts";
import { answers, type Running, startProcess } from "./processes.ts";

/** An echo server of HTTP/1.1 (see echo-server.ts) that can be killed and started again on its port. */
export type EchoProcess = {
  readonly port: number;
  /** SIGKILL by default; SIGSTOP leaves a process that takes connections and never answers. Waits until it is dead. */
  kill(): Promise<void>;
  /** Stops it where it is (SIGSTOP): the machine still takes connections for it, and nobody answers. */
  freeze(): void;
  thaw(): void;
  /** Starts it again after a kill. */
  start(): Promise<void>;
};

const main = fileURLToPath(new URL("./echo-main.ts", import.meta.url));

export async function startEchoProcess(name: string): Promise<EchoProcess> {
  const port = await freePort();
  const start = () =>
    startProcess(process.execPath, [main], {
      environment: { ECHO_NAME: name, ECHO_PORT: String(port) },
      ready: () => answers(`http://127.0.0.1:${port}/ready`),
    });
  let running: Running = await start();
  return {
    port,
    kill: () => running.stop("SIGKILL"),
    freeze: () => void process.kill(running.processId, "SIGSTOP"),
    thaw: () => void process.kill(running.processId, "SIGCONT"),
    start: async () => {
      running = await start();
    },
  };
}
