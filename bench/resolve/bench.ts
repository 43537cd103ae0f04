import { report } from "../report.ts";
import { requireWrk } from "../wrk.ts";
import { measureInProcess } from "./in-process.ts";
import { measureServers } from "./servers.ts";

/**
 * What a decision costs: in process, next to the engines of three feature-flag systems; and over HTTP and gRPC, next to
 * the barest servers of the same kind.
 */
export async function run(): Promise<void> {
  requireWrk();
  const inProcess = await measureInProcess();
  console.table(inProcess.rows);
  const servers = await measureServers();
  report("resolve", servers.rows, { ...inProcess.figures, ...servers.figures });
}
