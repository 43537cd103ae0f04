import type { Command, CommandContext } from "../command.ts";
import { completeWord } from "../complete.ts";
import { CommandError, exitCode } from "../exit-codes.ts";

const scripts: Readonly<Record<string, string>> = {
  bash: `_signalbox() {
  local IFS=$'\\n'
  COMPREPLY=($(signalbox ${completeWord} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F _signalbox signalbox`,
  zsh: `#compdef signalbox
_signalbox() {
  local -a found
  found=("\${(@f)$(signalbox ${completeWord} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
compdef _signalbox signalbox`,
};

/** `signalbox completion`: what a shell needs to complete the rest. */
export const completion: Command = {
  usage: "completion [shell]",
  summary: "Print the completion script for bash or zsh",
  positionals: { shell: { describe: "bash or zsh; the one of SHELL when absent", suggestions: Object.keys(scripts) } },
  examples: [["source <(signalbox completion bash)", "in ~/.bashrc; with zsh in ~/.zshrc after compinit"]],
  run: async (args, context) => {
    const shell = String(args.shell ?? usualShell(context));
    const script = scripts[shell];
    if (script === undefined)
      throw new CommandError(`There is no completion for "${shell}"; there is one for bash and zsh.`, exitCode.usage);
    context.print(script);
    return exitCode.ok;
  },
};

function usualShell({ environment }: CommandContext): string {
  return environment.SHELL?.endsWith("zsh") ? "zsh" : "bash";
}
