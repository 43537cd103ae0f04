import { describe, expect, test } from "vitest";
import { joinFlagValues } from "./flags.ts";

const options = {
  context: { describe: "", alias: "c", takesMore: (word: string) => word.includes("=") },
  output: { describe: "", alias: "o" },
  live: { describe: "", alias: "l", type: "boolean" },
} as const;
const join = (line: string) => joinFlagValues(line.split(" "), options).join(" ");

describe("the flags of a command line", () => {
  test("take their value from the next word, behind an equals sign, or glued to the short form", () => {
    for (const line of ["-o json", "--output json", "--output=json", "-o=json", "-ojson"])
      expect(join(line)).toBe("--output=json");
  });

  test("collect a list from repeated flags and from the words that follow, and leave positional arguments alone", () => {
    const list = "--context=a=1 --context=b=2";
    expect(join("-c a=1 -c b=2 quickstart")).toBe(`${list} quickstart`);
    expect(join("-c a=1 b=2 quickstart")).toBe(`${list} quickstart`);
    expect(join("quickstart --context a=1 b=2 -o json")).toBe(`quickstart ${list} --output=json`);
  });

  test("may have a value that begins with a hyphen, unless it is a flag of the command", () => {
    expect(join("-o -")).toBe("--output=-");
    expect(join("-o -x")).toBe("--output=-x");
    expect(join("-o --live")).toBe("--output --live");
    expect(join("-o")).toBe("--output");
  });

  test("leave flags without a value, unknown flags, and everything after -- as they are", () => {
    expect(join("-l x --other y -z -- -o json")).toBe("-l x --other y -z -o json");
  });
});
