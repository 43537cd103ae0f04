import { expect, test } from "vitest";
import { compiled } from "../testing/documents.ts";
import { emitProgram, emitResolverProgram } from "./emit-program.ts";

const serve = { model: "ranker", version: "2" };
const arm = (name: string, weight: number) => ({ name, weight, model: "ranker", version: "3" });
const withoutHeaders = (program: string) => program.replace(/\{"default\/test\/[^\n]*/g, "…");

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
  expect(withoutHeaders(program)).toBe(`local K={
split("default/test/b:",{arm(1,3,"x"),arm(3,4,"y")})}
local type,pick,contains,startsWith,endsWith,semver=type,pick,contains,startsWith,endsWith,semver
return {name="default/test",
attributes={{"x-signalbox-context-userid","userId","string"},{"x-signalbox-context-age","age","number"},{"x-signalbox-context-beta","beta","boolean"},{"x-signalbox-context-country","country","string"}},
outcomes={…
…
…
…
choose=function(c,u)
local m=false
if ((c[4] == "US" or c[4] == "CA") and (type(c[2]) == "number" and c[2] >= 18)) then return 2,m end
if (not ((c[3] == true) or (c[4] == nil))) then if u then return pick(K[1],u),m end m=true end
return 1,m
end}`);
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
});

test("for the resolver, a program renames headers and has what counts when nobody answers", () => {
  const rules = [{ name: "a", when: { a: { matches: "a+" }, b: 1 }, serve }];
  const context = { a: { header: "x-a" } };
  const byDefault = emitResolverProgram(compiled({ rules, context }));
  expect(byDefault).toContain('renamed={{"x-a","x-signalbox-context-a"}}');
  expect(byDefault).toContain('fallback={"default/test/ranker@1",');
  expect(byDefault).not.toContain("choose");
  const refusing = emitResolverProgram(compiled({ rules, policy: { onResolverFailure: "reject" } }));
  expect(refusing).toContain('fallback={"default/test/-"}');
});
