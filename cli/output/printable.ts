/** Text from elsewhere on one line, without characters that would steer a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}
