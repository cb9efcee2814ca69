import type { DatabaseConfig } from "../../pipeline/config.ts";
import { bronzePrefix } from "../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { type EmbeddedPostgres, startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { CREATE_OUTBOX, generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { guardedFolder } from "../support/guarded_folder.ts";
import { session } from "../support/pg_session.ts";
import { type Comparer, judge, openComparer, type Verdict } from "./equality.ts";
import { describeMachine } from "./machine.ts";
import { measure } from "./measure.ts";
import type { Installed, Program, Task } from "./program.ts";
import { DAY, referenceCopy, referenceRows, replayQuery } from "./queries.ts";
import type { Absent, Entry, Layer, Report, Run } from "./table.ts";

/** The benchmark to run. */
export interface RoundsOptions {
  readonly programs: readonly Program[];
  /** The number of events of the day. */
  readonly events: number;
  readonly rounds: number;
  /** The number of events of other days in the same table. */
  readonly otherDays?: number;
  readonly signal: AbortSignal;
  /** Receives a line before each step. */
  progress(line: string): void;
}

/** A program with the results until now. */
interface Contestant {
  readonly program: Program;
  readonly installed: Installed;
  readonly runs: Run[];
  verdict?: Verdict;
  /** Why the program cannot go on. */
  failed?: string;
}

/** The name of the baseline of bronze, and of silver without the other baseline. */
const FLOOR = "floor";
/** The name of the baseline of silver. */
const REPLAY = "duckdb-replay";
const OTHER_DAY = "2025-12-27";

/**
 * Runs all programs in turn, round by round, on a Postgres of its own.
 *
 * @throws {Error} one of our own programs failed; a peer that fails is reported as absent
 */
export async function runRounds(options: RoundsOptions): Promise<Report> {
  const { programs, rounds, signal, progress } = options;
  const absent: Absent[] = [];
  const contestants: Contestant[] = [];
  const folder = await guardedFolder("bench-");
  let postgres: EmbeddedPostgres | undefined;
  try {
    for (const program of programs) {
      progress(`installing ${program.title} …`);
      try {
        contestants.push({ program, installed: await program.install(signal), runs: [] });
      } catch (error) {
        signal.throwIfAborted();
        absent.push(absence(program, (error as Error).message));
      }
    }
    progress("starting Postgres …");
    postgres = await startPostgres();
    await insertEvents(postgres.config, options);
    using comparer = await openComparer(folder);
    await loadReference(comparer, postgres);
    for (let round = 0; round < rounds; round++) {
      const lake = `${folder}/lake-${round}`;
      for (const contestant of contestants) {
        const { program, failed } = contestant;
        if (failed !== undefined || (program.once && round > 0)) continue;
        progress(`round ${round + 1} of ${rounds}: ${program.title} …`);
        const task = { database: postgres.config, lake, folder: `${folder}/files` };
        await Deno.mkdir(task.folder);
        await runOnce(contestant, task, postgres, signal);
        if (round === 0 && contestant.failed === undefined) {
          await verify(contestant, task, comparer);
        }
        await Deno.remove(task.folder, { recursive: true });
      }
      await Deno.remove(lake, { recursive: true });
    }
    const finished = contestants.filter(({ failed }) => failed === undefined);
    for (const { program, failed } of contestants) {
      if (failed !== undefined) absent.push(absence(program, failed));
    }
    const present = (name: string) => finished.some(({ program }) => program.name === name);
    return {
      machine: await describeMachine(postgres.version),
      events: options.events,
      rounds,
      rows: {
        bronze: await comparer.count("bronze_reference"),
        silver: await comparer.count("silver_reference"),
      },
      baselines: { bronze: FLOOR, silver: present(REPLAY) ? REPLAY : FLOOR },
      entries: finished.map(entryOf),
      absent,
    };
  } finally {
    await Promise.all([
      ...contestants.map(({ installed }) => installed.stop?.()),
      postgres?.stop(),
      Deno.remove(folder, { recursive: true }),
    ]);
  }
}

async function insertEvents(database: DatabaseConfig, options: RoundsOptions): Promise<void> {
  const { events, otherDays = 0, progress } = options;
  progress(`inserting ${(events + otherDays).toLocaleString("en-US")} events …`);
  const owner = await session(database);
  try {
    await owner.query(CREATE_OUTBOX);
    await owner.query(events === 2 ? RUNBOOK_EVENTS : generatedEvents(events));
    if (otherDays > 0) await owner.query(generatedEvents(otherDays, { seed: 1, day: OTHER_DAY }));
    await owner.query("VACUUM ANALYZE stop_events");
    await owner.query("CHECKPOINT");
  } finally {
    await owner.end();
  }
}

/** Loads the day as Postgres's own text. The server writes the file into its own folder. */
async function loadReference(comparer: Comparer, postgres: EmbeddedPostgres): Promise<void> {
  const file = `${postgres.folder}/reference.csv`;
  const owner = await session(postgres.config);
  try {
    await owner.query("SET TimeZone = 'UTC'");
    await owner.query(referenceCopy(file));
  } finally {
    await owner.end();
  }
  await comparer.run(`CREATE TABLE bronze_reference AS SELECT * FROM ${referenceRows(file)}`);
  await Deno.remove(file);
}

async function runOnce(
  contestant: Contestant,
  task: Task,
  postgres: EmbeddedPostgres,
  signal: AbortSignal,
): Promise<void> {
  const { program, installed, runs } = contestant;
  const line = installed.commandFor(task);
  const { usage, success, stdout, stderr } = await measure(
    { ...line, beside: postgres.pid },
    signal,
  );
  if (!success) {
    const said = stderr.trim().split("\n").at(-1)!;
    // Without our own layers there is nothing to compare with.
    if (program.peer !== true) throw new Error(`${program.title} failed:\n${stderr}`);
    contestant.failed = `failed: ${said}`;
    return;
  }
  const last = stdout.trimEnd().split("\n").at(-1)!;
  runs.push({
    seconds: usage.seconds,
    workSeconds: program.printsSeconds ? JSON.parse(last).seconds : usage.seconds,
    cpuSeconds: usage.cpuSeconds,
    serverCpuSeconds: usage.besideCpuSeconds,
    peakBytes: usage.peakBytes,
  });
}

/** Compares the files of a run with Postgres, or with DuckDB's replay of the same bronze. */
async function verify(contestant: Contestant, task: Task, comparer: Comparer): Promise<void> {
  const { program, installed } = contestant;
  if (program.files === undefined) return;
  await installed.collect?.(task);
  const { layer } = program;
  if (program.name === "bronze") {
    const replay = replayQuery(`${task.lake}/${bronzePrefix(DAY)}*.parquet`);
    await comparer.run(`CREATE TABLE silver_reference AS ${replay}`);
  }
  const from = `read_parquet('${program.files(task)}', hive_partitioning = false)`;
  const comparison = await comparer.compare({ from, ...SHAPES[layer] }, `${layer}_reference`);
  contestant.verdict = judge(comparison);
}

const SHAPES: Readonly<Record<Layer, { key: string; columns: typeof EXECUTION_COLUMNS }>> = {
  bronze: { key: "event_id", columns: EVENT_COLUMNS },
  silver: { key: "operation_id", columns: EXECUTION_COLUMNS },
};

function absence({ name, title }: Program, reason: string): Absent {
  return { name, title, reason };
}

function entryOf({ program, runs, verdict }: Contestant): Entry {
  const { name, title, layer, peer = false, unlike } = program;
  return {
    name,
    title,
    layer,
    peer,
    runs,
    ...(verdict === undefined ? {} : { verdict }),
    ...(unlike === undefined ? {} : { unlike }),
  };
}
