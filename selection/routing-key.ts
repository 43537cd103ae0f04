/** What a routing key names. Every part is a name that the document schemas allow, so none holds `/` or `@`. */
export type RoutingKeyParts = {
  readonly namespace: string;
  readonly objective: string;
  readonly model: string;
  readonly version: string;
};

/** `<namespace>/<objective>/<model>@<version>`, the value of the `x-routing-key` header. */
export function formatRoutingKey(parts: RoutingKeyParts): string {
  return `${parts.namespace}/${parts.objective}/${parts.model}@${parts.version}`;
}

/** The inverse of {@link formatRoutingKey}; null when the text is not of that form. */
export function parseRoutingKey(key: string): RoutingKeyParts | null {
  const match = /^([^/@]+)\/([^/@]+)\/([^/@]+)@([^/@]+)$/.exec(key);
  if (match === null) return null;
  const [, namespace = "", objective = "", model = "", version = ""] = match;
  return { namespace, objective, model, version };
}
