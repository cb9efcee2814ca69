import { commandOf, environmentOf, ROOT } from "./task.ts";
import { assert } from "./assert.ts";

// A real pseudo-terminal, provided by `script` of util-linux.

type Test = (name: string, run: (t: Deno.TestContext) => Promise<void>) => void;

const missing = await missingScript();

/**
 * Adds the need for a terminal to a test function. Without `script`, a test fails in CI and is
 * ignored elsewhere.
 */
export function atTerminal(test: Test): Test {
  if (missing === undefined || Deno.env.get("CI") === "true") return test;
  return (name) => Deno.test({ name: `${name} (${missing})`, ignore: true, fn() {} });
}

async function missingScript(): Promise<string | undefined> {
  const missing = "needs script of util-linux: apt-get install bsdutils";
  try {
    const { stdout } = await new Deno.Command("script", { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).includes("util-linux") ? undefined : missing;
  } catch {
    return missing;
  }
}

/** A task on its own terminal. */
export interface TerminalTask {
  /**
   * Returns everything that the terminal has shown so far, including colors and overwritten text.
   */
  shown(): string;
  /** Waits for a text in the output since the last call. */
  until(text: string): Promise<void>;
  /** Types keys: `\r` is Enter, `\x03` is Ctrl-C. */
  type(keys: string): Promise<void>;
  /** Returns the command lines of the task's processes, as visible to every user of the machine. */
  commandLines(): Promise<string[]>;
  /** The exit code, and whether the terminal's settings were restored. */
  readonly outcome: Promise<{ readonly code: number; readonly restored: boolean }>;
}

/** Deadline for output of a terminal in milliseconds. */
const DEADLINE = 180_000;

/**
 * Starts a task of deno.json on a terminal like an operator. Also records whether the task restores
 * the terminal's settings.
 *
 * @param columns the width of the terminal; default: unknown to the task
 */
export function startOnTerminal(
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  columns?: number,
): TerminalTask {
  const command = commandOf(name, args).map(quoted).join(" ");
  const width = columns === undefined ? "" : `stty cols ${columns}; `;
  // The shell survives Ctrl-C, so that it can read the terminal's settings afterwards.
  const shell = `${width}trap : INT; before=$(stty -g); ${command}; code=$?; ` +
    `[ "$before" = "$(stty -g)" ] && echo "<restored>"; exit $code`;
  const child = new Deno.Command("script", {
    args: ["-q", "-e", "-f", "-c", shell, "/dev/null"],
    cwd: ROOT,
    clearEnv: true,
    env: { TERM: "xterm", ...environmentOf(env), SHELL: "/bin/sh" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let shown = "";
  let seen = 0;
  let hasEnded = false;
  let news = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      shown += text;
      news.resolve();
      news = Promise.withResolvers();
    }
    hasEnded = true;
    news.resolve();
  })();
  const keyboard = child.stdin.getWriter();
  return {
    shown: () => shown,
    async until(text) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, DEADLINE));
      const from = performance.now();
      try {
        for (let at = -1; (at = shown.indexOf(text, seen)) < 0 || !(seen = at + text.length);) {
          // Without the end, the loop would never let go of the processor, and fill the memory.
          assert(
            !hasEnded && performance.now() - from < DEADLINE,
            `the terminal does not show ${text}, but: ${shown}`,
          );
          await Promise.race([news.promise, late]);
        }
      } finally {
        clearTimeout(timer);
      }
    },
    type: (keys) => keyboard.write(new TextEncoder().encode(keys)),
    commandLines: () => commandLinesUnder(child.pid),
    outcome: (async () => {
      const { code } = await child.status;
      await reading;
      await keyboard.close().catch(() => {});
      return { code, restored: shown.includes("<restored>") };
    })(),
  };
}

/** Returns the command lines of a process and its descendants. */
async function commandLinesUnder(pid: number): Promise<string[]> {
  // Deno itself has no access to /proc. The fourth field of `stat` is the parent's PID.
  const list = 'for p in /proc/[0-9]*; do echo "${p#/proc/} $(cut -d" " -f4 $p/stat) ' +
    `$(tr '\\0\\n' '  ' <$p/cmdline)"; done 2>/dev/null`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", list] }).output();
  const all = new TextDecoder().decode(stdout).split("\n").map((line) => {
    const [id, parent, ...words] = line.split(" ");
    return { id: Number(id), parent: Number(parent), words: words.join(" ") };
  });
  const found = [pid];
  for (const each of found) {
    found.push(...all.filter(({ parent }) => parent === each).map(({ id }) => id));
  }
  return all.filter(({ id }) => found.includes(id)).map(({ words }) => words);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
