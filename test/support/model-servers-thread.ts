import { parentPort, workerData } from "node:worker_threads";
import { startEchoServer } from "./echo-server.ts";

// The thread of model servers: see model-servers.ts. It says their ports.
const count: number = workerData;
const servers = await Promise.all(Array.from({ length: count }, (_, n) => startEchoServer({ name: `model-${n}` })));
parentPort?.postMessage(servers.map(({ http1Port, grpcPort }) => ({ http1Port, grpcPort })));
