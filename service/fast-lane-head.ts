/** A field line of RFC 9112: a token, a colon, and a value of visible characters, blanks and bytes from 0x80. */
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;

/**
 * The length of the body of a request for `POST <path> HTTP/1.1`, from its head (without the blank line at its end) as
 * latin1; null when anything about it is not plain: another method or path, no or several hosts, no one length in
 * digits, a body that is encoded, chunked or not JSON, a connection that is not kept, credentials, an expectation, or a line
 * that is not of the grammar. What it does not know of is ignored, as HTTP has it.
 */
export function contentLengthOf(head: string, path: string): number | null {
  const [request, ...lines] = head.split("\r\n");
  if (request !== `POST ${path} HTTP/1.1`) return null;
  let hosts = 0;
  let length: number | null = null;
  for (const line of lines) {
    const [, name, value = ""] = fieldLine.exec(line) ?? [];
    if (name === undefined) return null;
    switch (name.toLowerCase()) {
      case "host":
        hosts += 1;
        break;
      case "content-length":
        if (length !== null || !/^[0-9]{1,8}$/.test(value)) return null;
        length = Number(value);
        break;
      case "content-type":
        if (!/^application\/json(; ?charset=utf-8)?$/i.test(value)) return null;
        break;
      case "connection":
        if (value.toLowerCase() !== "keep-alive") return null;
        break;
      case "authorization":
      case "proxy-authorization":
      case "content-encoding":
      case "expect":
      case "te":
      case "trailer":
      case "transfer-encoding":
      case "upgrade":
        return null;
    }
  }
  return hosts === 1 && length !== null && length > 0 ? length : null;
}
