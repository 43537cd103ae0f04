import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * What tells a process from a later one with the same id: when it started. Null when there is no such process.
 * Linux: field 22 of /proc/PID/stat (proc(5)); elsewhere `ps -o lstart`.
 */
export function processIdentity(processId: number): string | null {
  if (process.platform !== "linux") return startTimeFromPs(processId);
  try {
    const stat = readFileSync(`/proc/${processId}/stat`, "utf8");
    // The second field is the program's name in brackets and may hold blanks: count from the last bracket.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function startTimeFromPs(processId: number): string | null {
  try {
    const output = execFileSync("ps", ["-o", "lstart=", "-p", String(processId)], { encoding: "utf8" }).trim();
    return output || null;
  } catch {
    return null;
  }
}
