import { startEchoServer } from "./echo-server.ts";

// An echo server as a process of its own, so that it can be killed: see echo-process.ts.
const { ECHO_NAME, ECHO_PORT } = process.env;
await startEchoServer({ name: ECHO_NAME ?? "echo", http1Port: Number(ECHO_PORT) });
