import type { LakeConfig } from "../../pipeline/config.ts";
import { windowOf } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { startChild } from "./child.ts";
import { disagreements } from "./disagreements.ts";
import { diskFault, faultyLake } from "./faulty_lake.ts";
import { type Change, createHistory, type History, sqlOf } from "./history.ts";
import { createJudge, type Judge } from "./view_judge.ts";
import { DAY, type Event, eventOf, insertSql, type OutboxDatabase } from "./outbox.ts";
import { judgeByChecks } from "./postflight.ts";
import type { PostgresProxy } from "./postgres_proxy.ts";
import { type Outcome, perform, type Run } from "./runs.ts";
import { keyOf, type S3Request } from "./s3_faults.ts";
import type { S3Proxy } from "./s3_proxy.ts";
import type { Tally } from "./tally.ts";
import { isMarker, judgePretences, judgeUnderFire } from "./under_fire.ts";
import { converge, judgeRemains } from "./verdict.ts";
import type { PlannedRun, PlannedWrite, WindowPlan } from "./window_plan.ts";

/** The proxies between one runner and its Postgres and store. */
export interface Ways {
  readonly postgres: PostgresProxy;
  /** Absent if the lake is a directory. */
  readonly store?: S3Proxy;
}

/** The empty lake of one window. */
export interface Place {
  readonly config: LakeConfig;
  /** Removes the lake. */
  end(): Promise<void>;
}

/** Where windows are played, one after the other. */
export interface Arena {
  readonly database: OutboxDatabase;
  /** Creates an empty lake. */
  newPlace(): Promise<Place>;
  /** One pair of proxies per runner. */
  readonly ways: readonly Ways[];
  readonly tally: Tally;
}

/** A window that is being played. */
interface Playing extends Arena {
  readonly plan: WindowPlan;
  readonly place: Place;
  /** The lake, accessed without faults. */
  readonly lake: Lake;
  readonly history: History;
  readonly judge: Judge;
  /** Microseconds after the end of the day before it may be sealed. */
  readonly grace: bigint;
  /** IDs of events that a writer is deleting: the day may be sealed with or without them. */
  readonly doubtful: Set<string>;
}

/** Milliseconds between two reads of the reader. */
const BETWEEN_LOOKS = 15;

/** An endpoint without a server. */
const CLOSED_ENDPOINT = "http://127.0.0.1:9";

/**
 * Plays a window: writers, runs and a reader at the same time, with all faults of the plan. Then
 * brings the day to rest without faults.
 *
 * @throws {Broken} a promise of the protocol is broken
 */
export async function playWindow(arena: Arena, plan: WindowPlan): Promise<void> {
  const { database, tally } = arena;
  const place = await arena.newPlace();
  const lake = await openLake(place.config);
  try {
    const playing = await begin(arena, plan, place, lake);
    const { judge, history, grace } = playing;
    const sealable = pause(plan.sealAfter + 1);
    let over = false;
    const read = async () => {
      while (!over) {
        await judge.look(lake);
        tally.count("looks", "while runs were on");
        await pause(BETWEEN_LOOKS);
      }
    };
    const working = Promise.allSettled([
      ...plan.writers.map((writes) => write(playing, writes)),
      ...plan.runners.map((runs, i) => act(playing, runs, arena.ways[i]!)),
    ]);
    // All of them end before the next window begins, even if one has failed.
    const [[reader], workers] = await Promise.all([
      Promise.allSettled([read()]),
      working.finally(() => over = true),
    ]);
    for (const end of [reader!, ...workers]) if (end.status === "rejected") throw end.reason;

    await judge.look(lake);
    judge.confirmSeal(); // every transaction is committed or rolled back by now
    await sealable;
    const differed = disagreements(playing).length > 0;
    await converge({
      history,
      judge,
      async run(run) {
        const outcome = await perform({ ...run, grace }, database.config, lake);
        tally.count("runs at rest", `${run.kind} ${outcome.end}`);
        await judge.look(lake);
        return outcome;
      },
    });
    await judgeRemains(lake, judge);
    await judgeByChecks(database.config, lake);
    tally.count("windows", `faults ${plan.faults}`);
    if (differed) tally.count("windows amended at rest", `faults ${plan.faults}`);
  } finally {
    lake.close();
    await place.end();
  }
}

async function begin(
  arena: Arena,
  plan: WindowPlan,
  place: Place,
  lake: Lake,
): Promise<Playing> {
  const { owner } = arena.database;
  const history = createHistory();
  const events = plan.begin.map((number) => eventOf(number));
  await owner.query("DELETE FROM stop_events");
  if (events.length > 0) await owner.query(insertSql(events));
  history.did({ kind: "insert", events }, 0);
  const { rows } = await owner.query(
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now",
  );
  const bound = BigInt(rows[0]!.now!) + BigInt(plan.sealAfter) * 1000n;
  const doubtful = new Set<string>();
  const required = () =>
    [...history.current.keys()].filter((id) =>
      history.committedAt(id)! < Number(bound) && !doubtful.has(id)
    );
  const judge = createJudge({ history, required, seesAll: false });
  const grace = bound - windowOf(DAY).end;
  return { ...arena, plan, place, lake, history, judge, grace, doubtful };
}

/** Performs the transactions of a writer and records them in the history. */
async function write(playing: Playing, writes: readonly PlannedWrite[]): Promise<void> {
  const { history, doubtful, tally } = playing;
  const session = await playing.database.connect();
  for (const planned of writes) {
    await pause(planned.wait);
    const change = changeOf(planned, history.current);
    if (change === undefined) continue;
    if (change.kind === "delete") change.ids.forEach((id) => doubtful.add(id));
    if (!planned.rollBack) history.may(change); // a change that is rolled back never becomes visible
    await session.query("BEGIN");
    const { rows } = await session.query(
      "SELECT (extract(epoch FROM now()) * 1000000)::bigint AS began",
    );
    await session.query(sqlOf(change));
    await pause(planned.hold);
    await session.query(planned.rollBack ? "ROLLBACK" : "COMMIT");
    // The fence sees the time when a transaction began.
    if (!planned.rollBack) history.did(change, Number(rows[0]!.began));
    tally.count("changes", planned.rollBack ? `${planned.kind} rolled back` : planned.kind);
  }
  await session.end();
}

function changeOf(
  { kind, numbers }: PlannedWrite,
  current: ReadonlyMap<string, Event>,
): Change | undefined {
  if (kind === "insert") return { kind, events: numbers.map((number) => eventOf(number)) };
  const event = current.get(eventOf(numbers[0]!).id);
  if (event === undefined) return undefined; // deleted before
  if (kind === "delete") return { kind, ids: [event.id] };
  return { kind, event: { ...event, version: event.version + 1 } };
}

/** Performs the runs of a runner and checks each outcome. */
async function act(playing: Playing, runs: readonly PlannedRun[], ways: Ways): Promise<void> {
  const { tally, judge, plan, lake } = playing;
  for (const planned of runs) {
    await pause(planned.wait);
    const bronzeBefore = judge.bronze() !== undefined;
    const { outcome, faults } = await performWithFaults(playing, planned, ways);
    for (const fault of faults) tally.count("faults", fault);
    tally.count("runs", `${planned.kind} ${outcome?.end ?? "killed"}`);
    if (outcome === undefined) continue;
    judgeUnderFire(outcome, {
      kind: planned.kind,
      faulty: faults.length > 0,
      storeLies: plan.faults === "lies" && faults.length > 0,
      bronzeBefore,
    });
    if (outcome.end === "ok") await judgePretences(lake, ways.store?.pretences() ?? []);
  }
}

/** Performs one run with its planned faults. The outcome is undefined if the run was killed. */
async function performWithFaults(
  { database, place, grace, tally }: Playing,
  { kind, keepAltered, storeFaults, markerFault, refused, postgresFault, process }: PlannedRun,
  { postgres, store }: Ways,
): Promise<{ outcome: Outcome | undefined; faults: readonly string[] }> {
  const run: Run = { kind, grace, keepAltered };
  const config = throughStore(place.config, refused, store);
  const child = process && await startChild();
  postgres.plan(postgresFault);
  store?.plan((request, number) => isMarkerPut(request) && markerFault || storeFaults.get(number));
  const way = postgres.through(database.config);
  const faults: string[] = refused && store !== undefined ? ["store: refused"] : [];
  let outcome: Outcome | undefined;
  if (child !== undefined) {
    outcome = await child.run(run, way, config, process!);
    tally.count("processes", process!.kind);
  } else {
    const opened = await openLake(config);
    const lake = store !== undefined ? opened : faultyLake(
      opened,
      (number) => diskFault(storeFaults.get(number)),
      (fault) => void faults.push(`disk: ${fault}`),
    );
    outcome = await perform(run, way, lake);
    opened.close();
  }
  faults.push(...(store?.faults() ?? []).map((fault) => `store: ${fault}`));
  faults.push(...postgres.faults().map((fault) => `Postgres: ${fault}`));
  return { outcome, faults };
}

function isMarkerPut(request: S3Request): boolean {
  return request.method === "PUT" && isMarker(keyOf(request));
}

function throughStore(config: LakeConfig, refused: boolean, store: S3Proxy | undefined) {
  if (config.kind === "directory" || store === undefined) return config;
  return { ...config, endpoint: refused ? CLOSED_ENDPOINT : store.endpoint };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
