import { measureOneCall } from "../one-call/measure.ts";
import { report } from "../report.ts";
import { requireWrk } from "../wrk.ts";
import { measureInProcess } from "./in-process.ts";
import { measureServers } from "./servers.ts";

/**
 * What a decision costs: in process, next to the engines of three feature-flag systems; and over HTTP and gRPC, next to
 * the barest servers of the same kind; and inside the proxy, next to requests that bring their routing key.
 */
export async function run(): Promise<void> {
  requireWrk();
  const inProcess = await measureInProcess();
  console.table(inProcess.rows);
  const servers = await measureServers();
  console.table(servers.updateRows);
  const oneCall = await measureOneCall();
  console.table(oneCall.rows);
  report("resolve", servers.rows, { ...inProcess.figures, ...servers.figures, ...oneCall.figures });
}
