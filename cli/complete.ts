import { type Command, commandName, type Option } from "./command.ts";

/** The word that makes the command line complete another one; what comes behind it are the words typed so far. */
export const completeWord = "__complete";

/**
 * What the last of these words (what is typed after `signalbox`; empty when nothing is yet) may become: commands, flags,
 * the choices of a flag, kinds of document. Empty where the shell should offer file names.
 */
export function complete(commands: readonly Command[], words: readonly string[]): string[] {
  // bash makes a word of its own of the = in --output=json.
  const typed = words.filter((word, index) => word !== "=" || index === words.length - 1);
  const current = typed.at(-1)?.replace(/^=$/, "") ?? "";
  const [name, ...before] = typed.slice(0, -1);
  if (name === undefined) return startingWith(current, commands.map(commandName));
  const command = commands.find((each) => commandName(each) === name);
  return command ? startingWith(current, candidates(command, before, current)) : [];
}

function candidates(command: Command, before: readonly string[], current: string): readonly string[] {
  const options = command.options ?? {};
  const open = optionNamed(options, before.at(-1) ?? "");
  if (open && open.type !== "boolean") return open.choices ?? [];
  const [, flag, start] = /^(--[^=]+=)(.*)$/.exec(current) ?? [];
  if (flag !== undefined && start !== undefined)
    return (optionNamed(options, flag.slice(0, -1))?.choices ?? []).map((choice) => flag + choice);
  if (current.startsWith("-")) return [...Object.keys(options), "help"].map((flagName) => `--${flagName}`);
  const position = before.filter((word, index) => !word.startsWith("-") && !isValue(options, before[index - 1])).length;
  return Object.values(command.positionals ?? {})[position]?.suggestions ?? [];
}

function isValue(options: Readonly<Record<string, Option>>, word: string | undefined): boolean {
  const option = optionNamed(options, word ?? "");
  return option !== undefined && option.type !== "boolean";
}

function optionNamed(options: Readonly<Record<string, Option>>, word: string): Option | undefined {
  if (word.startsWith("--")) return options[word.slice(2)];
  return Object.values(options).find(({ alias }) => alias !== undefined && word === `-${alias}`);
}

function startingWith(start: string, words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith(start));
}
