/** The result of a block. */
export interface Pasted {
  readonly code: number;
  /** What the terminal showed. */
  readonly shown: string;
}

/** A question at the terminal, and what the operator types. */
export interface Answer {
  /** The end of the question. */
  readonly question: string;
  readonly keys: string;
}

/** A shell in which the blocks of a page are pasted. It keeps its variables between blocks. */
export interface Shell {
  /** Pastes a block at a terminal, and answers its questions. */
  paste(block: string, answers?: readonly Answer[]): Promise<Pasted>;
  /** Sets variables. */
  set(variables: Readonly<Record<string, string>>): Promise<void>;
}

/** The answer to each question of the toolkit. */
const AGREE: Answer = { question: "[y/N] ", keys: "y\n" };

/** The most seconds that a block takes. */
const DEADLINE = 300;

/**
 * Opens a shell. A command that fails ends its block, and so does a variable that is not set.
 *
 * @param folder a new folder for the files of the shell
 * @param checkout the working directory
 */
export async function openShell(
  folder: string,
  checkout: string,
  env: Readonly<Record<string, string>>,
): Promise<Shell> {
  await Deno.mkdir(folder);
  const file = (name: string) => `${folder}/${name}.sh`;
  const run = `set -euo pipefail
. ${file("variables")}
trap 'export -p > ${file("variables")}' EXIT
. ${file("block")}
`;
  await Deno.writeTextFile(file("variables"), "");
  await Deno.writeTextFile(file("run"), run);
  return {
    async set(variables) {
      const lines = Object.entries(variables).map(([name, value]) =>
        `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`
      );
      await Deno.writeTextFile(file("variables"), lines.join(""), { append: true });
    },
    async paste(block, answers = []) {
      await Deno.writeTextFile(file("block"), `${block}\n`);
      const args = ["--kill-after=5", `${DEADLINE}`, "script", "-qefc", `bash ${file("run")}`];
      const child = new Deno.Command("timeout", {
        args: [...args, "/dev/null"],
        cwd: checkout,
        clearEnv: true,
        env: { ...env, SHELL: "/bin/bash" },
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const shown = await talk(child, [...answers]);
      return { code: (await child.status).code, shown };
    },
  };
}

/** Answers each question when it appears. Returns what the terminal showed. */
async function talk(child: Deno.ChildProcess, answers: Answer[]): Promise<string> {
  const keyboard = child.stdin.getWriter();
  const encoder = new TextEncoder();
  let shown = "";
  let answered = 0;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    shown += text;
    for (;;) {
      const { question, keys } = answers[0] ?? AGREE;
      const at = shown.indexOf(question, answered);
      if (at < 0) break;
      answered = at + question.length;
      answers.shift();
      await keyboard.write(encoder.encode(keys));
    }
  }
  await keyboard.close().catch(() => {});
  return shown;
}
