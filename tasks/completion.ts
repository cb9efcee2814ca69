import { Failure } from "../pipeline/errors.ts";
import type { Command } from "./cli/command.ts";
import { EXIT_CODES_HELP } from "./cli/exit_code.ts";
import { didYouMean } from "./cli/suggestion.ts";
import { print } from "./cli/terminal.ts";
import { COMMANDS, loadCommand } from "./commands.ts";
import { renderBash } from "./completion/bash.ts";
import { renderFish } from "./completion/fish.ts";
import { vocabularyOf } from "./completion/vocabulary.ts";
import { renderZsh } from "./completion/zsh.ts";

const RENDERERS = { bash: renderBash, zsh: renderZsh, fish: renderFish } as const;

const SHELLS = Object.keys(RENDERERS) as (keyof typeof RENDERERS)[];

/** The command `completion`. */
export const command: Command = {
  name: "completion",
  values: [],
  switches: [],
  operand: "shell",
  choices: { shell: SHELLS },
  help: `
Prints a script that completes deep-storage at the Tab key in a shell: commands, flags, their values
and the ids of checks. The script is for the name deep-storage.

Usage: deno task completion bash|zsh|fish

Examples:
  deno task completion bash > ~/.local/share/bash-completion/completions/deep-storage
  deno task completion zsh > ~/.zfunc/_deep-storage
  deno task completion fish > ~/.config/fish/completions/deep-storage.fish

Create the folder first: mkdir -p FOLDER. In bash, the package bash-completion must be
installed. In zsh, ~/.zfunc must be in fpath before compinit. Then start a new shell.
${EXIT_CODES_HELP}`,
  async run({ operand }) {
    const shell = SHELLS.find((each) => each === operand);
    if (shell === undefined) {
      throw new Failure({
        kind: "configuration",
        task: operand === undefined ? "print a script" : `use ${JSON.stringify(operand)}`,
        problem: operand === undefined ? "no shell was given" : "there is no script for this shell",
        remedy: `${didYouMean(operand ?? "", SHELLS)}Choose from ${SHELLS.join(", ")}.`,
      });
    }
    const commands = await Promise.all(
      COMMANDS.map(async (entry) => vocabularyOf(await loadCommand(entry.name), entry)),
    );
    print(RENDERERS[shell](commands));
    return 0;
  },
};
