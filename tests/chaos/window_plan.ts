import { POSTGRES_FAULTS, type PostgresFault } from "./postgres_proxy.ts";
import type { Random } from "./random.ts";
import type { RunKind } from "./runs.ts";
import { LIES, type S3Fault, TRANSIENT } from "./s3_faults.ts";

/** Everything about a window that is decided in advance. The seed decides all of it. */
export interface WindowPlan {
  /** Kind of store faults in the window. */
  readonly faults: "none" | "transient" | "lies";
  /** Numbers of the events that exist at the beginning. */
  readonly begin: readonly number[];
  /** Milliseconds after the beginning before the day may be sealed. */
  readonly sealAfter: number;
  /** The ordered transactions of each writer. */
  readonly writers: readonly (readonly PlannedWrite[])[];
  /** The ordered runs of each runner. */
  readonly runners: readonly (readonly PlannedRun[])[];
}

/** One transaction of a writer. */
export interface PlannedWrite {
  readonly kind: "insert" | "update" | "delete";
  /** Numbers of the events to change. */
  readonly numbers: readonly number[];
  /** Milliseconds before the transaction begins. */
  readonly wait: number;
  /** Milliseconds between the statement and the end of the transaction. */
  readonly hold: number;
  /** True if the transaction is rolled back. */
  readonly rollBack: boolean;
}

/** One run of a command. */
export interface PlannedRun {
  readonly kind: RunKind;
  readonly keepAltered: boolean;
  /** Milliseconds before the run begins. */
  readonly wait: number;
  /** Faults of the run's store requests, by request number. */
  readonly storeFaults: ReadonlyMap<number, S3Fault>;
  /** Fault of each put of a marker, the most critical request. */
  readonly markerFault: S3Fault | undefined;
  /** True if no server listens at the store's endpoint. */
  readonly refused: boolean;
  /** Fault of the run's Postgres connection. */
  readonly postgresFault: PostgresFault | undefined;
  /** The fate of the run's own process; undefined if the run shares the test's process. */
  readonly process: ProcessFate | undefined;
}

/** The fate of a process, with times in milliseconds after its run began. */
export type ProcessFate =
  | { readonly kind: "whole" }
  | { readonly kind: "killed"; readonly after: number }
  | { readonly kind: "stopped"; readonly after: number; readonly during: number };

/** Number of requests of a run that can have a fault. */
const REQUESTS = 40;
/** Number of consecutive event numbers per writer. */
const NUMBERS_PER_WRITER = 100;

/** Decides what happens in a window. */
export function planWindow(random: Random): WindowPlan {
  const faults = random.pick(["none", "transient", "lies"] as const);
  const begin = numbers(1, random.below(6));
  return {
    faults,
    begin,
    sealAfter: random.pick([0, 100, 200, 400]),
    writers: [1, 2].map((writer) => planWriter(random.fork(`writer ${writer}`), writer, begin)),
    runners: [1, 2].map((runner) => planRunner(random.fork(`runner ${runner}`), faults, runner)),
  };
}

function planWriter(random: Random, writer: number, begin: readonly number[]): PlannedWrite[] {
  // Each writer has its own events, so that writers never wait for each other.
  const own = begin.filter((number) => number % 2 === writer % 2);
  let next = writer * NUMBERS_PER_WRITER;
  return Array.from({ length: 1 + random.below(4) }, () => {
    const wait = random.below(120);
    const hold = random.chance(0.3) ? 50 + random.below(500) : 0;
    const rollBack = random.chance(0.1);
    const kind = own.length === 0 || random.chance(0.6)
      ? "insert"
      : random.pick(["update", "delete"] as const);
    if (kind !== "insert") return { kind, numbers: [random.pick(own)], wait, hold, rollBack };
    const inserted = numbers(next, 1 + random.below(3));
    next += inserted.length;
    if (!rollBack) own.push(...inserted);
    return { kind, numbers: inserted, wait, hold, rollBack };
  });
}

/**
 * False responses to the put of a marker. A run that immediately detects all others may still
 * believe the first one, so that one is the most frequent.
 */
const MARKER_LIES: readonly S3Fault[] = [
  "no-effect",
  "no-effect",
  "no-effect",
  "no-effect",
  "portal",
  "wrong-etag",
  "weak-etag",
  "no-etag",
  "redirect",
  "clock-off",
];

function planRunner(random: Random, faults: WindowPlan["faults"], runner: number): PlannedRun[] {
  const kinds = [
    "bronze",
    "bronze",
    "bronze",
    "bronze",
    "silver",
    "silver",
    "silver",
    "amend",
    "amend",
    "clean",
  ] as const;
  return Array.from({ length: 2 + random.below(3) }, (_, i) => ({
    kind: i === 0 && runner === 1 ? "bronze" : random.pick(kinds),
    keepAltered: random.chance(0.5),
    wait: random.below(60),
    ...planAllStoreFaults(random, faults),
    refused: faults === "transient" && random.chance(0.03),
    postgresFault: faults === "transient" && random.chance(0.15)
      ? { kind: random.pick(POSTGRES_FAULTS), after: random.below(12_000) }
      : undefined,
    // A process starts slowly, so only some windows have one, and only at the start.
    process: i === 0 && random.chance(0.08) ? planProcess(random) : undefined,
  }));
}

function planProcess(random: Random): ProcessFate {
  const kind = random.pick(["killed", "killed", "stopped", "whole"] as const);
  const after = random.below(150);
  if (kind === "stopped") return { kind, after, during: 50 + random.below(400) };
  return kind === "killed" ? { kind, after } : { kind };
}

function planAllStoreFaults(
  random: Random,
  faults: WindowPlan["faults"],
): Pick<PlannedRun, "storeFaults" | "markerFault"> {
  const storeFaults = planStoreFaults(random, faults);
  if (faults === "none" || !random.chance(0.3)) return { storeFaults, markerFault: undefined };
  const markerFault = random.pick<S3Fault>(faults === "lies" ? MARKER_LIES : TRANSIENT);
  // Most runs with other faults never reach their marker.
  return { storeFaults: random.chance(0.5) ? new Map() : storeFaults, markerFault };
}

function planStoreFaults(random: Random, faults: WindowPlan["faults"]): Map<number, S3Fault> {
  const planned = new Map<number, S3Fault>();
  if (faults === "none") return planned;
  const kinds: readonly S3Fault[] = faults === "transient" ? TRANSIENT : LIES;
  // Half of the runs meet one kind of fault repeatedly, which retries do not overcome.
  const only = random.chance(0.5) ? random.pick(kinds) : undefined;
  const level = random.pick([0.03, 0.1, 0.3]);
  for (let number = 0; number < REQUESTS; number++) {
    if (random.chance(level)) planned.set(number, only ?? random.pick(kinds));
  }
  return planned;
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
