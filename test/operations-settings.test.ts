import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, test } from "vitest";
import { exitCode } from "../cli/exit-codes.ts";
import { limits } from "../config/limits.ts";
import { readConfig as readResolverConfig } from "../resolver/config.ts";
import { projectFolder } from "../setup/paths.js";
import { readConfig as readXdsConfig } from "../xds-server/config.ts";
import { codesOf, namesUnder, operationsText, rowsUnder } from "./support/operations-doc.ts";
import { sourcesUnder } from "./support/sources.ts";

const read = (file: string) => readFileSync(join(projectFolder, file), "utf8");

/** The keys of the zod object in a file that look like variables. */
const keysIn = (file: string) => [...read(file).matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map((match) => match[1] ?? "");

const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

describe("the settings in docs/operations.md", () => {
  test("of both processes are those that service/environment.ts reads", () => {
    expect(sorted(namesUnder("### Resolver and xds-server"))).toEqual(sorted(keysIn("service/environment.ts")));
  });

  test("of the resolver and of the xds-server are those that their config.ts reads", () => {
    expect(sorted(namesUnder("### Resolver"))).toEqual(sorted(keysIn("resolver/config.ts")));
    expect(sorted(namesUnder("### Xds-server"))).toEqual(sorted(keysIn("xds-server/config.ts")));
  });

  test("of Envoy are those that entrypoint.sh reads", () => {
    const used = [...read("envoy/entrypoint.sh").matchAll(/\$\{([A-Z_]+):-/g)].map((match) => match[1] ?? "");
    expect(used.length).toBeGreaterThan(5);
    expect(sorted(namesUnder("### Envoy"))).toEqual(sorted(used));
  });

  test("of the command line are those that cli/ reads, besides those of the terminal", () => {
    const used = sourcesUnder("cli").flatMap(({ text }) =>
      [...text.matchAll(/(?:environment|process\.env)\.([A-Z_]+)/g)].map((match) => match[1] ?? ""),
    );
    const ofTheTerminal = ["SHELL", "TERM"];
    expect(sorted(namesUnder("### The command line"))).toEqual(
      sorted(used.filter((name) => !ofTheTerminal.includes(name))),
    );
  });

  test("name the port variables of signalbox up", () => {
    for (const variable of keysIn("cli/up/settings.ts")) expect(operationsText).toContain(`\`${variable}\``);
  });

  test("name what set-up reads", () => {
    const used = [...read("setup/paths.js").matchAll(/process\.env\.([A-Z_]+)/g)].map((match) => match[1] ?? "");
    for (const variable of used.filter((name) => name !== "PATH")) expect(operationsText).toContain(`\`${variable}\``);
  });

  test("have the defaults that the processes have", () => {
    const readers = [
      { heading: "### Resolver", readConfig: readResolverConfig },
      { heading: "### Xds-server", readConfig: readXdsConfig },
    ];
    for (const { heading, readConfig } of readers) {
      for (const [name, byDefault] of [...rowsUnder("### Resolver and xds-server"), ...rowsUnder(heading)]) {
        const [variable = ""] = codesOf(name);
        const [value] = codesOf(byDefault);
        if (value !== undefined) expect(readConfig({ [variable]: value }), variable).toEqual(readConfig({}));
      }
    }
  });

  test("would not pass with another default", () => {
    expect(readResolverConfig({ RESOLVER_HTTP_PORT: "7072" })).not.toEqual(readResolverConfig({}));
    expect(readXdsConfig({ STORE_REPLICAS: "3" })).not.toEqual(readXdsConfig({}));
  });
});

describe("the alerts in docs/operations.md", () => {
  const alerts = rowsUnder("### Alerts").map(([name = "", , expression]) => ({
    name,
    expression: codesOf(expression)[0],
  }));

  test.each(alerts)("$name is an expression that PromQL understands", ({ expression = "" }) => {
    expect(expression).not.toBe("");
    expect(mistakesIn(expression)).toEqual([]);
  });

  test("would not pass if PromQL were misspelt", () => {
    expect(mistakesIn("sum by (a rate(b[5m])) > 0")).not.toEqual([]);
  });

  test("read only metrics that are documented above them", () => {
    const documented = new Set([
      ...["### Of both", "### Of the resolver", "### Of the xds-server", "### Of Envoy"].flatMap(namesUnder),
      "nodejs_eventloop_lag_p99_seconds",
    ]);
    for (const { name, expression = "" } of alerts) {
      const used = [...expression.matchAll(/\b(?:signalbox|envoy|nodejs)_\w+(?=[^\w"=~,]|$)/g)]
        .map(([metric]) => metric.replace(/(?<=_seconds)_(bucket|count|sum)$/, ""))
        .filter((metric) => !/^envoy_(cluster_name|response_code_class|http_conn_manager_prefix)$/.test(metric));
      expect(used.length, name).toBeGreaterThan(0);
      for (const metric of used) expect([...documented], name).toContain(metric);
    }
  });
});

describe("the rest of docs/operations.md", () => {
  test("names every exit code of the command line", () => {
    const codes = rowsUnder("## Exit codes").map(([code]) => Number(code));
    for (const code of Object.values(exitCode)) expect(codes).toContain(code);
  });

  test("has the limits of config/limits.ts", () => {
    const values = new Map(
      rowsUnder("## Sizing").map(([what = "", value = ""]) => [what, Number(value.replace(",", ""))]),
    );
    expect(values.get("rules of an objective")).toBe(limits.rulesPerObjective);
    expect(values.get("variants of a split")).toBe(limits.variantsPerSplit);
    expect(values.get("shadows of an objective")).toBe(limits.shadowsPerObjective);
    expect(values.get("versions of a model")).toBe(limits.versionsPerModel);
    expect(values.get("shards of a placement")).toBe(limits.shardsPerPlacement);
    expect(values.get("endpoints of a shard")).toBe(limits.endpointsPerShard);
  });

  test("links only to headings and files that exist", () => {
    const anchors = [...operationsText.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    const links = [...operationsText.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? "");
    expect(links.length).toBeGreaterThan(10);
    for (const link of links.filter((each) => !each.startsWith("http"))) {
      if (link.startsWith("#")) expect(anchors).toContain(link.slice(1));
      else expect(existsSync(join(projectFolder, "docs", link)), link).toBe(true);
    }
  });
});

/** Where PromQL's grammar finds something wrong. */
function mistakesIn(expression: string): number[] {
  const mistakes: number[] = [];
  parser.parse(expression).iterate({
    enter: ({ type, from }) => {
      if (type.isError) mistakes.push(from);
    },
  });
  return mistakes;
}
