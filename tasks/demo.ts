import { runBronze } from "../pipeline/bronze.ts";
import { type DatabaseConfig, sealGrace } from "../pipeline/config.ts";
import { silverMarkerKey } from "../pipeline/contract/keys.ts";
import { EXECUTION_COLUMNS } from "../pipeline/contract/tables.ts";
import { formatValue } from "../pipeline/contract/value_text.ts";
import { type Day, parseDay } from "../pipeline/contract/window.ts";
import { Failure } from "../pipeline/errors.ts";
import type { Lake } from "../pipeline/lake/lake.ts";
import { openLake } from "../pipeline/lake/open.ts";
import { readMarker } from "../pipeline/lake/marker.ts";
import { readPart } from "../pipeline/lake/parts.ts";
import { logIn } from "../pipeline/outbox/client.ts";
import { plural } from "../pipeline/progress.ts";
import { runSilver } from "../pipeline/silver.ts";
import { checkAfter } from "./days/check_after.ts";
import type { Command } from "./cli/command.ts";
import { EXIT_CODES_HELP, STOPPED } from "./cli/exit_code.ts";
import type { Flags } from "./cli/flags.ts";
import { printing } from "./cli/observer.ts";
import { clearStatus, paint, print, printError, showStatus } from "./cli/terminal.ts";
import { startPostgres } from "./demo/embedded_postgres.ts";
import { lakeDirectory } from "./demo/lake_directory.ts";
import { CREATE_OUTBOX, generatedEvents, RUNBOOK_EVENTS } from "./demo/events.ts";
import { stay, variablesFile } from "./demo/stay.ts";

/** The UTC day of the two events in the runbook. */
const DAY = parseDay("2025-12-28")!;

/** The command `demo`. */
export const command: Command = {
  name: "demo",
  values: ["events", "lake", "stay"],
  switches: [],
  help: `
Runs the whole pipeline without any setup: starts its own Postgres, inserts two stop events, makes
bronze and silver, and checks the result. It removes the Postgres at the end, and keeps the files.

Usage: deno task demo [--events N] [--lake DIRECTORY] [--stay FILE]

  --events N          insert N realistic events instead of the two events of the runbook
  --lake DIRECTORY    an empty or new directory for the Parquet files; default: a new temporary one
  --stay FILE         keep the Postgres until Ctrl-C, to try other commands in another shell: adds a
                      late event and a day that stays open, and writes the login into a new file

Examples:
  deno task demo                    2 events become 1 execution
  deno task demo --events 100000    all nine event types, several clients, nulls and extreme values
  deno task demo --stay demo.env    it prints the commands to type in another shell
${EXIT_CODES_HELP}`,
  async run(flags, _interrupted, interrupts) {
    const events = eventCount(flags);
    using directory = lakeDirectory(flags.value("lake"));
    const { path } = directory;
    const file = flags.value("stay");
    using variables = file === undefined ? undefined : variablesFile(file);
    const end = (exitCode: number) => {
      clearStatus(true);
      directory[Symbol.dispose]();
      variables?.[Symbol.dispose]();
      const kept = exists(path) ? ` Its files are in ${path}.` : "";
      printError(`Interrupted. The demo can be stopped at any point: run it again.${kept}`);
      Deno.exit(exitCode); // this also ends Postgres
    };
    using _ = interrupts.take(() => end(STOPPED));
    Deno.addSignalListener("SIGTERM", () => end(143));
    Deno.addSignalListener("SIGHUP", () => end(129)); // the terminal is closed
    title("1. A temporary Postgres with the outbox");
    showStatus("starting Postgres …");
    const postgres = await startPostgres();
    clearStatus();
    const lake = await openLake({ kind: "directory", path });
    try {
      const { host, port } = postgres.config;
      print(`demo    postgres    ${postgres.version} on ${host}:${port}`);
      await fillOutbox(postgres.config, events);
      const exitCode = await showPipeline(postgres.config, lake, path);
      if (variables !== undefined) {
        title("6. A late event, and a day that stays open");
        const database = postgres.config;
        await stay({ database, lake, directory: path, day: DAY, variables, interrupts });
      }
      return exitCode;
    } finally {
      lake.close();
      await postgres.stop();
    }
  },
};

async function showPipeline(database: DatabaseConfig, lake: Lake, path: string): Promise<number> {
  title("2. Bronze: every event, exactly");
  const grace = sealGrace();
  await runBronze({ database, lake, day: DAY, grace, observer: printing("bronze", "text") });
  title("3. Silver: one row per operation, with its latest state");
  await runSilver({ lake, day: DAY, observer: printing("silver", "text") });
  title("4. The checks after a run");
  const config = { kind: "directory", path } as const;
  const { exitCode } = await checkAfter({
    database,
    lake: config,
    day: DAY,
    grace,
    output: "text",
    timeout: 300,
  });
  title("5. The result in silver");
  await printExecution(lake, DAY);
  print("");
  print(
    `The files are in ${
      paint(path, "bold")
    }. Open them with any Parquet reader, for example DuckDB:`,
  );
  const { parts } = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!.commit;
  print(`  duckdb -c "SELECT * FROM '${path}/${parts[0]!.key}'"`);
  if (parts.length > 1) {
    print(`This is one of ${parts.length} parts. Read exactly the parts in the marker of the day:`);
    print(`  ${path}/${silverMarkerKey(DAY)}`);
  }
  return exitCode;
}

async function fillOutbox(config: DatabaseConfig, events: number | undefined): Promise<void> {
  // Only the demo writes to Postgres, and only to its own database.
  const client = await logIn(config);
  try {
    await client.send(CREATE_OUTBOX);
    if (events === undefined) {
      await client.send(RUNBOOK_EVENTS);
    } else {
      showStatus(`inserting ${plural(events, "event")} …`);
      await client.send(generatedEvents(events));
    }
    const [rows] = await client.send(
      "SELECT event_type, count(*) AS count FROM stop_events GROUP BY 1 ORDER BY 2 DESC, 1 DESC",
    );
    const list = rows!.map(({ event_type, count }) => `${event_type} ${count}`).join(", ");
    print(`demo    stop_events ${plural(events ?? 2, "event")} on ${DAY}: ${list}`);
  } finally {
    await client.end();
  }
}

/** Prints the first execution of the day, read back from the lake. */
async function printExecution(lake: Lake, day: Day): Promise<void> {
  const marker = await readMarker(lake, "silver", silverMarkerKey(day), day);
  const { parts, rows } = marker!.commit;
  print(`${plural(rows, "execution")} in ${plural(parts.length, "part")}; the first one is:`);
  const names = EXECUTION_COLUMNS.map(({ name }) => name);
  for await (const { columns } of (await readPart(lake, parts[0]!)).groups(names)) {
    for (const [i, { name, type }] of EXECUTION_COLUMNS.entries()) {
      print(`  ${paint(name.padEnd(17), "dim")} ${formatValue(columns[i]![0] ?? null, type)}`);
    }
    break;
  }
}

function eventCount(flags: Flags): number | undefined {
  const text = flags.value("events");
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,7}$/.test(text)) return Number(text);
  throw new Failure({
    kind: "configuration",
    task: `use --events ${JSON.stringify(text)}`,
    problem: "it is not a whole number from 1 to 99999999",
    remedy: "Give such a number, or omit --events.",
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function title(text: string): void {
  print("");
  print(paint(text, "bold"));
}
