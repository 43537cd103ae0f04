/** How many different texts are remembered; the oldest is forgotten first. */
const maxRemembered = 1000;

/**
 * A function that tells whether something is worth a log line: true for a text that was not seen within `intervalMs`, so
 * that whoever fails again and again is heard of, and does not fill the log. `now` is in milliseconds.
 */
export function createFirstOfMany(intervalMs: number, now: () => number): (text: string) => boolean {
  const seen = new Map<string, number>();
  return (text) => {
    const last = seen.get(text);
    if (last !== undefined && now() - last < intervalMs) return false;
    seen.delete(text);
    seen.set(text, now());
    const [oldest] = seen.keys();
    if (seen.size > maxRemembered && oldest !== undefined) seen.delete(oldest);
    return true;
  };
}
