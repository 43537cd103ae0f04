import type { Model } from "../../config/documents/model.ts";
import type { PathRule } from "./routing-table.ts";

const asIs: readonly PathRule[] = [{ match: "prefix", path: "/", replacement: null }];

/**
 * How a client's path becomes the model server's. Clients call `/infer`, whatever the model speaks, and never name a
 * model in a path. What a client adds as a query stays.
 *
 * | protocol | `/infer` becomes | another path `/x` becomes |
 * | --- | --- | --- |
 * | open-inference | `/v2/models/M/versions/V/infer` | `/v2/models/M/versions/V/x` |
 * | tensorflow-serving | `/v1/models/M/versions/V:predict` | `/v1/models/M/versions/V:x`, `/metadata` without the colon |
 * | openai | `/v1/chat/completions` | `/v1/x`, and `/v1/x` stays |
 * | sagemaker | `/invocations` | stays |
 * | raw, and every protocol over gRPC | stays | stays |
 */
export function pathRules(
  protocol: Model["spec"]["protocol"] | "grpc",
  model: string,
  version: string,
): readonly PathRule[] {
  switch (protocol) {
    case "open-inference":
      return [{ match: "prefix", path: "/", replacement: `/v2/models/${model}/versions/${version}/` }];
    case "tensorflow-serving":
      return tensorflowRules(`/v1/models/${model}/versions/${version}`);
    case "openai":
      return [
        { match: "exact", path: "/infer", replacement: "/v1/chat/completions" },
        { match: "prefix", path: "/v1/", replacement: null },
        { match: "prefix", path: "/", replacement: "/v1/" },
      ];
    case "sagemaker":
      return [{ match: "exact", path: "/infer", replacement: "/invocations" }, ...asIs];
    case "raw":
    case "grpc":
      return asIs;
    default:
      return protocol satisfies never;
  }
}

function tensorflowRules(base: string): readonly PathRule[] {
  return [
    { match: "exact", path: "/infer", replacement: `${base}:predict` },
    { match: "exact", path: "/metadata", replacement: `${base}/metadata` },
    { match: "prefix", path: "/", replacement: `${base}:` },
  ];
}
