/**
 * - `override_unknown_version`: the version asked for is not one of the objective's.
 * - `dangling_reference`: an objective names a model or version that is not among the models given.
 */
export type SelectionErrorCode = "override_unknown_version" | "dangling_reference";

/** What selection throws; everything else it answers. The message names the value found and those allowed. */
export class SelectionError extends Error {
  override readonly name = "SelectionError";
  readonly code: SelectionErrorCode;

  constructor(code: SelectionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
