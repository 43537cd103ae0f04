import { nearest } from "../config/nearest.ts";
import { type Command, commandName } from "./command.ts";

/** Why a command line cannot be run, in the words of this program, and where to read more. */
export function usageProblem(message: string, command: Command): string {
  return `${explain(message, command)}\nUsage: signalbox ${command.usage}; \`signalbox ${commandName(command)} --help\` tells more.`;
}

/** What to say of a first word that is no command. */
export function unknownCommand(word: string | undefined, commands: readonly Command[]): string {
  if (word === undefined) return "Name a command; `signalbox --help` lists them.";
  return `There is no command "${word}".${didYouMean(word, commands.map(commandName))} \`signalbox --help\` lists them.`;
}

/** `message` is what yargs says, in English. */
function explain(message: string, command: Command): string {
  const options = command.options ?? {};
  const [, unknown] = /^Unknown arguments?: (.*)$/.exec(message) ?? [];
  if (unknown !== undefined)
    return unknown
      .split(", ")
      .map((word) => unknownArgument(word, options))
      .join("\n");
  const [, count] = /^Not enough non-option arguments: got (\d+)/.exec(message) ?? [];
  if (count !== undefined) return missingPositionals(Number(count), command);
  const [, needy] = /^Not enough arguments following: (.*)$/.exec(message) ?? [];
  if (needy !== undefined) return `--${needy} needs a value: ${options[needy]?.describe ?? "none was given"}.`;
  const [, missing] = /^Missing required arguments?: (.*)$/.exec(message) ?? [];
  if (missing !== undefined)
    return missing
      .split(", ")
      .map((name) => `--${name} is missing: ${options[name]?.describe ?? "it is required"}.`)
      .join("\n");
  const [, flag, given, choices] = /Argument: (.*), Given: (.*), Choices: (.*)$/m.exec(message) ?? [];
  return flag === undefined ? message : `--${flag} is ${given}; it may be ${choices}.`;
}

function missingPositionals(given: number, { usage, positionals = {} }: Command): string {
  const required = [...usage.matchAll(/<(\w+)(?:\.\.)?>/g)].map(([, name = ""]) => name);
  return required
    .slice(given)
    .map((name) => `<${name}> is missing: ${positionals[name]?.describe ?? "it is required"}.`)
    .join("\n");
}

function unknownArgument(word: string, options: NonNullable<Command["options"]>): string {
  const names = [...Object.keys(options), "help"];
  const close = nearest(word, names);
  return `There is no argument "${word}" here.${close === null ? "" : ` Did you mean --${close}?`}`;
}

function didYouMean(word: string, known: readonly string[]): string {
  const close = nearest(word, known) ?? known.find((each) => sorted(each) === sorted(word));
  return close === undefined ? "" : ` Did you mean ${close}?`;
}

/** Equal for a word and the same with letters swapped, which edit distance takes for two mistakes. */
function sorted(word: string): string {
  return [...word].sort().join("");
}
