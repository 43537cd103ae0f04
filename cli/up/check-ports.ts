import { createServer } from "node:net";
import { CommandError } from "../exit-codes.ts";
import type { Ports } from "./settings.ts";

/** Refuses, before anything is started, when a port is taken; the message names every one, its variable and the remedy. */
export async function checkPorts(ports: Ports): Promise<void> {
  const entries = Object.entries(ports);
  const taken = await Promise.all(entries.map(([, port]) => isTaken(port)));
  const problems = entries.flatMap(([variable, port], index) =>
    taken[index]
      ? [`Port ${port} of 127.0.0.1 is in use: end what listens there, or choose another with ${variable}=PORT.`]
      : [],
  );
  if (problems.length > 0) throw new CommandError(problems.join("\n"));
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(true));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(false)));
  });
}
