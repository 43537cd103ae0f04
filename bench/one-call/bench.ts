import { report } from "../report.ts";
import { measureOneCall } from "./measure.ts";

/** What it costs that the proxy selects: see {@link measureOneCall}. */
export async function run(): Promise<void> {
  const { rows, figures } = await measureOneCall();
  report("one-call", rows, figures);
}
