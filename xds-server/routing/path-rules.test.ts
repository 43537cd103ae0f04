import { describe, expect, test } from "vitest";
import { pathRules } from "./path-rules.ts";
import type { PathRule } from "./routing-table.ts";

/** What Envoy makes of a path by the first rule that matches. */
function rewritten(rules: readonly PathRule[], path: string): string | undefined {
  const rule = rules.find((each) => (each.match === "exact" ? each.path === path : path.startsWith(each.path)));
  return rule && (rule.replacement === null ? path : rule.replacement + path.slice(rule.path.length));
}

const protocols = ["open-inference", "tensorflow-serving", "openai", "sagemaker", "raw", "grpc"] as const;

describe("the path of a request", () => {
  test.each([
    ["open-inference", "/infer", "/v2/models/ranker/versions/7/infer"],
    ["open-inference", "/ready", "/v2/models/ranker/versions/7/ready"],
    ["tensorflow-serving", "/infer", "/v1/models/ranker/versions/7:predict"],
    ["tensorflow-serving", "/regress", "/v1/models/ranker/versions/7:regress"],
    ["tensorflow-serving", "/metadata", "/v1/models/ranker/versions/7/metadata"],
    ["openai", "/infer", "/v1/chat/completions"],
    ["openai", "/embeddings", "/v1/embeddings"],
    ["openai", "/v1/embeddings", "/v1/embeddings"],
    ["sagemaker", "/infer", "/invocations"],
    ["sagemaker", "/ping", "/ping"],
    ["raw", "/infer", "/infer"],
    ["grpc", "/inference.GRPCInferenceService/ModelInfer", "/inference.GRPCInferenceService/ModelInfer"],
  ] as const)("for %s, %s becomes %s", (protocol, path, expected) => {
    expect(rewritten(pathRules(protocol, "ranker", "7"), path)).toBe(expected);
  });

  test.each(protocols)("for %s, every path has a rule", (protocol) => {
    expect(pathRules(protocol, "ranker", "7").at(-1)).toMatchObject({ match: "prefix", path: "/" });
  });
});
