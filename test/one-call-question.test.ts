import { afterAll, beforeAll, expect, test } from "vitest";
import { type EnvoyLua, startEnvoyLua } from "./support/envoy-lua.ts";

let lua: EnvoyLua;

beforeAll(async () => {
  lua = await startEnvoyLua();
});

afterAll(() => lua?.stop());

/** The context headers, and baggage, of the question that a program asks for a request with these headers. */
async function asked(program: string, headers: string): Promise<string> {
  return await lua.run(`
    local given = ${headers}
    local headers = { get = function(self, name) return given[name] end }
    local names = {}
    for name, value in pairs(questionOf(headers, loadProgram([==[${program}]==]))) do
      if name == "baggage" or name:find("context") then names[#names + 1] = name .. "=" .. value end
    end
    table.sort(names)
    return table.concat(names, " ")`);
}

test("a question has the attributes by their own names, and baggage when a header is missing", async () => {
  const program = `return asking("default/test",{{"x-a","a"}},"default",{"userid"},50)`;
  const unit = `["x-signalbox-context-userid"]="u", ["x-signalbox-context-a"]="other", baggage="b=1"`;
  expect(await asked(program, `{ ${unit}, ["x-a"]="1" }`)).toBe("x-signalbox-context-a=1 x-signalbox-context-userid=u");
  expect(await asked(program, `{ ${unit} }`)).toBe("baggage=b=1 x-signalbox-context-userid=u");
});

test("a question has baggage when an attribute comes in that alone", async () => {
  const program = `return asking("default/test",{},"default",{"userid",false},50)`;
  const given = `{ ["x-signalbox-context-userid"]="u", baggage="b=1" }`;
  expect(await asked(program, given)).toBe("baggage=b=1 x-signalbox-context-userid=u");
});

test("a program that has no time for a question, as all had once, leaves it to Envoy's filter", async () => {
  const done = await lua.run(`
    local done = {}
    local function note(...) done[#done + 1] = table.concat({ ... }, " ") end
    local headers = {
      get = function() return nil end,
      remove = function(self, name) note("remove", name) end,
      add = function(self, name, value) note("add", name, value) end,
    }
    local metadata = { set = function(self, filter, key, value) note(filter, key, tostring(value)) end }
    local info = { dynamicMetadata = function() return metadata end }
    local handle = { streamInfo = function() return info end }
    decideByResolver(handle, headers, loadProgram('return asking("default/test",{{"x-a","a"}},"default")'))
    return table.concat(done, ", ")`);
  expect(done).toBe(
    "remove x-signalbox-context-a, add x-routing-key default/test/default, signalbox.one_call asks true",
  );
});
