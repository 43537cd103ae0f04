import { describe, expect, test } from "vitest";
import { documentTitle } from "./documents/document.ts";
import { loadText } from "./load-text.ts";
import { formatProblem } from "./problem.ts";
import { referencesOf } from "./relations/references.ts";
import { unreadableName } from "./sketch.ts";

const shard = (name: string, more = "") => `apiVersion: signalbox.dev/v1
kind: Shard
metadata: { name: ${name} }
spec:
  endpoints:
    - { address: 10.0.0.1, port: 80 }
${more}`;

const problemsOf = (text: string, format?: "yaml" | "json") => loadText(text, "f", format).problems.map(formatProblem);
const namesOf = (text: string) => loadText(text, "f").documents.map(({ document }) => document.metadata.name);

test("a YAML stream holds several documents, and empty ones between them do not count", () => {
  expect(namesOf(`---\n${shard("a")}---\n# nothing\n---\n${shard("b")}...\n`)).toEqual(["a", "b"]);
});

test("JSON holds one document or a list of them, and is recognised without a file name", () => {
  const document = {
    apiVersion: "signalbox.dev/v1",
    kind: "Shard",
    metadata: { name: "a" },
    spec: { dns: { hostname: "h", port: 1 } },
  };
  expect(namesOf(JSON.stringify(document))).toEqual(["a"]);
  expect(namesOf(JSON.stringify([document, { ...document, metadata: { name: "b" } }]))).toEqual(["a", "b"]);
});

test("YAML anchors and aliases are resolved", () => {
  const text = shard("a", "    - &two { address: 10.0.0.2, port: 80 }\n  healthCheck: { path: &p /ready }\n");
  expect(loadText(text, "f").documents[0]?.document.spec).toMatchObject({ endpoints: [{}, { address: "10.0.0.2" }] });
});

test("YAML is read as 1.2: yes and no are strings, and a number stays a number", () => {
  const text = shard("a").replace("{ name: a }", "{ name: a, labels: { eu: no } }");
  expect(loadText(text, "f").documents[0]?.document.metadata.labels).toEqual({ eu: "no" });
});

test("a byte order mark does not matter", () => {
  expect(namesOf(`\uFEFF${shard("a")}`)).toEqual(["a"]);
});

test("problems name the file, the line, the document, the field, what was found and what is allowed", () => {
  expect(problemsOf(`${shard("a")}---\n${shard("b", "  protocol: http\n  retires: 1\n")}`)).toEqual([
    'f:14: Shard default/b: spec.protocol: must be one of "http1", "http2", "grpc", found the string "http"; did you mean "http1"?',
    expect.stringMatching(/^f:15: Shard default\/b: spec\.retires: is not a known field; known here: protocol, /),
  ]);
});

test("a document without a readable name goes by its position", () => {
  expect(problemsOf(`${shard("a")}---\njust text\n---\n${shard("[b]")}`)).toEqual([
    'f:8: document 2: must be an object with apiVersion, kind, metadata and spec, found the string "just text"',
    "f:12: document 3: metadata.name: must be a string, found a list of 1",
  ]);
});

test("the good documents beside a bad one are loaded, and the bad one is known to be there", () => {
  const loaded = loadText(`${shard("a")}---\n${shard("b", "  nonsense: 1\n")}`, "f");
  expect(loaded.documents).toHaveLength(1);
  expect(loaded.invalid.map(({ document }) => document.metadata.name)).toEqual(["b"]);
});

test("what a document that is not valid names, and what it is called, is read as far as it can be", () => {
  const text = `apiVersion: signalbox.dev/v1
kind: Objective
metadata: { name: home }
spec:
  default: { model: ranker, version: 7 }
  rules:
    - { name: a, when: { x: { inAudience: pilots }, y: null }, serve: { model: "Bad Name", version: "1" } }
    - { name: b, when: { x: { inAudience: pilots } }, split: { variants: [7, { model: reranker, version: "1" }] } }
    - null
  shadow: more
---
kind: Shard
metadata: { name: [x] }
`;
  const { invalid } = loadText(text, "f");
  expect(invalid.map(({ document }) => documentTitle(document))).toEqual(["Objective default/home"]);
  expect(
    invalid.flatMap(({ document }) => referencesOf(document)).filter(({ name }) => name !== unreadableName),
  ).toEqual([
    { kind: "Model", namespace: "default", name: "ranker", version: unreadableName, path: "spec.default" },
    { kind: "Model", namespace: "default", name: "reranker", version: "1", path: "spec.rules[1].split.variants[1]" },
    { kind: "Audience", namespace: "default", name: "pilots", path: "spec.rules[1].when.x.inAudience" },
  ]);
});

describe("malformed text", () => {
  test.each([
    ["a bracket that is not closed", "a: [1\nb: 2\n", /^f:2: document 1: Flow sequence/],
    ["a tab for indentation", "a:\n\tb: 1\n", /^f:2: document 1: Tabs are not allowed/],
    ["a key that comes twice", "a: 1\nb: 2\na: 3\n", /^f:3: document 1: Map keys must be unique$/],
    [
      "an alias of nothing",
      "a: 1\nb: *nobody\n",
      /^f:2: document 1: the alias \*nobody names nothing that comes before it$/,
    ],
    [
      "an alias inside what it names",
      "a: &x\n  - 1\n  - [*x]\n",
      /^f:3: document 1: the alias \*x stands inside what it names, which never ends$/,
    ],
    ["a tag of another language", "a: !!python/object:os.system x\n", /^f:1: document 1: Unresolved tag/],
    ["a list as a field name", "? [1, 2]\n: 3\n", /^f:1: document 1: a field name must be plain text/],
    [
      "a number with too many digits",
      "a: 1\nid: 12345678901234567891\n",
      /^f:2: document 1: the number 12345678901234567891 has more digits than a number keeps; put it in quotes$/,
    ],
  ])("%s is told with its line", (_what, text, message) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(message)]);
  });

  test("aliases that multiply to millions of values are refused without being written out", () => {
    const levels = Array.from(
      { length: 20 },
      (_, i) =>
        `l${i}: &l${i} [${Array(10)
          .fill(i === 0 ? "x" : `*l${i - 1}`)
          .join(", ")}]`,
    );
    expect(problemsOf(levels.join("\n"))).toEqual([
      expect.stringContaining("its aliases multiply to more than 100 values (limit aliasesPerDocument)"),
    ]);
  });

  test("a document of 2 MiB is refused with the limit", () => {
    const text = shard("a", `  tls: { caFile: /a }\n`).replace(
      "{ name: a }",
      `{ name: a, labels: { x: "${"y".repeat(1000)}" } }`,
    );
    expect(problemsOf(text)).toEqual([]);
    const model = `apiVersion: signalbox.dev/v1\nkind: Model\nmetadata: { name: m }\nspec:\n  versions:\n    - version: "1"\n      placement: [{ shard: a }]\n      parameters: { blob: "${"x".repeat(2 * 1024 * 1024)}" }\n`;
    expect(problemsOf(model)).toEqual([
      expect.stringMatching(
        /^f:1: Model default\/m: is 2097\d+ bytes as JSON; at most 1048576 \(limit documentBytes\)/,
      ),
    ]);
  });

  test("JSON that is none is told with the reason, and a key that comes twice with its line", () => {
    expect(problemsOf('{"a": 1,}', "json")).toEqual([expect.stringMatching(/^f:1: document 1: is not JSON: /)]);
    expect(problemsOf('{"a": 1,\n "a": 2}', "json")).toEqual(["f:2: document 1: Map keys must be unique"]);
  });

  test("a wrong apiVersion and a wrong kind are told", () => {
    expect(problemsOf(shard("a").replace("/v1", "/v1beta1"))).toEqual([
      'f:1: Shard default/a: apiVersion: must be "signalbox.dev/v1", found the string "signalbox.dev/v1beta1"',
    ]);
    expect(problemsOf(shard("a").replace("kind: Shard", "kind: Pod"))).toEqual([
      'f:2: Pod default/a: kind: must be one of Shard, Model, Audience, Objective, Holdout, Experiment, Pin, found the string "Pod"',
    ]);
  });

  test("a text without any document is a problem", () => {
    expect(problemsOf("# only a comment\n")).toEqual([
      "f: holds no document; a document has apiVersion, kind, metadata and spec",
    ]);
  });
});
