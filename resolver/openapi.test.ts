import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { resolutionOf } from "../selection/resolution.ts";
import { compileSelection } from "../selection/selector.ts";
import { SignalboxError } from "../service/errors.ts";
import { explainObjective } from "./answer.ts";
import { createOpenApi } from "./openapi.ts";
import { decision, liveDocuments } from "./testing.ts";

const document = createOpenApi("1.2.3") as {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Record<string, { readonly post: { readonly responses: Record<string, unknown> } }>;
  readonly components: { readonly schemas: Record<string, object> };
};

/** Checks a value against a schema of the document, references included. */
function isValid(schema: string, value: unknown): boolean {
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema(document, "openapi");
  return ajv.validate({ $ref: `openapi#/components/schemas/${schema}` }, value);
}

test("the document is OpenAPI 3.1 of this version, and every reference in it leads somewhere", () => {
  expect(document).toMatchObject({ openapi: "3.1.0", info: { version: "1.2.3" } });
  const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
  const names = new Set([...references].map(([, reference]) => reference));
  expect(names.size).toBeGreaterThan(4);
  for (const name of names) {
    const [root, components, schemas, schema = ""] = String(name).split("/");
    expect([root, components, schemas]).toEqual(["#", "components", "schemas"]);
    expect(document.components.schemas).toHaveProperty(schema);
  }
});

test("both endpoints name every status that they answer", () => {
  for (const path of ["/v1/resolve", "/v1/explain"]) {
    const statuses = Object.keys(document.paths[path]?.post.responses ?? {});
    expect(statuses).toEqual(["200", "400", "403", "404", "413", "415", "422", "500", "503"]);
  }
});

describe("the schema of a request", () => {
  test.each([
    { objective: "ranking" },
    { namespace: "team-b", objectives: ["a", "b"], context: { userId: "1", n: 1, on: true, tags: ["a"], gone: null } },
    { objective: "ranking", override: { version: "8" }, trafficClass: "test", client: "web" },
  ])("takes %j", (request) => expect(isValid("Request", request)).toBe(true));

  test.each([
    {},
    { objective: "a", objectives: ["a"] },
    { objective: "No Name" },
    { objective: "a", context: { nested: {} } },
    { objective: "a", extra: 1 },
    { objective: "a", override: {} },
  ])("refuses %j", (request) => expect(isValid("Request", request)).toBe(false));
});

describe("the schemas of answers", () => {
  test("take what is answered", () => {
    const compiled = compileSelection(liveDocuments).objectives.get("default/ranking");
    if (!compiled) throw new Error("not compiled");
    const explanation = { objective: compiled.name, ...explainObjective(compiled, { userId: "1" }) };
    const error = new SignalboxError("unknown_objective", "no").toBody();
    expect(isValid("Resolution", resolutionOf(decision))).toBe(true);
    expect(isValid("Explanation", explanation)).toBe(true);
    expect(isValid("Error", { error })).toBe(true);
    expect(isValid("Resolutions", { results: [resolutionOf(decision), { objective: "a/b", error }] })).toBe(true);
    expect(isValid("Explanations", { results: [explanation] })).toBe(true);
  });

  test("refuse what lacks the routing key", () => {
    const { routingKey: _, ...rest } = resolutionOf(decision);
    expect(isValid("Resolution", rest)).toBe(false);
  });
});
