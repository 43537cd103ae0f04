import { describe, expect, test } from "vitest";
import type { Arguments, Command, CommandContext } from "./command.ts";
import { runCommandLine } from "./command-line.ts";
import { commands } from "./commands.ts";
import { exitCode } from "./exit-codes.ts";

/** Runs a line and tells what it wrote, and with which arguments a command was run. */
async function run(line: string, known: readonly Command[] = [recording]) {
  const printed: string[] = [];
  const warned: string[] = [];
  seen = undefined;
  const context: CommandContext = {
    environment: {},
    print: (text) => printed.push(text),
    write: async () => undefined,
    warn: (text) => warned.push(text),
    terminal: false,
    colours: false,
    signal: new AbortController().signal,
    readStandardInput: async () => Buffer.of(),
  };
  const code = await runCommandLine(known, line.split(" ").filter(Boolean), context);
  return { code, printed: printed.join("\n"), warned: warned.join("\n"), args: seen };
}

let seen: Arguments | undefined;
const recording: Command = {
  usage: "record <kind> [name]",
  summary: "Record its arguments",
  positionals: { kind: { describe: "A kind" }, name: { describe: "A name" } },
  options: {
    context: { describe: "Attributes", alias: "c", takesMore: (word) => word.includes("=") },
    output: { describe: "How", alias: "o", choices: ["table", "json"], default: "table" },
    at: { describe: "When" },
    live: { describe: "Whether", type: "boolean" },
  },
  examples: [["signalbox record x", "an example"]],
  run: async (args) => {
    seen = args;
    return exitCode.failed;
  },
};

describe("a command line", () => {
  test("runs the command with texts, whatever they look like, and ends with its exit code", async () => {
    const { code, args } = await run("record 007 1e3 --at 42 --live");
    expect(code).toBe(exitCode.failed);
    expect(args).toMatchObject({ kind: "007", name: "1e3", at: "42", live: true, output: "table" });
  });

  test("reads lists however they are written", async () => {
    for (const line of ["record -c a=1 -c b=2 x", "record -c a=1 b=2 x", "record x --context=a=1 --context b=2"])
      expect((await run(line)).args).toMatchObject({ kind: "x", context: ["a=1", "b=2"] });
  });

  test("takes the last of a flag that is given twice", async () => {
    expect((await run("record x -o table -o json")).args).toMatchObject({ output: "json" });
  });

  test("takes what comes after -- for positional arguments", async () => {
    expect((await run("record --live -- x y")).args).toMatchObject({ kind: "x", name: "y", live: true });
  });

  const usageErrors = [
    ["", "Name a command"],
    ["rekord x", 'There is no command "rekord". Did you mean record?'],
    ["recrod x", "Did you mean record?"],
    ["record", "<kind> is missing: A kind."],
    ["record x y z", 'There is no argument "z" here.'],
    ["record x --ouput json", "Did you mean --output?"],
    ["record x --at", "--at needs a value: When."],
    ["record x -c", "--context needs a value: Attributes."],
    ["record x -c --live", "--context needs a value: Attributes."],
    ["record x -o xml", '--output is "xml"; it may be "table", "json".'],
    ["record x -- -o", 'There is no argument "-o" here.'],
    ["record x --context.a=1", 'There is no argument "context.a" here.'],
  ] as const;
  for (const [line, message] of usageErrors) {
    test(`of "${line}" is refused with the remedy, and runs nothing`, async () => {
      const { code, warned, args } = await run(line);
      expect(code).toBe(exitCode.usage);
      expect(warned).toContain(message);
      expect(warned).toContain("--help");
      expect(args).toBeUndefined();
    });
  }

  test("may ask for help and for the version", async () => {
    expect(await run("--help")).toMatchObject({ code: exitCode.ok, printed: expect.stringContaining("Exit codes: 0") });
    expect((await run("--version")).printed).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe("the help of", () => {
  for (const command of commands) {
    const [name = ""] = command.usage.split(" ");
    test(`${name} has examples, which are command lines of it`, async () => {
      const { code, printed } = await run(`${name} --help`, commands);
      expect(code).toBe(exitCode.ok);
      expect(printed).toContain("Examples:");
      for (const [line, what] of command.examples) {
        expect(line).toContain(`signalbox ${name}`);
        expect(printed.split("\n")).toEqual(expect.arrayContaining([`  ${line}`, `  # ${what}`]));
      }
    });
  }
});
