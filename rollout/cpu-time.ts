/**
 * Processor time of this process so far, in milliseconds. What work takes is measured by it where the process rests after
 * work that is expensive: on a machine that is busy, a process that had to wait for a processor would rest for that as well.
 */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
