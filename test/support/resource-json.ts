import type { JsonObject } from "@bufbuild/protobuf";

/** An Envoy resource, as JSON of its proto. */
export type JudgedResource = { readonly type: string; readonly json: JsonObject };

/** A message as `Any`. */
export const any = (type: string, rest: JsonObject = {}): JsonObject => ({
  "@type": `type.googleapis.com/${type}`,
  ...rest,
});
/** An extension with its configuration. */
export const extension = (name: string, type: string, rest: JsonObject = {}): JsonObject => ({
  name,
  typedConfig: any(type, rest),
});
export const address = (port: number): JsonObject => ({ socketAddress: { address: "127.0.0.1", portValue: port } });
export const header = (key: string, value: string): JsonObject => ({
  header: { key, value },
  appendAction: "ADD_IF_ABSENT",
});

/** What a matcher tree looks at: a header. */
export const headerInput = (headerName: string) =>
  extension("input", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", { headerName });
