import { pathToFileURL } from "node:url";
import { runBronze } from "../../pipeline/bronze.ts";
import { type DatabaseConfig, sealGrace } from "../../pipeline/config.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import { Failure, unlessAborted } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type Client, logIn } from "../../pipeline/outbox/client.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { shellQuote } from "../../pipeline/shell.ts";
import type { Interrupts } from "../cli/command.ts";
import { printing } from "../cli/observer.ts";
import { print } from "../cli/terminal.ts";

/** The day that stays open, the day after the demo's own. */
const OPEN_DAY = parseDay("2025-12-29")!;

/** The name of the prepared transaction. */
const WRITER = "slow-writer";

/** The file of `--stay`. The end of the block removes it. */
export interface VariablesFile extends Disposable {
  /** The path as given. */
  readonly path: string;
}

/**
 * Creates the file of `--stay`, which only this user can read. It does not wait, so that no interrupt
 * comes between the file and the caller.
 *
 * @throws {Failure} configuration: the file exists, or cannot be written
 */
export function variablesFile(path: string): VariablesFile {
  try {
    Deno.writeTextFileSync(path, "", { createNew: true, mode: 0o600 });
  } catch (error) {
    const exists = error instanceof Deno.errors.AlreadyExists;
    throw new Failure({
      kind: "configuration",
      task: `use --stay ${path}`,
      problem: exists ? "the file exists" : (error as Error).message,
      remedy: exists
        ? "Remove it if it is from an earlier demo, or give the name of a new file."
        : "Give the name of a new file in a directory that this user may write.",
      cause: error,
    });
  }
  return { path, [Symbol.dispose]: () => remove(path) };
}

/** What {@linkcode stay} needs. */
export interface Stay {
  readonly database: DatabaseConfig;
  readonly lake: Lake;
  /** The directory of the lake. */
  readonly directory: string;
  /** The day that the demo has published. */
  readonly day: Day;
  readonly variables: VariablesFile;
  readonly interrupts: Interrupts;
}

/**
 * Adds a late event to the published day, publishes a day that a slow writer holds open, and waits for
 * Ctrl-C. Enter commits the writer.
 */
export async function stay(options: Stay): Promise<void> {
  const { database, lake, directory, day, variables, interrupts } = options;
  const ended = new AbortController();
  using _ = interrupts.take(() => ended.abort());
  const writer = await logIn(database);
  try {
    await writer.send(newEvent(day));
    print(`demo    late        1 event of ${day} arrived after the day was sealed`);
    await writer.send(newEvent(OPEN_DAY));
    await writer.send("BEGIN");
    await writer.send(newEvent(OPEN_DAY));
    await writer.send(`PREPARE TRANSACTION '${WRITER}'`);
    print(`demo    writer      ${WRITER} has not committed its event of ${OPEN_DAY}`);
    const grace = sealGrace();
    const run = { lake, day: OPEN_DAY };
    await runBronze({ ...run, database, grace, observer: printing("bronze", "text") });
    await runSilver({ ...run, observer: printing("silver", "text") });
    await Deno.writeTextFile(variables.path, lines(database, directory));
    print("");
    print(
      `Postgres runs until Ctrl-C, which also removes ${variables.path}. In another shell here:`,
    );
    for (const [command, purpose] of COMMANDS(day)) {
      print(`  ${inShell(variables.path, `deno task ${command}`).padEnd(64)}  ${purpose}`);
    }
    print(`Press Enter here to let ${WRITER} commit. Until then, ${OPEN_DAY} stays open.`);
    await commitAtEnter(writer, ended.signal);
  } finally {
    await writer.end();
  }
}

const COMMANDS = (day: Day) =>
  [
    [`status --to ${OPEN_DAY}`, "why a day is open"],
    [`amend ${day}`, "add the late event"],
    [`run ${OPEN_DAY}`, "seal the day, after Enter in the demo"],
  ] as const;

/**
 * Returns a command with the variables of a file. They replace variables of the shell, such as a login
 * to another database; variables of `--env-file` do not.
 */
function inShell(path: string, command: string): string {
  const file = shellQuote(path.includes("/") ? path : `./${path}`);
  return `(set -a; . ${file}; ${command})`;
}

/** Commits the writer at the first line of the standard input, and waits for Ctrl-C. */
async function commitAtEnter(writer: Client, ended: AbortSignal): Promise<void> {
  const never = new Promise<never>(() => {});
  try {
    const count = await unlessAborted(Deno.stdin.read(new Uint8Array(1024)), ended);
    if (count !== null) {
      await writer.send(`COMMIT PREPARED '${WRITER}'`);
      print(`demo    writer      ${WRITER} has committed its event of ${OPEN_DAY}`);
    }
    await unlessAborted(never, ended);
  } catch (error) {
    if (!ended.aborted) throw error;
  }
}

/** The SQL that inserts a triggered stop of a new operation at noon. */
function newEvent(day: Day): string {
  return `
INSERT INTO stop_events (
  event_id, event_seq, occurred_at, operation_id, client_id, symbol, event_type,
  trigger_price, stop_price, quantity, side, source, retry_count
)
SELECT gen_random_uuid(), max(event_seq) + 1, '${day} 12:00:00+00', max(operation_id) + 1, 1,
  'BTCUSDC', 'STOP_TRIGGERED', 87412.35, 87500.00, 0.015, 'SELL', 'ws', 0
FROM stop_events`;
}

/**
 * The lines of the file: each variable that selects a database, a table or a lake, or decides when a
 * day is sealed. An empty variable counts as not set.
 */
function lines(database: DatabaseConfig, directory: string): string {
  const variables = {
    DJANGO_DB_HOST: database.host,
    DJANGO_DB_PORT: database.port,
    DJANGO_DB_NAME: database.name,
    DJANGO_DB_USER: database.user,
    DJANGO_DB_PASSWORD: database.password,
    DJANGO_DB_SSLMODE: "disable",
    PGSSLMODE: "disable",
    PGSSLROOTCERT: "",
    SEAL_GRACE_MINUTES: "",
    OUTBOX_TABLE: "stop_events",
    LAKE_URL: pathToFileURL(directory).href.replaceAll("'", "%27"),
  };
  return Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`).join("");
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // The user has removed it.
  }
}
