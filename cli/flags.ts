import type { Option } from "./command.ts";

type Options = Readonly<Record<string, Option>>;

/** A word that begins a flag, such as `-o`, `-ojson`, `--output` or `--output=json`. */
type Flag = {
  readonly name: string;
  readonly option: Option;
  /** What is written together with it. */
  readonly value: string | undefined;
};

/**
 * The words of a command line with every flag that takes a value as one word, `--name=value`: a value may then begin
 * with a hyphen (`-f -`), be glued to a short flag (`-ojson`), and a list may be written `-c a=1 b=2` without taking
 * the positional arguments behind it. A flag whose value is missing stays as it is. Words after `--` are left alone, and the `--` goes,
 * because yargs loses positional arguments over it.
 */
export function joinFlagValues(words: readonly string[], options: Options): string[] {
  const joined: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    if (word === "--") return [...joined, ...words.slice(index + 1)];
    const flag = flagOf(word, options);
    if (!flag || flag.option.type === "boolean") {
      joined.push(word);
      continue;
    }
    const value = flag.value ?? words[index + 1];
    if (value === undefined || (flag.value === undefined && isEndOfFlag(value, options))) {
      joined.push(`--${flag.name}`);
      continue;
    }
    if (flag.value === undefined) index++;
    joined.push(`--${flag.name}=${value}`);
    for (let next = words[index + 1]; next !== undefined && belongsTo(flag, next, options); next = words[++index + 1])
      joined.push(`--${flag.name}=${next}`);
  }
  return joined;
}

function belongsTo({ option }: Flag, word: string, options: Options): boolean {
  return option.takesMore?.(word) === true && !isEndOfFlag(word, options);
}

function isEndOfFlag(word: string, options: Options): boolean {
  return word === "--" || flagOf(word, options) !== null;
}

function flagOf(word: string, options: Options): Flag | null {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
  const option = long && options[long[1] ?? ""];
  if (long && option) return { name: long[1] ?? "", option, value: long[2] };
  const short = /^-([A-Za-z])(?:=?(.+))?$/s.exec(word);
  const found = short && Object.entries(options).find(([, { alias }]) => alias === short[1]);
  return found ? { name: found[0], option: found[1], value: short[2] } : null;
}
