import yargs from "yargs";
import manifest from "../package.json" with { type: "json" };
import { type Arguments, type Command, type CommandContext, commandName } from "./command.ts";
import { complete, completeWord } from "./complete.ts";
import { CommandError, type ExitCode, exitCode } from "./exit-codes.ts";
import { joinFlagValues } from "./flags.ts";
import { unknownCommand, usageProblem } from "./usage-problem.ts";

const epilogue = [
  "Exit codes: 0 done, 1 refused or failed (nothing changed), 2 wrong usage, 3 not reachable, 4 published but not live in time, 130 interrupted.",
  "Shell completion: `source <(signalbox completion bash)` in ~/.bashrc, or the same with zsh in ~/.zshrc.",
].join("\n");

/** Parses `argv` (without node and script), runs the command, and answers with the exit code. Never ends the process. */
export async function runCommandLine(
  commands: readonly Command[],
  argv: readonly string[],
  context: CommandContext,
): Promise<ExitCode> {
  if (argv[0] === completeWord) {
    for (const word of complete(commands, argv.slice(1))) context.print(word);
    return exitCode.ok;
  }
  const command = commandOf(commands, argv);
  let code: ExitCode = exitCode.ok;
  const fail = (message: string) => {
    const text = command ? usageProblem(message, command) : unknownCommand(argv.find(isNoFlag), commands);
    throw new CommandError(text, exitCode.usage);
  };
  const parser = createParser(fail);
  for (const each of commands)
    addCommand(parser, each, async (args) => {
      code = await each.run(args, context);
    });
  try {
    // yargs would take it for a flag all the same, and leave the argument out; nothing has such a name.
    const hyphenated = argv.includes("--")
      ? argv.slice(argv.indexOf("--") + 1).find((word) => !isNoFlag(word))
      : undefined;
    if (hyphenated !== undefined) fail(`Unknown argument: ${hyphenated}`);
    await parser.parseAsync(joinFlagValues(argv, command?.options ?? {}), {}, (_error, _args, output) => {
      if (output) context.print(output);
    });
    return code;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    context.warn(error.message);
    return error.code;
  }
}

function createParser(fail: (message: string) => never) {
  return yargs()
    .scriptName("signalbox")
    .usage("$0 <command>\n\nRoutes inference requests to ML models without touching the payload.")
    .locale("en")
    .parserConfiguration({
      "camel-case-expansion": false,
      "dot-notation": false,
      "greedy-arrays": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
    })
    .exitProcess(false)
    .strict()
    .demandCommand(1)
    .help()
    .alias("help", "h")
    .version(manifest.version)
    .epilogue(epilogue)
    .wrap(110)
    .fail((message, error) => {
      // yargs throws some of its complaints and passes on the others.
      if (error && error.name !== "YError") throw error;
      fail(message || error.message);
    });
}

function addCommand(parser: ReturnType<typeof yargs>, command: Command, run: (args: Arguments) => Promise<void>) {
  const options = command.options ?? {};
  parser.command({
    command: command.usage,
    describe: command.summary,
    builder: (builder) => {
      for (const [name, { describe }] of Object.entries(command.positionals ?? {}))
        builder.positional(name, { type: "string", describe });
      for (const [name, { required, takesMore, type = "string", ...option }] of Object.entries(options)) {
        const isList = takesMore !== undefined;
        builder.option(name, {
          ...option,
          type,
          array: isList,
          requiresArg: type === "string",
          demandOption: required,
        });
      }
      return builder.epilogue(examplesOf(command));
    },
    handler: (args) => run(withLastValues(args, options)),
  });
}

/** Each line as it may be pasted, under what it does: the two side by side would be broken to fit. */
function examplesOf({ examples }: Command): string {
  return ["Examples:", ...examples.flatMap(([line, what]) => [`  # ${what}`, `  ${line}`])].join("\n");
}

/** Of a flag that takes one value and is given twice, the last one counts. */
function withLastValues(args: Arguments, options: NonNullable<Command["options"]>): Arguments {
  const single = Object.keys(options).filter((name) => !options[name]?.takesMore && Array.isArray(args[name]));
  return { ...args, ...Object.fromEntries(single.map((name) => [name, (args[name] as unknown[]).at(-1)])) };
}

function commandOf(commands: readonly Command[], argv: readonly string[]): Command | undefined {
  const word = argv.find(isNoFlag);
  return commands.find((command) => commandName(command) === word);
}

function isNoFlag(word: string): boolean {
  return !word.startsWith("-");
}
