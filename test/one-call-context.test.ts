import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OneCallAttribute } from "../selection/one-call/attributes.ts";
import { maxAttributeBytes, readContext } from "../selection/one-call/read-context.ts";
import { unitText } from "../selection/unit.ts";
import { type EnvoyLua, startEnvoyLua } from "./support/envoy-lua.ts";

let lua: EnvoyLua;

beforeAll(async () => {
  lua = await startEnvoyLua();
});

afterAll(() => lua?.stop());

type Headers = Readonly<Record<string, string>>;

const attributes: readonly OneCallAttribute[] = [
  { name: "userId", header: "x-user", baggage: "userId", type: "number" },
  { name: "text", header: "x-text", baggage: "text", type: "string" },
  { name: "on", header: "x-on", baggage: null, type: "boolean" },
  { name: "tags", header: "x-tags", baggage: "tags", type: "list" },
  { name: "hidden", header: null, baggage: "hidden", type: "string" },
];

/** A text of Latin-1 characters, each a byte, as a Lua literal. */
function bytes(text: string): string {
  const escaped = text.replace(/[^ !#-[\]-~]/g, (each) => `\\${String(each.charCodeAt(0)).padStart(3, "0")}`);
  return `"${escaped}"`;
}

/** The contexts that the filter reads, each value with its type and its text as a unit, or the problem. */
async function readInEnvoy(requests: readonly Headers[]): Promise<string[]> {
  const given = requests.map(
    (headers) =>
      `read({ ${Object.entries(headers)
        .map(([name, value]) => `["${name}"] = ${bytes(value)}`)
        .join(", ")} })`,
  );
  const list = attributes.map(
    ({ header, baggage, type }) =>
      `{ ${header ? `"${header}"` : false}, ${baggage ? `"${baggage}"` : false}, "${type}", true }`,
  );
  const answer = await lua.run(`
    local attributes = { ${list.join(", ")} }
    local lines = {}
    local function hex(text) return (text:gsub(".", function(each) return ("%02x"):format(each:byte()) end)) end
    local function show(value)
      if type(value) ~= "table" then
        return type(value) == "number" and "number " .. ("%.17g"):format(value) or type(value) .. " " .. hex(tostring(value))
      end
      local members = {}
      for index, member in ipairs(value) do members[index] = hex(member) end
      return "list " .. table.concat(members, ",")
    end
    function read(given)
      local context, unit, problem = readContext({ get = function(_, name) return given[name] end }, attributes)
      if context == nil then
        lines[#lines + 1] = unit .. " " .. problem
        return
      end
      local values = {}
      context[-1] = unit
      for index = 1, #attributes do
        values[index] = show(context[index]) .. ", as a unit " .. (context[-index] and hex(context[-index]) or "none")
      end
      lines[#lines + 1] = table.concat(values, "; ")
    end
    ${given.join("\n")}
    return table.concat(lines, "\\n")`);
  return answer.split("\n");
}

const hex = (text: string) => Buffer.from(text, "utf8").toString("hex");

function show(value: unknown): string {
  if (Array.isArray(value)) return `list ${value.map(hex).join(",")}`;
  if (typeof value === "number") return `number ${luaFormat(value)}`;
  if (value === undefined) return `nil ${hex("nil")}`;
  return `${typeof value} ${hex(String(value))}`;
}

/** `%.17g` of C. */
function luaFormat(value: number): string {
  const [digits = "", exponent = "0"] = value.toExponential(16).split("e");
  const power = Number(exponent);
  if (value === 0) return "0";
  if (power < -4 || power >= 17) {
    const mantissa = digits.replace(/\.?0+$/, "");
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return value
    .toFixed(Math.max(0, 16 - power))
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
}

function readHere(headers: Headers): string {
  const read = readContext((name) => headers[name], attributes);
  if (!read.ok) return `${read.problem.header} ${read.problem.message}`;
  const values = attributes.map(({ name }) => {
    const unit = unitText(read.context[name]);
    return `${show(read.context[name])}, as a unit ${unit === null ? "none" : hex(unit)}`;
  });
  return values.join("; ");
}

test.each<[Headers, string]>([
  [{ "x-user": "42" }, "number 42"],
  [{ "x-user": "007" }, `string ${hex("007")}`],
  [{ "x-text": "na%C3%AFve%20%F0%9F%98%80" }, `string ${hex("naïve 😀")}`],
  [{ "x-text": "na\xc3\xafve" }, `string ${hex("naïve")}`],
  [{ "x-on": "true" }, `boolean ${hex("true")}`],
  [{ "x-tags": "a, b%2Cc ,d" }, `list ${["a", "b,c", "d"].map(hex).join(",")}`],
  [{ baggage: "text=a%20b;ttl=1, hidden = x ,text=second" }, `string ${hex("a b")}`],
  [{ "x-text": "header", baggage: "text=baggage" }, `string ${hex("header")}`],
  [{ "x-text": "a,b" }, "x-text has a comma"],
  [{ "x-text": "50%" }, "x-text has a % that two"],
  [{ "x-text": "%ff" }, "x-text is not UTF-8"],
  [{ "x-text": "%ED%A0%80" }, "x-text is not UTF-8"],
  [{ "x-text": "a".repeat(maxAttributeBytes + 1) }, `x-text has more than ${maxAttributeBytes} bytes`],
])("%j is read alike in Envoy and here", async (headers, part) => {
  expect(readHere(headers)).toContain(part);
  expect(await readInEnvoy([headers])).toEqual([readHere(headers)]);
});

describe("any headers are read alike in Envoy and in the resolver", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "%",
      "%41",
      "%C3%A9",
      "%c3",
      "%F0%9F%98%80",
      "%ED%A0%80",
      "%C0%80",
      "%00",
      ",",
      "=",
      ";",
      " ",
      "\t",
      "true",
      "1",
      "0",
      ".",
      "-",
      "e",
      "é",
      "ü",
    ),
    fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.integer().map(String),
    fc.tuple(fc.nat(1000), fc.nat(999_999_999)).map(([whole, part]) => `${whole}.${part}`),
    fc.stringMatching(/^-?[0-9]{1,17}(\.[0-9]{1,9})?$/),
  );
  const value = fc.oneof(text, number, fc.constantFrom("true", "false", "", " "));
  const member = fc
    .tuple(fc.constantFrom("userId", "text", "tags", "hidden", "other", " text"), value)
    .map((pair) => pair.join("="));
  const headers = fc.record(
    {
      "x-user": value,
      "x-text": value,
      "x-on": value,
      "x-tags": value,
      baggage: fc.array(fc.oneof(member, text), { maxLength: 4 }).map((members) => members.join(",")),
    },
    { requiredKeys: [] },
  );

  test("bytes of every kind, encoded and not", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(headers, { minLength: 20, maxLength: 50 }), async (requests) => {
        expect(await readInEnvoy(requests)).toEqual(requests.map(readHere));
      }),
      { numRuns: 150 },
    );
  });

  test("headers of many spaces and signs, in time that grows with their length only", async () => {
    const blanks = " ".repeat(15_000);
    const long = { "x-tags": `${blanks}a${blanks}b`, baggage: `text=${"%20".repeat(9_000)}` };
    // In quadratic time, a hundred of them would take longer than a test may.
    const requests = Array.from({ length: 100 }, () => long);
    expect(await readInEnvoy(requests)).toEqual(requests.map(readHere));
  });
});
