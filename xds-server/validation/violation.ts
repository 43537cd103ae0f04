/** One thing in a message that its proto does not allow. */
export type Violation = {
  /**
   * Where, in the names of the protos: `filter_chains[0].filters[0].typed_config.route_specifier`. An `Any` continues
   * into what it holds; a missing oneof is named by the oneof.
   */
  readonly path: string;
  /** The rule: `string.min_len`, `repeated.items.uint32.lte`, `oneof.required`, `any.known_type`. */
  readonly rule: string;
  /** What is allowed and what was found: `must have at least 1 character, not ""`. */
  readonly message: string;
};
