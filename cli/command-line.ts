import yargs from "yargs";
import type { Command, CommandContext } from "./command.ts";
import { CommandError, type ExitCode, exitCode } from "./exit-codes.ts";

const epilogue = [
  "Exit codes: 0 done, 1 refused or failed (nothing changed), 2 wrong usage, 3 not reachable.",
  "Shell completion: `signalbox completion >> ~/.bashrc` (or ~/.zshrc).",
].join("\n");

/** Parses `argv` (without node and script), runs the command, and answers with the exit code. Never ends the process. */
export async function runCommandLine(
  commands: readonly Command[],
  argv: readonly string[],
  context: CommandContext,
): Promise<ExitCode> {
  let code: ExitCode = exitCode.ok;
  const parser = yargs()
    .scriptName("signalbox")
    .usage("$0 <command>\n\nRoutes inference requests to ML models without touching the payload.")
    .exitProcess(false)
    .strict()
    .demandCommand(1, "Name a command; `signalbox --help` lists them.")
    .recommendCommands()
    .completion("completion", "Print the completion script for bash or zsh")
    .help()
    .version(false)
    .epilogue(epilogue)
    .wrap(110)
    .fail((message, error) => {
      throw error ?? new CommandError(message, exitCode.usage);
    });
  for (const command of commands) {
    parser.command({
      command: command.usage,
      describe: command.summary,
      builder: (builder) => {
        for (const [name, positional] of Object.entries(command.positionals ?? {})) {
          builder.positional(name, { type: "string", ...positional });
        }
        for (const [name, { required, ...option }] of Object.entries(command.options ?? {})) {
          builder.option(name, { ...option, demandOption: required ?? false });
        }
        for (const [line, what] of command.examples) builder.example(line, what);
        return builder;
      },
      handler: async (args) => {
        code = await command.run(args, context);
      },
    });
  }
  try {
    await parser.parseAsync([...argv]);
    return code;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    context.warn(error.code === exitCode.usage ? `${error.message}\n\nSee signalbox --help.` : error.message);
    return error.code;
  }
}
