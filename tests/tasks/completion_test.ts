import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import { COMMANDS } from "../../tasks/commands.ts";
import { FACTS } from "../../tasks/cli/preflight_options.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { runTask } from "../support/task.ts";

// The scripts of `completion`, loaded by the real shells. A shell that is not installed fails in CI, and
// is ignored elsewhere.

type Shell = "bash" | "zsh" | "fish";

/** Returns the answers of a shell for each line when the operator types the line and presses Tab. */
type Complete = (script: string, lines: readonly string[]) => Promise<string[][]>;

async function output(program: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" })
    .output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([code, text(stderr)], [0, ""]);
  return text(stdout);
}

/** The words of a line as bash splits them: `=` is a word of its own. */
function bashWords(line: string): string[] {
  return line.split(/ |(=)/).filter((word) => word !== undefined)
    .filter((word, i, all) => word !== "" || i === all.length - 1 && all[i - 1] !== "=");
}

const COMPLETERS: Readonly<Record<Shell, Complete>> = {
  bash: (script, all) =>
    Promise.all(all.map(async (line) => {
      const words = bashWords(line);
      const code = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ' +
        '_deep_storage; printf "%s\\n" "${COMPREPLY[@]}"';
      return lines(await output("bash", ["--norc", "-c", code, "bash", script, ...words]));
    })),
  fish: (script, all) =>
    Promise.all(all.map(async (line) => {
      const code = 'source $argv[1]; complete -C "$argv[2]"';
      const home = await Deno.makeTempDir();
      try {
        const answers = await output("env", [`HOME=${home}`, "fish", "-c", code, script, line]);
        return lines(answers).map((answer) => answer.split("\t")[0]!);
      } finally {
        await Deno.remove(home, { recursive: true });
      }
    })),
  zsh: completeInZsh,
};

/** The program of zsh that types a line and Tab in another zsh, whose `compadd` prints the answers. */
const ZSH = String.raw`
  zmodload zsh/zpty
  zpty shell zsh -f -i
  ask() { zpty -w shell "$1"; zpty -r shell text "*$2*" }
  ask 'PS1= PS2= RPS1=; stty -echo; print rea\dy' ready
  ask 'autoload -Uz compinit; compinit -u -D; source '$1'; print loa\ded' loaded
  ask 'compadd() {
    local -a found
    builtin compadd -O found "$@"
    print -rl -- "<answer "$^found">" >$TTY
    builtin compadd "$@"
  }; print wrap\ped' wrapped
  ask 'finish() { print -r -- "<end>" >$TTY }; zle -N finish; bindkey "^X" finish; print bou\nd' bound
  for line in "$@[2,-1]"; do
    zpty -n -w shell $line$'\t\x18'
    zpty -r shell text '*<end>*'
    print -r -- $text
    zpty -n -w shell $'\x15'
  done
  zpty -d shell`;

/** zsh completes only at a terminal, so it gets one of its own. */
async function completeInZsh(script: string, all: readonly string[]): Promise<string[][]> {
  const text = await output("zsh", ["-f", "-c", ZSH, "zsh", script, ...all]);
  return text.split("<end>").slice(0, all.length)
    .map((part) => [...part.matchAll(/<answer (\S+)>/g)].map(([, word]) => word!));
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

const CASES: readonly (readonly [line: string, words: readonly string[]])[] = [
  ["bron", ["bronze"]],
  ["help sil", ["silver"]],
  ["bronze --keep", ["--keep-going"]],
  ["bronze yes", ["yesterday"]],
  ["run --engine ", ["local", "spark"]],
  ["run --output=j", ["json", "junit"]],
  ["reach -o nd", ["ndjson"]],
  ["show bro", ["bronze"]],
  ["schedule o", ["off", "on"]],
  ["explain lake-conf", ["lake-conformance"]],
  ["preflight --facts manifests,da", ["manifests,database"]],
  ["preflight --skip rba", ["rbac="]],
  ["completion z", ["zsh"]],
];

for (const shell of Object.keys(COMPLETERS) as Shell[]) {
  const isMissing = !await new Deno.Command(shell, { args: ["--version"] }).output()
    .then(({ success }) => success, () => false);
  const ignore = isMissing && Deno.env.get("CI") !== "true";
  Deno.test({
    name: `completion: completes commands, flags and values in ${shell}`,
    ignore,
    async fn() {
      const { code, stdout, stderr } = await runTask("completion", [shell]);
      assertEquals([code, stderr], [0, ""]);
      const script = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(script, stdout);
        const all = CASES.map(([line]) => `deep-storage ${line}`);
        const answers = await COMPLETERS[shell](script, all);
        for (const [i, [line, words]] of CASES.entries()) {
          assertEquals([line, answers[i]!.map(whole(line)).toSorted()], [line, words]);
        }
      } finally {
        await Deno.remove(script);
      }
    },
  });
}

/** Adds what fish and zsh leave out of an answer: the text before the last `=` or comma. */
function whole(line: string): (answer: string) => string {
  const typed = line.slice(line.lastIndexOf(" ") + 1);
  const before = typed.slice(0, typed.lastIndexOf(",") + 1);
  return (answer) => {
    const value = answer.startsWith("--output=") ? answer.slice("--output=".length) : answer;
    return value.startsWith(before) ? value : before + value;
  };
}

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`completion: the script for ${shell} has every command, every check and every fact`, async () => {
    const { stdout } = await runTask("completion", [shell]);
    const words = [...COMMANDS.map(({ name }) => name), ...PREFLIGHT.map(({ id }) => id), ...FACTS];
    for (const word of words) assertStringIncludes(stdout, word);
  });
}

Deno.test("completion: refuses another shell, and suggests the one that was meant", async () => {
  const [none, other] = await Promise.all([
    runTask("completion"),
    runTask("completion", ["bsh"]),
  ]);
  assertEquals([none.code, none.stdout, other.code, other.stdout], [2, "", 2, ""]);
  assertStringIncludes(none.stderr, "Choose from bash, zsh, fish");
  assertStringIncludes(other.stderr, "Did you mean bash?");
  assert(!none.stderr.includes("Did you mean"));
});
