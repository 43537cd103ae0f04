import type { ExitCode } from "./exit-codes.ts";

/** One flag of a command. */
export type Option = {
  readonly describe: string;
  /** A text by default; a flag without a value when "boolean". */
  readonly type?: "string" | "boolean";
  readonly alias?: string;
  readonly default?: string | boolean;
  /**
   * May be given more than once; the value is then a list. After the first value, words that this holds for belong to
   * the list too: `-c a=1 b=2`.
   */
  readonly takesMore?: (word: string) => boolean;
  readonly required?: boolean;
  readonly choices?: readonly string[];
};

/** A positional argument. */
export type Positional = {
  readonly describe: string;
  /** What shell completion offers; other words may be right too. */
  readonly suggestions?: readonly string[];
};

/** The values of the positional arguments and the flags, by name. */
export type Arguments = { readonly [name: string]: unknown };

/** What a command may touch: no command reads `process` itself, so that tests run them in process. */
export type CommandContext = {
  readonly environment: NodeJS.ProcessEnv;
  /** Writes one line to standard output. */
  print(line: string): void;
  /** Writes bytes to standard output as they are; resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes one line to standard error. */
  warn(line: string): void;
  /** True when standard output is a terminal. */
  readonly terminal: boolean;
  /** True when standard output is a terminal and NO_COLOR is not set. */
  readonly colours: boolean;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** All of standard input. Rejects when `signal` is aborted. */
  readStandardInput(): Promise<Buffer>;
};

/** One subcommand of `signalbox`. */
export type Command = {
  /** Name and positional arguments, `get <kind> [name]`: angle brackets are required. */
  readonly usage: string;
  readonly summary: string;
  /** Positional arguments by name. */
  readonly positionals?: Readonly<Record<string, Positional>>;
  readonly options?: Readonly<Record<string, Option>>;
  /** Command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  run(args: Arguments, context: CommandContext): Promise<ExitCode>;
};

/** The first word of a command's usage. */
export function commandName({ usage }: Pick<Command, "usage">): string {
  return usage.split(" ")[0] ?? usage;
}
