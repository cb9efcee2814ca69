import type { DatabaseConfig } from "../../pipeline/config.ts";

/** How a task ended, and what it said. */
export interface TaskOutcome {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A task that was started. */
export interface RunningTask {
  kill(signal: Deno.Signal): void;
  readonly outcome: Promise<TaskOutcome>;
}

/** Where tasks run. */
export const ROOT: URL = new URL("../../", import.meta.url);
const TASKS: Record<string, { readonly command: string }> =
  JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).tasks;

/**
 * Starts a task of deno.json as an operator does, with the permissions that it has there, and with
 * nothing of this process's environment but what Deno itself needs.
 */
export function startTask(
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): RunningTask {
  const [program, ...rest] = commandOf(name, args);
  const child = new Deno.Command(program!, {
    args: rest,
    cwd: ROOT,
    clearEnv: true,
    env: environmentOf(env),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  return {
    kill: (signal) => child.kill(signal),
    outcome: child.output().then(({ code, signal, stdout, stderr }) => ({
      code,
      signal,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
    })),
  };
}

/** A task's command line, as deno.json has it. */
export function commandOf(name: string, args: readonly string[]): string[] {
  const [program, ...own] = TASKS[name]!.command.split(" ");
  if (program !== "deno") throw new Error(`The task ${name} is no single run of deno.`);
  return [Deno.execPath(), ...own, ...args];
}

/** What a task has in its environment: what Deno itself needs, and what the test gives. */
export function environmentOf(env: Readonly<Record<string, string>>): Record<string, string> {
  return { ...inherited("PATH", "HOME", "DENO_DIR", "TMPDIR"), ...env };
}

/** Runs a task to its end. */
export function runTask(...how: Parameters<typeof startTask>): Promise<TaskOutcome> {
  return startTask(...how).outcome;
}

/** The variables that lead a task to a database and a lake in a directory. */
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
