import { report } from "../report.ts";
import { measureInProcess } from "./in-process.ts";

/** What a decision costs: in process, next to the engines of three feature-flag systems. */
export async function run(): Promise<void> {
  const inProcess = await measureInProcess();
  report("resolve", inProcess.rows, inProcess.figures);
}
