/** Bytes of one digest: 48 bits, the highest byte first. */
export const digestBytes = 6;

/** What is wrong with a base64 text of digests; null when it holds whole digests, ascending, each once. */
export function digestsProblem(text: string): string | null {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0 || bytes.length % digestBytes !== 0)
    return `must hold whole digests of ${digestBytes} bytes, found ${bytes.length} bytes; \`signalbox audience\` writes them`;
  let before = -1;
  for (let at = 0; at < bytes.length; at += digestBytes) {
    const digest = bytes.readUIntBE(at, digestBytes);
    if (digest <= before)
      return `must be ascending, each digest once: entry ${at / digestBytes} is not; \`signalbox audience\` sorts them`;
    before = digest;
  }
  return null;
}
