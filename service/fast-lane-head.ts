/** A field line of RFC 9112: a token, a colon, and a value of visible characters, blanks and bytes from 0x80. */
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;

/** The headers of a request as latin1, by names in lower case; several of a name are joined as node:http joins them. */
export type PlainHeaders = Readonly<Record<string, string | undefined>>;

export type PlainHead = { readonly headers: PlainHeaders; readonly bodyBytes: number };

/** The method and the target of a request for HTTP/1.1, such as `POST /v1/resolve`, from its head; null for another version. */
export function startOf(head: string): string | null {
  const end = head.indexOf(" HTTP/1.1\r\n");
  return end === -1 || head.indexOf("\r\n") < end ? null : head.slice(0, end);
}

/**
 * Reads the head (without the blank line at its end) of a request, as latin1. Null when anything about it is not plain: no or
 * several hosts, no one length in digits, a body that is encoded, chunked or not JSON, a connection that is not kept, an
 * expectation, or a line that is not of the grammar.
 */
export function readPlainHead(head: string): PlainHead | null {
  const [, ...lines] = head.split("\r\n");
  const headers: Record<string, string | undefined> = Object.create(null);
  let hosts = 0;
  let bodyBytes: number | null = null;
  for (const line of lines) {
    const [, given, value = ""] = fieldLine.exec(line) ?? [];
    if (given === undefined) return null;
    const name = given.toLowerCase();
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
    switch (name) {
      case "host":
        hosts += 1;
        break;
      case "content-length":
        if (bodyBytes !== null || !/^[0-9]{1,8}$/.test(value)) return null;
        bodyBytes = Number(value);
        break;
      case "content-type":
        if (!/^application\/json(; ?charset=utf-8)?$/i.test(value)) return null;
        break;
      case "connection":
        if (value.toLowerCase() !== "keep-alive") return null;
        break;
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
  return hosts === 1 && bodyBytes !== null ? { headers, bodyBytes } : null;
}
