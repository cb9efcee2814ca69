import type { DatabaseConfig } from "../../pipeline/config.ts";

/** The result of a task, with its output. */
export interface TaskOutcome {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running task. */
export interface RunningTask {
  kill(signal: Deno.Signal): void;
  /** What the task has printed until now on standard output. */
  printed(): string;
  readonly outcome: Promise<TaskOutcome>;
}

/** The folder in which tasks run. */
export const ROOT: URL = new URL("../../", import.meta.url);
const TASKS: Record<string, { readonly command: string }> =
  JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).tasks;

/**
 * Starts the process of a task of deno.json like an operator: with its permissions there, and without
 * this process's environment except for the variables that Deno needs.
 */
export function spawnTask(
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Deno.ChildProcess {
  const [program, ...rest] = commandOf(name, args);
  return new Deno.Command(program!, {
    args: rest,
    cwd: ROOT,
    clearEnv: true,
    env: environmentOf(env),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Starts a task as {@linkcode spawnTask} does, and collects its output. */
export function startTask(...how: Parameters<typeof spawnTask>): RunningTask {
  const child = spawnTask(...how);
  const texts = { stdout: "", stderr: "" };
  const collect = async (from: "stdout" | "stderr") => {
    for await (const text of child[from].pipeThrough(new TextDecoderStream())) texts[from] += text;
  };
  return {
    kill: (signal) => child.kill(signal),
    printed: () => texts.stdout,
    outcome: Promise.all([child.status, collect("stdout"), collect("stderr")])
      .then(([{ code, signal }]) => ({ code, signal, ...texts })),
  };
}

/** Returns an outcome without the lines about requests, which `--verbose` prints on standard error. */
export function withoutRequests(outcome: TaskOutcome): TaskOutcome {
  return { ...outcome, stderr: outcome.stderr.replaceAll(/^request (\w+) .*\n/gm, "") };
}

/** Runs a task in another folder, as an operator does whose manifests are there. */
export async function runTaskIn(
  folder: string,
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<TaskOutcome> {
  const [program, run, ...words] = commandOf(name, args);
  const rest = words.map((word) => word.startsWith("tasks/") ? new URL(word, ROOT).pathname : word);
  const { code, signal, stdout, stderr } = await new Deno.Command(program!, {
    args: [run!, "--config", new URL("deno.json", ROOT).pathname, ...rest],
    cwd: folder,
    clearEnv: true,
    env: environmentOf({ NO_COLOR: "1", ...env }),
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, signal, stdout: text(stdout), stderr: text(stderr) };
}

/** Returns the command line of a task in deno.json. */
export function commandOf(name: string, args: readonly string[]): string[] {
  const [program, ...own] = TASKS[name]!.command.split(" ");
  if (program !== "deno") throw new Error(`The task ${name} is not a single run of deno.`);
  return [Deno.execPath(), ...own, ...args];
}

/** Returns the environment of a task: the variables that Deno needs and those of the test. */
export function environmentOf(env: Readonly<Record<string, string>>): Record<string, string> {
  return { ...inherited("PATH", "HOME", "DENO_DIR", "TMPDIR"), ...env };
}

/** Runs a task and waits for its result. */
export function runTask(...how: Parameters<typeof startTask>): Promise<TaskOutcome> {
  return startTask(...how).outcome;
}

/** Returns the variables that select a database and a lake in a directory. */
export function environment(config: DatabaseConfig, lake: string): Record<string, string> {
  return {
    DJANGO_DB_HOST: config.host,
    DJANGO_DB_PORT: String(config.port),
    DJANGO_DB_NAME: config.name,
    DJANGO_DB_USER: config.user,
    DJANGO_DB_PASSWORD: config.password,
    LAKE_URL: `file://${lake}`,
  };
}

function inherited(...names: string[]): Record<string, string> {
  const found = names.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(
    found.filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}
