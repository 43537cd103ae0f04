import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Condition } from "../config/documents/condition.ts";
import { type Experiment, type ExperimentInput, experimentSchema } from "../config/documents/experiment.ts";
import { type Holdout, holdoutSchema } from "../config/documents/holdout.ts";
import { modelSchema } from "../config/documents/model.ts";
import { objectiveSchema, type Rule } from "../config/documents/objective.ts";
import { embeddingObstacles } from "../config/embedding.ts";
import { type CompiledObjective, compileObjective } from "../selection/compile.ts";
import type { Context } from "../selection/context.ts";
import { emitProgram } from "../selection/lua/emit-program.ts";
import { luaNumber, luaString } from "../selection/lua/literal.ts";
import { oneCallAttributes } from "../selection/one-call/attributes.ts";
import { maxConfigHeaderBytes, oneCallHeaders } from "../selection/one-call/headers.ts";
import { select } from "../selection/select.ts";
import * as arbitraries from "../selection/testing/arbitraries.ts";
import { compileRules, model, objective as sampleObjective } from "../selection/testing/documents.ts";
import { unitOf } from "../selection/unit.ts";
import conditions from "../selection/vectors/conditions.json" with { type: "json" };
import decisions from "../selection/vectors/decisions.json" with { type: "json" };
import experiments from "../selection/vectors/experiments.json" with { type: "json" };
import murmur3 from "../selection/vectors/murmur3.json" with { type: "json" };
import splits from "../selection/vectors/splits.json" with { type: "json" };
import { type EnvoyLua, luaValue, startEnvoyLua } from "./support/envoy-lua.ts";

let lua: EnvoyLua;

beforeAll(async () => {
  lua = await startEnvoyLua();
});

afterAll(() => lua?.stop());

/** What the emitted program adds to requests with these contexts, inside Envoy: routing key, config and decision; with `now`, at that time. */
async function decideInEnvoy(
  compiled: CompiledObjective,
  contexts: readonly Context[],
  now?: number,
): Promise<string[]> {
  const attributes = oneCallAttributes(compiled);
  const unitIn = (context: Context, attribute: string) => {
    const unit = unitOf(context, attribute);
    return unit === null ? "nil" : luaString(unit);
  };
  const calls = contexts.map((context) => {
    const values = attributes.flatMap(({ name }, index) => {
      const value = luaValue(Object.hasOwn(context, name) ? context[name] : undefined);
      return [`[${index + 1}]=${value}`, `[-${index + 1}]=${unitIn(context, name)}`];
    });
    return `decide({${values.join(",")}}, ${unitIn(context, compiled.unit)})`;
  });
  const answer = await lua.run(`
    local program = loadProgram(${luaString(emitProgram(compiled))})
    local decisions = {}
    local handle = { timestamp = function() return ${now === undefined ? "error('nobody may ask')" : luaNumber(now)} end }
    local function decide(context, unit)
      local index, isUnitMissing = program.choose(context, unit, handle)
      local words = wordsOf(program, index)
      decisions[#decisions + 1] = table.concat({ words[1], words[2], words[isUnitMissing and 4 or 3] }, " ")
    end
    ${calls.join("\n")}
    return table.concat(decisions, "\\n")`);
  return answer.split("\n");
}

const decideHere = (compiled: CompiledObjective, contexts: readonly Context[], now?: number) =>
  contexts.map((context) => {
    const { routingKey, config, decision } = oneCallHeaders(
      select(compiled, context, now === undefined ? {} : { now }),
    );
    return [routingKey, config, decision].join(" ");
  });

const apiVersion = "signalbox.dev/v1";
const versions = ["1", "2", "3", "7"];

/** An experiment on {@link compileExperiments}' objective, each arm with a version of its own. */
function experimentOn(name: string, spec: Partial<ExperimentInput["spec"]>): Experiment {
  const arms = ["control", "treatment"];
  const targets = Object.fromEntries(arms.map((arm, index) => [arm, { model: "ranker", version: versions[index] }]));
  return experimentSchema.parse({
    apiVersion,
    kind: "Experiment",
    metadata: { name },
    spec: {
      arms: arms.map((arm, index) => ({ name: arm, weight: index + 1 })),
      targets: [{ objective: "ranking", arms: targets }],
      ...spec,
    },
  });
}

/** The objective `default/ranking` under experiments, with rules to fall through to. */
function compileExperiments(given: readonly Experiment[], holdouts: readonly Holdout[]): CompiledObjective {
  const document = sampleObjective({
    rules: [
      { name: "staff", when: { staff: true }, serve: { model: "ranker", version: "3" } },
      {
        name: "split",
        when: { b: { exists: true } },
        split: { variants: [{ name: "only", weight: 1, model: "ranker", version: "2" }] },
      },
    ],
  });
  return compileObjective({
    objective: { ...document, metadata: { ...document.metadata, name: "ranking" } },
    models: [model("ranker", ...versions)],
    experiments: given,
    holdouts,
    revision: 7,
  });
}

describe("the golden vectors hold inside a real Envoy", () => {
  test("murmur3, every text and seed", async () => {
    const hashes = murmur3.cases.map(({ text, seed }) => `finish(${luaNumber(seed)}, 0, ${luaString(text)})`);
    const answer = await lua.run(`
      local hashes = {}
      for index, hash in ipairs({ ${hashes.join(",\n")} }) do
        hashes[index] = string.format("%.0f", hash < 0 and hash + 4294967296 or hash)
      end
      return table.concat(hashes, " ")`);
    expect(answer.split(" ").map(Number)).toEqual(murmur3.cases.map(({ hash }) => hash));
  });

  test.each(splits.splits)("split $salt, every unit", async ({ salt, arms, picked }) => {
    const variants = arms.map(({ name, weight }) => ({ name, weight, model: "ranker", version: "1" }));
    const compiled = compileRules([{ name: "r", split: { salt, variants } }]);
    const answers = await decideInEnvoy(
      compiled,
      splits.units.map(({ unit }) => ({ userId: unit })),
    );
    const found = answers.map((header) => /;variant=([^;]*);/.exec(header)?.[1] ?? null);
    // The empty text has a bucket, but rules treat it as no unit.
    expect(found).toEqual(picked.map((arm, index) => (splits.units[index]?.text === "" ? null : arm)));
  });

  test("conditions", async () => {
    const embeddable = conditions.cases.filter(
      ({ condition }) => embeddingObstacles([{ when: condition as Condition }]).length === 0,
    );
    // The others are regular expressions.
    expect(conditions.cases.length - embeddable.length).toBeLessThan(conditions.cases.length / 4);
    for (const { says, condition, context, matches } of embeddable) {
      const rules: Rule[] = [{ name: "r", when: condition as Condition, serve: { model: "ranker", version: "2" } }];
      const [answer] = await decideInEnvoy(compileRules(rules), [context as Context]);
      expect([says, condition, context, answer?.includes("rule=r;")]).toEqual([says, condition, context, matches]);
    }
  });

  test("decisions", async () => {
    const models = decisions.documents.filter(({ kind }) => kind === "Model").map((each) => modelSchema.parse(each));
    const [objective] = decisions.documents
      .filter(({ kind }) => kind === "Objective")
      .map((each) => objectiveSchema.parse(each));
    if (!objective) throw new Error("decisions.json has no objective");
    const compiled = compileObjective({ objective, models, revision: decisions.revision });
    const contexts = decisions.cases.filter(({ override }) => !override).map(({ context }) => context as Context);
    expect(await decideInEnvoy(compiled, contexts)).toEqual(decideHere(compiled, contexts));
  });

  const byHash = experiments.runs.filter(({ experiment }) => !experiment.startsWith("from-lab"));
  test.each(byHash)("experiment $experiment at $now, with its layer and holdouts", async (run) => {
    const [document] = experiments.experiments.filter(({ metadata }) => metadata.name === run.experiment);
    const compiled = compileExperiments(
      [experimentSchema.parse(document)],
      experiments.holdouts.map((each) => holdoutSchema.parse(each)),
    );
    const contexts = experiments.contexts as Context[];
    const now = Date.parse(run.now);
    const answers = await decideInEnvoy(compiled, contexts, now);
    expect(answers).toEqual(decideHere(compiled, contexts, now));
    const found = answers.map((header) => /;variant=([^;]*);.*reason=experiment/.exec(header)?.[1] ?? null);
    const arms = new Set(compiled.experiments[0]?.document.spec.arms.map(({ name }) => name));
    expect(found).toEqual(run.outcomes.map((outcome) => (arms.has(outcome) ? outcome : null)));
    const missing = answers.map((header) => header.endsWith(";reason=unit_missing"));
    expect(missing).toEqual(run.outcomes.map((outcome) => outcome === "unit_missing"));
  });
});

describe("any rules decide inside Envoy as they do here", () => {
  const serve = { model: "ranker", version: "2" };
  const variants = ["a", "b", "c"].map((name, index) => ({ name, weight: index + 0.5, model: "ranker", version: "3" }));
  const embeddable = (when: Condition) => embeddingObstacles([{ when }]).length === 0;

  test("of random conditions, in random contexts", async () => {
    const rules = fc.array(fc.tuple(arbitraries.condition.filter(embeddable), fc.boolean()), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(
        rules,
        fc.array(arbitraries.context, { minLength: 5, maxLength: 20 }),
        async (given, contexts) => {
          const compiled = compileRules(
            given.map(([when, isSplit], index) => ({
              name: `r${index}`,
              when,
              ...(isSplit ? { split: { variants } } : { serve }),
            })),
          );
          const withUnits = contexts.map((context, index) =>
            index % 3 === 0 ? context : { ...context, userId: `u${index}` },
          );
          expect(await decideInEnvoy(compiled, withUnits as Context[])).toEqual(
            decideHere(compiled, withUnits as Context[]),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test("of names and values that try to break out of the program", async () => {
    const nasty = fc.oneof(
      fc.string({ unit: "binary" }).map((text) => text.toWellFormed()),
      fc
        .array(
          fc.constantFrom(
            '"',
            "'",
            "\\",
            "]]",
            "]=]",
            "--",
            "\n",
            "\r",
            "\0",
            "\\0",
            "end",
            "pwned=1",
            "%",
            "]",
            "é",
            "😀",
            "\u2028",
          ),
        )
        .map((pieces) => pieces.join("")),
      fc.constantFrom('"] = 1 pwned = 1 --', '"}} _G.pwned = 1 --', "\\", '\\"', "]] pwned=1 --[["),
    );
    const when = fc.oneof(
      nasty.map((text): Condition => ({ a: text })),
      nasty.map((text): Condition => ({ a: { ne: text, startsWith: text.slice(0, 2).toWellFormed() } })),
      fc.array(nasty, { minLength: 1, maxLength: 8 }).map((texts): Condition => ({ a: { in: texts } })),
      nasty.map((text): Condition => ({ not: { a: { contains: text, endsWith: text } } })),
      // A pattern that matches the text itself.
      nasty.map((text): Condition => ({ a: { matches: text.replace(/[!-/:-@[-`{-~]/g, "\\$&") } })).filter(embeddable),
    );
    await fc.assert(
      fc.asyncProperty(when, nasty, nasty, async (condition, value, salt) => {
        const split = {
          salt: salt || "s",
          variants: variants.map((each) => ({ ...each, parameters: { [value]: value } })),
        };
        const compiled = compileRules([{ name: "r", when: condition, split }]);
        const contexts = [{ a: value, userId: value }, { userId: "u" }, { a: value }];
        expect(await decideInEnvoy(compiled, contexts)).toEqual(decideHere(compiled, contexts));
        expect(await lua.run("return tostring(rawget(_G, 'pwned')) .. tostring(noGlobals.pwned)")).toBe("nilnil");
      }),
      { numRuns: 300 },
    );
  });

  test("of versions", async () => {
    const part = fc.constantFrom("0", "1", "2", "10", "01", "9007199254740991", "9007199254740992", "x", "");
    const pre = fc.constantFrom(
      "",
      "-",
      "-alpha",
      "-alpha.1",
      "-1",
      "-01",
      "-a.b",
      "-a..b",
      "+b",
      "+",
      "-rc.1+b.2",
      "-beta+",
      "-A",
      "-99999999999999999",
    );
    const version = fc
      .tuple(fc.constantFrom("", "v", " ", "=", "V"), part, part, part, pre, fc.constantFrom("", " ", ".1"))
      .map(([before, major, minor, patch, after, end]) => `${before}${major}.${minor}.${patch}${after}${end}`);
    const range = fc.constantFrom(
      "*",
      "",
      ">=1.2.3",
      "<2",
      ">=1.0.0-alpha <1.0.0",
      "^1.2",
      "~1.2.3 || >=10",
      "1.0.0 - 2",
      "1.0.0-alpha.1",
      "=2.0.0",
      "<0.0.0-0",
      ">1.0.0-rc.1",
      "1.x || 2.1.x",
    );
    await fc.assert(
      fc.asyncProperty(range, fc.array(version, { minLength: 30, maxLength: 60 }), async (semver, versions) => {
        const compiled = compileRules([{ name: "r", when: { a: { semver } }, serve }]);
        const contexts = versions.map((a) => ({ a }));
        expect(await decideInEnvoy(compiled, contexts)).toEqual(decideHere(compiled, contexts));
      }),
      { numRuns: 150 },
    );
  });
});

describe("any experiments decide inside Envoy as they do here", () => {
  test("of random conditions, times, layers, slices, holdouts and units, before random rules", async () => {
    const percent = fc.oneof(fc.constantFrom(0, 100, 50), fc.double({ min: 0, max: 100, noNaN: true }));
    const unit = fc.constantFrom("userId", "account", "a");
    const moment = fc.integer({ min: 0, max: 10 });
    const spec = fc.record(
      {
        when: arbitraries.condition.filter((when) => embeddingObstacles([{ when }]).length === 0),
        start: moment,
        end: moment,
        slices: fc.array(fc.tuple(percent, percent), { minLength: 1, maxLength: 3 }),
      },
      { requiredKeys: ["slices"] },
    );
    const holdout = fc.record({ unit, percent, iteration: fc.integer({ min: 1, max: 3 }) });
    const at = (value: number) => new Date(value).toISOString();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(unit, spec, fc.boolean()), { minLength: 1, maxLength: 4 }),
        fc.array(holdout, { maxLength: 2 }),
        fc.array(arbitraries.context, { minLength: 10, maxLength: 20 }),
        moment,
        async (specs, holdouts, contexts, now) => {
          // Together they need not be documents that can be: those are checked elsewhere.
          const given = specs.map(([unit, { when, start, end, slices }, isLayered], index) => {
            const document = experimentOn(`e${index}`, { unit, ...(when ? { when } : {}) });
            const layer = { name: "l", slices: slices.map(([from, to]) => ({ from, to })) };
            const times = {
              ...(start === undefined ? {} : { start: at(start) }),
              ...(end === undefined ? {} : { end: at(end) }),
            };
            return { ...document, spec: { ...document.spec, ...times, ...(isLayered ? { layer } : {}) } };
          });
          const held = holdouts.map((spec, index) =>
            holdoutSchema.parse({ apiVersion, kind: "Holdout", metadata: { name: `h${index}` }, spec }),
          );
          const compiled = compileExperiments(given, held);
          const withUnits = contexts.map((context, index) => ({
            ...context,
            ...(index % 4 === 0 ? {} : { userId: `u${index}` }),
            ...(index % 3 === 0 ? {} : { account: index }),
          })) as Context[];
          expect(await decideInEnvoy(compiled, withUnits, now)).toEqual(decideHere(compiled, withUnits, now));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("of salts and names that try to break out of the program", async () => {
    const nasty = fc.string({ unit: "binary", minLength: 1, maxLength: 20 }).map((text) => text.toWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.oneof(nasty, fc.constantFrom('"', "]]", '") pwned=1 --', "\\", '\\"')), async (salt) => {
        const compiled = compileExperiments([experimentOn("e", { salt, when: { a: { ne: salt } } })], []);
        const contexts = [{ userId: "u", a: "x" }, { userId: salt, a: "y" }, { userId: salt, a: salt }, { a: "x" }];
        expect(await decideInEnvoy(compiled, contexts)).toEqual(decideHere(compiled, contexts));
        expect(await lua.run("return tostring(rawget(_G, 'pwned')) .. tostring(noGlobals.pwned)")).toBe("nilnil");
      }),
      { numRuns: 100 },
    );
  });
});

test("programs are kept by use: one that is used stays, those that are not are forgotten in the end", async () => {
  const asked = await lua.run(`
    local asked = {}
    local comment = "--" .. ("x"):rep(1024 * 1024) .. "\\n"
    local function use(id)
      local metadata = { get = function() asked[id] = (asked[id] or 0) + 1 return comment .. "return { name = '" .. id .. "' }" end }
      local host = { metadata = function() return metadata end }
      local program = programOf("@" .. id, { virtualHost = function() return host end })
      assert(program.name == id)
    end
    use("rare")
    for index = 1, 100 do
      use("often")
      use("program-" .. index)
    end
    use("rare")
    return asked.often .. " " .. asked.rare`);
  expect(asked).toBe("1 2");
});

test("a short program is its own key, and needs no metadata", async () => {
  const answer = await lua.run(`
    local program = programOf("return { name = 'short' }", nil)
    return program.name .. " " .. tostring(program == programOf("return { name = 'short' }", nil))`);
  expect(answer).toBe("short true");
});

test("parameters of all lengths become the same base64url, and those that are too long are left out", async () => {
  for (const length of [0, 1, 2, 3, maxConfigHeaderBytes]) {
    const parameters = { text: 'é\u0001"\\/'.repeat(length) };
    const compiled = compileRules([{ name: "r", serve: { model: "ranker", version: "2", parameters } }]);
    expect(await decideInEnvoy(compiled, [{}])).toEqual(decideHere(compiled, [{}]));
  }
});
