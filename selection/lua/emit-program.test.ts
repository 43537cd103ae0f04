import { expect, test } from "vitest";
import { compiled, experiment, holdout } from "../testing/documents.ts";
import { emitProgram, emitResolverProgram } from "./emit-program.ts";

const serve = { model: "ranker", version: "2" };
/** An outcome with the parameters of the model in selection/testing/documents.ts. */
const parameters = (version: string, rule: string, rest = "") =>
  `{"ranker@${version}",${rule},"{\\"version\\":\\"${version}\\",\\"of\\":\\"ranker\\"}"${rest}}`;
const ofDefault = parameters("1", "nil,false");
const arm = (name: string, weight: number) => ({ name, weight, model: "ranker", version: "3" });

test("a program is attributes, outcomes and one function of ifs, without a loop", () => {
  const program = emitProgram(
    compiled({
      rules: [
        { name: "a", when: { country: { in: ["US", "CA"] }, age: { gte: 18 } }, serve },
        {
          name: "b",
          when: { not: { or: [{ beta: true }, { country: { exists: false } }] } },
          split: { variants: [arm("x", 1), arm("y", 3), arm("z", 0)] },
        },
      ],
    }),
  );
  expect(program).toBe(`local K={split("default/test/b:",{arm(1,3,"x"),arm(3,4,"y")})}
return selecting("default/test","7",{"userId",{"age","number",false},{"beta","boolean",false},"country"},{${ofDefault},${parameters("2", '"a",false')},${parameters("3", '"b","x"')},${parameters("3", '"b","y"')}},function(c,u,h)
local m=false
if ((c[4] == "US" or c[4] == "CA") and (type(c[2]) == "number" and c[2] >= 18)) then return 2,m end
if (not ((c[3] == true) or (c[4] == nil))) then if u then return pick(K[1],u),m end m=true end
return 1,m
end)`);
});

test("an objective without rules is names alone: there is nothing to choose", () => {
  expect(emitProgram(compiled())).toBe(`return selecting("default/test","7",{"userId"},{${ofDefault}})`);
});

test("an attribute says what its name does not: where it is, and what it is read as", () => {
  const context = { a: { header: "x-a" }, b: { baggage: "b.key" }, c: { header: "x-c", baggage: "c" } };
  const when = { a: 1, b: "x", c: "x" };
  expect(emitProgram(compiled({ context, rules: [{ name: "a", when, serve }] }))).toContain(
    '{"userId",{"a","number",false,"x-a",false},{"b","string",false,false,"b.key"},{"c","string",false,"x-c","c"}}',
  );
});

test("experiments come first: times, condition, unit, holdouts, layer, split; equal constants are one", () => {
  const layer = (from: number) => ({ name: "l", slices: [{ from, to: from + 0.5 }] });
  const experiments = [
    experiment("a", { unit: "account", start: "1970-01-01T00:00:01Z", when: { beta: true }, layer: layer(0) }),
    experiment("b", { unit: "account", end: "1970-01-01T00:00:09Z", layer: layer(50) }),
    experiment("c", { iteration: 2 }),
  ];
  const program = emitProgram(compiled({}, { experiments, holdouts: [holdout("h", { unit: "account", percent: 5 })] }));
  const arms = (rule: string) =>
    [parameters("1", `"${rule}","control"`, ",true"), parameters("2", `"${rule}","treatment"`, ",true")].join(",");
  expect(
    program,
  ).toBe(`local K={split("experiment:default/a:1:",{arm(1,2,"control"),arm(1,3,"treatment")}),share("holdout:default/h:1:"),share("layer:default/l:"),split("experiment:default/b:1:",{arm(1,4,"control"),arm(1,5,"treatment")}),split("experiment:default/c:2:",{arm(1,6,"control"),arm(1,7,"treatment")})}
return selecting("default/test","7",{"userId",{"account","string",true},{"beta","boolean",false}},{${[ofDefault, ...["a", "b", "c"].map(arms)].join(",")}},function(c,u,h)
local m=false
local t=h:timestamp()
if t >= 1000 and (c[3] == true) then if c[-2] then if position(K[2],c[-2]) >= 21474836480 and ((position(K[3],c[-2]) >= 0 and position(K[3],c[-2]) < 2147483648)) then return pick(K[1],c[-2]),m end else m=true end end
if t < 9000 and (true) then if c[-2] then if position(K[2],c[-2]) >= 21474836480 and ((position(K[3],c[-2]) >= 214748364800 and position(K[3],c[-2]) < 216895848448)) then return pick(K[4],c[-2]),m end else m=true end end
if (true) then if u then return pick(K[5],u),m else m=true end end
return 1,m
end)`);
});

test("long lists, ranges of versions and texts of patterns become constants and comparisons", () => {
  const rules = [
    { name: "a", when: { a: { notIn: [1, 2, 3, "x", "y"] } }, serve },
    { name: "b", when: { v: { semver: ">=1.2.0-rc.1 <2" } }, serve },
    { name: "c", when: { t: { matches: "^en-" } }, serve },
    { name: "d", when: { t: { matches: "a\\.b" } }, serve },
  ];
  const program = emitProgram(compiled({ rules }));
  expect(program).toContain('{[1]=true,[2]=true,[3]=true,["x"]=true,["y"]=true}');
  expect(program).toContain(
    'if ((type(c[2]) == "number" or type(c[2]) == "string") and not (c[2] ~= nil and K[1][c[2]] == true)) then',
  );
  expect(program).toContain('{{{">=",{1,2,0,{"rc",1}}},{"<",{2,0,0,{0}}}}}');
  expect(program).toContain('if startsWith(c[3], "en-") then');
  expect(program).toContain('if (type(c[3]) == "string" and contains(c[3], "a.b")) then');
});

test("what Envoy cannot evaluate is not emitted", () => {
  const rules = [{ name: "a", when: { a: { matches: "a+" } }, serve }];
  expect(() => emitProgram(compiled({ rules }))).toThrow("cannot be evaluated inside Envoy");
  const experiments = [experiment("e", { allocation: { by: "cells" } })];
  expect(() => emitProgram(compiled({}, { experiments }))).toThrow("cells cannot be looked up inside Envoy");
});

test("for the resolver, a program has the attributes to send, what counts when nobody answers, and half of the time", () => {
  const rules = [{ name: "a", when: { a: { matches: "a+" }, b: 1 }, serve }];
  const context = { a: { header: "x-a" }, b: { baggage: "b" } };
  const byDefault = emitResolverProgram(compiled({ rules, context }));
  expect(byDefault).toBe(`return asking("default/test",{{"x-a","a"}},"default",{"userid",false},50)`);
  const refusing = emitResolverProgram(
    compiled({ rules, policy: { onResolverFailure: "reject", resolverTimeoutMs: 7 } }),
  );
  expect(refusing).toBe('return asking("default/test",{},"reject",{"userid","a","b"},4)');
});
