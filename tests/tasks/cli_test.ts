import { pathToFileURL } from "node:url";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { COMMANDS as ENTRIES } from "../../tasks/commands.ts";
import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { deadPort } from "../support/dead_port.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertGreaterOrEqual,
  assertMatch,
  assertStringIncludes,
} from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";

// Runs the commands as an operator does: in separate processes, with the permissions and flags of
// deno.json, and only the environment variables of the test.

const ROOT = new URL("../../", import.meta.url);
const TASKS: Record<string, { command: string }> =
  JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).tasks;
const COMMANDS = ENTRIES.map(({ name }) => name);

/** Milliseconds until a command is killed, also on a busy machine. */
const DEADLINE = 180_000;
const SECRETS = ["DJANGO_DB_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/** The first characters of every terminal escape sequence. */
const ESCAPE = "\x1b";

type Environment = Record<string, string>;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Returns the command line of a task in deno.json. */
function commandLine(task: string): string[] {
  const [program, ...args] = TASKS[task]!.command.split(" ");
  assertEquals(program, "deno");
  return [Deno.execPath(), ...args];
}

/** Returns the variables of this process that Deno itself needs. */
function bare(env: Environment): Environment {
  const own = ["PATH", "HOME", "DENO_DIR"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(own), ...env };
}

async function execute([program, ...args]: string[], env: Environment): Promise<Outcome> {
  const child = new Deno.Command(program!, {
    args,
    cwd: ROOT,
    clearEnv: true,
    env: bare(env),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  for (const name of SECRETS.filter((name) => env[name])) {
    assert(!`${out}${error}`.includes(env[name]!), `the output has ${name}`);
  }
  return { code, stdout: out!, stderr: error! };
}

/** Runs a task and waits for its end. Fails if the output contains a secret. */
function run(task: string, args: readonly string[], env: Environment = {}): Promise<Outcome> {
  return execute([...commandLine(task), ...args], env);
}

function database({ host, port, name, user, password }: DatabaseConfig): Environment {
  return {
    DJANGO_DB_HOST: host,
    DJANGO_DB_PORT: String(port),
    DJANGO_DB_NAME: name,
    DJANGO_DB_USER: user,
    DJANGO_DB_PASSWORD: password,
  };
}

/** Variables of an unreachable database, and of a directory without a lake. */
const UNREACHABLE: Environment = {
  LAKE_URL: import.meta.resolve("./"),
  DJANGO_DB_HOST: "127.0.0.1",
  DJANGO_DB_PORT: "1",
  DJANGO_DB_PASSWORD: "hunter2hunter2",
};

function jsonLines(stdout: string): Record<string, unknown>[] {
  assert(stdout.endsWith("\n"));
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("command line: includes bronze, silver and the demo", () => {
  for (const task of ["bronze", "silver", "demo"]) assert(COMMANDS.includes(task), task);
});

// V8 keeps the compiled code of a module only for the same flags. With other flags, each change from
// one command to another would compile the modules that both commands use.
Deno.test("command line: every command starts V8 with the same flags", () => {
  const flags = COMMANDS.map((task) => /--v8-flags=\S+/.exec(TASKS[task]!.command)?.[0]);
  assertEquals([...new Set(flags)], [flags[0]]);
  assertMatch(flags[0] ?? "", /--no-lazy\b/);
});

for (const task of COMMANDS) {
  Deno.test(`command line: ${task} --help prints its usage with examples, and needs no environment`, async () => {
    const { code, stdout, stderr } = await run(task, ["--help"]);
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `Usage: deno task ${task}`);
    assertStringIncludes(stdout, "Examples:");
    assertStringIncludes(stdout, `\n  deno task ${task}`);
    assertFalse(stdout.includes(ESCAPE));
    assert(stdout.split("\n").every((line) => line.length <= 100), "a line is over 100 characters");
  });
}

const WRONG_USAGE: [string, string[], string[]][] = [
  ["an unknown flag", ["--dates", "2025-12-28"], ['"--dates"', "--help"]],
  ["an unknown flag of one letter", ["-d", "2025-12-28"], ['"-d"']],
  ["a flag without its value", ["--date"], ["--date", "without a value"]],
  ["a flag with an empty value", ["--date="], ["--date", "without a value"]],
  ["a flag in place of a value", ["--date", "--dry-run"], ["--date", "without a value"]],
  ["a flag twice", ["--date", "2025-12-28", "--date=2025-12-29"], ["--date", "given twice"]],
  ["two days", ["2025-12-28", "2025-12-29"], ['"2025-12-29"', "takes one day"]],
  ["two hyphens before the flags", ["--", "--date", "2025-12-28"], ["takes one day"]],
  ["a day twice", ["2025-12-28", "--date", "2025-12-28"], ["a day together with --date"]],
  ["a day and a range", ["--date", "today", "--from", "2025-12-28"], ["--date together with"]],
  ["an end without a start", ["--to", "2025-12-28"], ["--to without --from"]],
  ["a reversed range", ["--from", "2025-12-28", "--to", "2025-12-27"], ["end comes before"]],
  ["a flag of Deno", ["--env-file=.env"], ["deno task --env-file=.env run"]],
  ["an unknown output", ["--output", "xml"], ['--output "xml"', "text, json"]],
  ["a day that does not exist", ["--date", "2025-02-29"], ['--date "2025-02-29"', "no such day"]],
];

for (const task of ["amend", "bronze", "clean", "postflight", "run", "show", "silver"]) {
  Deno.test(`command line: ${task} judges the day before the settings`, async () => {
    const args = [...(task === "show" ? ["bronze"] : []), "2025-02-29"];
    const { code, stderr } = await run(task, args, {});
    assertEquals(code, 2);
    assertStringIncludes(stderr, '"2025-02-29"');
    assertStringIncludes(stderr, "no such day");
  });
}

for (const task of ["amend", "bronze", "run"]) {
  Deno.test(`command line: ${task} names a valid number of seconds for --silence`, async () => {
    const { code, stderr } = await run(task, ["2025-12-28", "--silence", "0"], {});
    assertEquals(code, 2);
    assertStringIncludes(stderr, "such as --silence 300");
  });
}

for (const task of ["bronze", "silver"]) {
  for (const [what, args, words] of WRONG_USAGE) {
    Deno.test(`command line: ${task} exits with 2 for ${what}, and names the mistake`, async () => {
      const { code, stdout, stderr } = await run(task, args, UNREACHABLE);
      assertEquals([code, stdout], [2, ""], stderr);
      for (const word of words) assertStringIncludes(stderr, word);
      assertEquals(stderr.trimEnd().split("\n").length, 1);
    });
  }

  Deno.test(`command line: ${task} exits with 2 for a shell expression in JOB_DATE, and explains it`, async () => {
    const env = { ...UNREACHABLE, JOB_DATE: "$(date +%Y-%m-%d)" };
    const { code, stdout, stderr } = await run(task, [], env);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, 'JOB_DATE="$(date +%Y-%m-%d)"');
    assertStringIncludes(stderr, "Kubernetes does not run a shell");
  });

  Deno.test(`command line: ${task} exits with 2 without the lake's keys, and names them`, async () => {
    const { LAKE_URL: _, ...env } = UNREACHABLE;
    const { code, stderr } = await run(task, ["--date", "2025-12-28"], env);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    assert(stderr.endsWith("\nrunbook: deno task explain log-in\n"), stderr);
  });

  Deno.test(`command line: ${task} exits with 3 if its database is down`, async () => {
    const port = deadPort();
    const { code, stdout, stderr } = await run(task, [], {
      ...UNREACHABLE,
      DJANGO_DB_PORT: String(port),
    });
    assertEquals([code, stdout], [3, ""]);
    assertStringIncludes(stderr, `127.0.0.1:${port}`);
    assertStringIncludes(stderr, "DJANGO_DB_HOST");
    assertFalse(stderr.includes(ESCAPE));
  });
}

Deno.test("command line: every command refuses a lake in a directory that does not exist", async () => {
  await using db = await outbox();
  const parent = await Deno.makeTempDir();
  const path = `${parent}/not here`;
  const env = { ...database(db.config), LAKE_URL: pathToFileURL(path).href };
  const day = ["--date", "2025-12-28"];
  const commands: [string, string[]][] = [
    ["bronze", day],
    ["silver", day],
    ["run", day],
    ["run", ["--pending"]],
    ["amend", [...day, "--yes"]],
    ["clean", day],
    ["postflight", day],
    ["status", []],
    ["show", ["bronze", "2025-12-28"]],
  ];
  for (const [task, args] of commands) {
    const { code, stdout, stderr } = await run(task, args, env);
    assertEquals([code, stdout], [2, ""], task);
    assertStringIncludes(stderr, `directory ${path}: it does not exist. Correct LAKE_URL.`);
    assertStringIncludes(stderr, `mkdir -p '${path}'`);
  }
  assertEquals([...Deno.readDirSync(parent)], []);
  await Deno.remove(parent, { recursive: true });
});

Deno.test("bronze: exits with 2 without a password, and names the variable", async () => {
  const { DJANGO_DB_PASSWORD: _, ...env } = UNREACHABLE;
  const { code, stderr } = await run("bronze", ["--date", "2025-12-28"], env);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "DJANGO_DB_PASSWORD is not set");
});

Deno.test("bronze: exits with 2 for a wrong password, and shows no password", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const env = { ...database(db.config), LAKE_URL: lake.name, DJANGO_DB_PASSWORD: "wr0ng-passw0rd" };
  const { code, stderr } = await run("bronze", ["--date", "2025-12-28"], env);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "DJANGO_DB_PASSWORD");
  assert(!stderr.includes(db.config.password));
});

Deno.test("silver: exits with 1 for a day without bronze, and names the next command", async () => {
  await using lake = await temporaryLake();
  const { code, stdout, stderr } = await run("silver", ["--date", "2025-12-28"], {
    LAKE_URL: lake.name,
  });
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "deno task bronze --date 2025-12-28");
});

Deno.test("silver: exits with 3 for an unreachable bucket, and shows no key", async () => {
  const env = {
    S3_ENDPOINT: "http://127.0.0.1:1",
    AWS_ACCESS_KEY_ID: "AKIDHUNTER2",
    AWS_SECRET_ACCESS_KEY: "hunter2/hunter2+hunter2",
  };
  const { code, stderr } = await run("silver", ["--date", "2025-12-28"], env);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "127.0.0.1:1");
});

Deno.test("command line: --output json prints a failure as one line of JSON with the exit code", async () => {
  const failures: [string, string[], Environment, number][] = [
    ["bronze", ["--date", "2025-12-28"], UNREACHABLE, 3],
    ["bronze", [], { ...UNREACHABLE, JOB_DATE: "tomorrow" }, 2],
    ["silver", ["--date", "2025-12-28"], UNREACHABLE, 1],
  ];
  for (const [task, args, env, exitCode] of failures) {
    const { code, stdout, stderr } = await run(task, [...args, "--output", "json"], env);
    assertEquals([code, stderr], [exitCode, ""], stdout);
    const [line, ...more] = jsonLines(stdout);
    assertEquals(more, []);
    const date = args.length > 0 ? ["date"] : [];
    assertEquals(Object.keys(line!), [
      "version",
      "command",
      "step",
      ...date,
      "message",
      "task",
      "problem",
      "remedy",
      "exitCode",
      ...args.length > 0 ? ["page"] : [],
    ]);
    assertEquals([line!.command, line!.step, line!.exitCode], [task, "failed", exitCode]);
    assertMatch(String(line!.message), /^Cannot /);
  }
});

Deno.test("bronze, silver: print each step as a line of JSON with --output json", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = { ...database(db.config), LAKE_URL: lake.name };
  const args = ["--date", "2025-12-28", "--output", "json"];
  const expected: [string, string, number][] = [
    ["bronze", "bronze/events/date=2025-12-28/_commit.json", 2],
    ["silver", "silver/stop_executions/_commits/date=2025-12-28.json", 1],
  ];
  for (const [task, key, rows] of expected) {
    const { code, stdout, stderr } = await run(task, args, env);
    assertEquals([code, stderr], [0, ""]);
    const lines = jsonLines(stdout);
    assertGreaterOrEqual(lines.length, 4);
    for (const { command, step, warning } of lines) {
      assertEquals([command, typeof step, warning], [task, "string", false]);
    }
    const { outcome, ...commit } = lines.find(({ step }) => step === "commit")!;
    assertEquals(outcome, "written");
    assertEquals(commit, {
      version: 1,
      command: task,
      step: "commit",
      date: "2025-12-28",
      warning: false,
      key,
      state: "sealed",
      rows,
      parts: 1,
    });
  }
});

Deno.test("bronze, silver: print a line per step, without colour if there is no terminal", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  // The day comes from the environment, as for a job in the cluster.
  const env = { ...database(db.config), LAKE_URL: lake.name, JOB_DATE: "2025-12-28" };
  for (const task of ["bronze", "silver"]) {
    const { code, stdout, stderr } = await run(task, [], env);
    assertEquals([code, stderr], [0, ""]);
    assertFalse(stdout.includes(ESCAPE));
    assert(stdout.trimEnd().split("\n").every((line) => line.startsWith(`${task}  `)), stdout);
    assertMatch(stdout, /commit .*date=2025-12-28.*, sealed\n/);
    const again = await run(task, [], env);
    assertEquals(again.code, 0);
    assertStringIncludes(again.stdout, "nothing was written");
  }
});

Deno.test("command line: --dry-run prints what a run would do, and stores nothing", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = { ...database(db.config), LAKE_URL: lake.name };
  const args = ["--date", "2025-12-28"];
  const bronze = await run("bronze", [...args, "--dry-run"], env);
  assertEquals(bronze.code, 0);
  assertStringIncludes(bronze.stdout, "nothing was stored; a run would publish 1 part, sealed");
  assertEquals([...await lake.contents()], []);

  assertEquals((await run("bronze", args, env)).code, 0);
  const before = await lake.contents();
  const silver = await run("silver", [...args, "--dry-run"], env);
  assertEquals(silver.code, 0);
  assertStringIncludes(silver.stdout, "nothing was stored; a run would publish 1 part, sealed");
  assertEquals(await lake.contents(), before);
});

Deno.test("command line: Ctrl-C ends a waiting run with 130, and nothing is stored", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const other = await db.connect();
  await other.query("BEGIN; LOCK TABLE stop_events IN ACCESS EXCLUSIVE MODE");
  const [program, ...args] = commandLine("bronze");
  const child = new Deno.Command(program!, {
    args: [...args, "--date", "2025-12-28"],
    cwd: ROOT,
    clearEnv: true,
    env: bare({ ...database(db.config), LAKE_URL: lake.name }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE);
  const ended = child.output();
  const waiting = "SELECT FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'";
  const started = performance.now();
  while ((await db.query(waiting, [db.config.name])).length === 0) {
    assert(performance.now() - started < DEADLINE, "bronze did not wait for the lock");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill("SIGINT");
  const { code, stderr } = await ended;
  clearTimeout(timer);
  assertEquals(code, 130);
  assertStringIncludes(new TextDecoder().decode(stderr), "Interrupted. bronze can be stopped");
  await other.query("ROLLBACK");
  assertEquals([...await lake.contents()], []);
});

// Some tests need a terminal of their own, which `script` of util-linux provides.
const terminal = Deno.build.os === "linux" &&
  (Deno.env.get("PATH") ?? "").split(":").some((folder) => exists(`${folder}/script`));

function exists(path: string | URL): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Runs a task on a terminal, which merges standard output and error. */
function runOnTerminal(task: string, args: readonly string[], env: Environment): Promise<Outcome> {
  const command = [...commandLine(task), ...args].join(" ");
  return execute(["script", "--quiet", "--return", "--command", command, "/dev/null"], env);
}

Deno.test({
  name: "command line: prints colour on a terminal, and none with NO_COLOR",
  ignore: !terminal,
  async fn() {
    await using lake = await temporaryLake();
    const env = { LAKE_URL: lake.name, TERM: "xterm-256color" };
    const args = ["--date", "2025-12-28"];
    const colourful = await runOnTerminal("silver", args, env);
    assertEquals(colourful.code, 1);
    assertStringIncludes(colourful.stdout, `${ESCAPE}[31mCannot build silver`);
    const plain = await runOnTerminal("silver", args, { ...env, NO_COLOR: "1" });
    assertEquals(plain.code, 1);
    assertStringIncludes(plain.stdout, "Cannot build silver");
    assertFalse(plain.stdout.includes(`${ESCAPE}[3`));
  },
});
