/** The limits of a document, named in every message about them. */
export const limits = {
  /** Bytes of one stored document (UTF-8 JSON). */
  documentBytes: 1024 * 1024,
  /** Characters of a name: a DNS label (RFC 1123). */
  nameCharacters: 63,
  rulesPerObjective: 256,
  variantsPerSplit: 64,
  shadowsPerObjective: 8,
  versionsPerModel: 256,
  shardsPerPlacement: 64,
  endpointsPerShard: 4096,
  targetsPerExperiment: 256,
  slicesPerExperiment: 64,
  /** Unit ids of an audience that are written out. */
  membersPerAudience: 10_000,
  /** Characters of one of those. */
  memberCharacters: 1024,
  partsPerAudience: 256,
  /** Depth of `and`, `or`, `not` in one condition. */
  conditionDepth: 16,
  /** Attributes and operators in one condition, counted over its whole depth. */
  conditionTerms: 1024,
  /** Values of one `in` or `notIn`. */
  valuesPerList: 10_000,
  /** What rules that Envoy evaluates itself may cost at worst, in comparisons of about 30 ns; see config/embedding.ts. */
  embeddedCost: 100_000,
  /** Attributes of an objective whose header or baggage key is named. */
  contextSourcesPerObjective: 64,
  /** Characters of a regular expression. */
  patternCharacters: 1024,
  groupsPerPin: 64,
  objectivesPerPin: 1000,
  labelsPerDocument: 64,
  /** Lists and objects inside each other, anywhere in a document. */
  nestingDepth: 64,
  /** Bytes of one file or of the standard input; many documents may share one. */
  fileBytes: 64 * 1024 * 1024,
  /** What a YAML alias may multiply to, in one document. */
  aliasesPerDocument: 100,
  /** Problems told of one document; the rest is counted. */
  problemsPerDocument: 100,
  /** Refused documents that a consumer keeps until they become good; the oldest go first. */
  pendingDocuments: 100_000,
  /** Bytes of those, as stored. */
  pendingBytes: 256 * 1024 * 1024,
} as const;
