import type { ExitCode } from "./exit-codes.ts";

/** One flag of a command. */
export type Option = {
  readonly describe: string;
  readonly type?: "string" | "number" | "boolean";
  readonly alias?: string;
  readonly default?: string | number | boolean;
  /** May be given more than once; the value is then a list. */
  readonly array?: boolean;
  readonly required?: boolean;
  readonly choices?: readonly string[];
};

/** The values of the positional arguments and the flags, by name. */
export type Arguments = { readonly [name: string]: unknown };

/** What a command may touch: no command reads `process` itself, so that tests run them in process. */
export type CommandContext = {
  readonly environment: NodeJS.ProcessEnv;
  /** Writes one line to standard output. */
  print(line: string): void;
  /** Writes one line to standard error. */
  warn(line: string): void;
  /** True when standard output is a terminal and NO_COLOR is not set. */
  readonly colours: boolean;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** All of standard input as text. */
  readStandardInput(): Promise<string>;
};

/** One subcommand of `signalbox`. */
export type Command = {
  /** Name and positional arguments, `get <kind> [name]`: angle brackets are required. */
  readonly usage: string;
  readonly summary: string;
  /** Positional arguments by name. */
  readonly positionals?: Readonly<Record<string, { describe: string; choices?: readonly string[] }>>;
  readonly options?: Readonly<Record<string, Option>>;
  /** Command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  run(args: Arguments, context: CommandContext): Promise<ExitCode>;
};
