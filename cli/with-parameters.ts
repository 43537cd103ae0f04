/**
 * The body with the ObjectiveConfig's parameters in its `parameters`, where the Open Inference Protocol has its place
 * for them; what the body says itself wins. Bodies that are no JSON object, and configs without parameters, stay as
 * they are; numbers keep their digits.
 */
export function withParameters(
  body: Buffer,
  contentType: string,
  parameters: Readonly<Record<string, unknown>>,
): Uint8Array<ArrayBuffer> {
  const asIs = new Uint8Array(body);
  if (Object.keys(parameters).length === 0 || !/^application\/json\b/i.test(contentType)) return asIs;
  const parsed = parseObject(body.toString("utf8"));
  if (!parsed || !(isObject(parsed.parameters) || parsed.parameters === undefined)) return asIs;
  return new TextEncoder().encode(JSON.stringify({ ...parsed, parameters: { ...parameters, ...parsed.parameters } }));
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text, exactNumber);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** ECMAScript 2026, in Node since 21: a number's own text, which JSON.stringify writes as it is. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

function exactNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" && context?.source !== undefined ? rawJSON(context.source) : value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
