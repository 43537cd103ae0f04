/** A place in a message; text is made of it only when there is something to report. Null is the message itself. */
export type Path = { readonly parent: Path; readonly step: string | number | { readonly key: string } } | null;

export function pathText(path: Path): string {
  if (path === null) return "";
  const before = pathText(path.parent);
  if (typeof path.step === "number") return `${before}[${path.step}]`;
  if (typeof path.step === "object") return `${before}[${JSON.stringify(path.step.key)}]`;
  return before === "" ? path.step : `${before}.${path.step}`;
}
