import { POSTGRES_FAULTS, type PostgresFault } from "./postgres_proxy.ts";
import type { Random } from "./random.ts";
import type { RunKind } from "./runs.ts";
import { LIES, type S3Fault, TRANSIENT } from "./s3_faults.ts";

/** Everything that is decided about a window before it begins. The seed decides all of it. */
export interface WindowPlan {
  /** Which kind of store fault befalls its runs. */
  readonly faults: "none" | "transient" | "lies";
  /** Numbers of the events that are there at the beginning. */
  readonly begin: readonly number[];
  /** Milliseconds after the beginning from which on the day may be sealed. */
  readonly sealAfter: number;
  /** Those who write to the outbox, each with its actions in their order. */
  readonly writers: readonly (readonly PlannedWrite[])[];
  /** Those who run commands, each with its runs in their order. */
  readonly runners: readonly (readonly PlannedRun[])[];
}

/** One transaction of a writer. */
export interface PlannedWrite {
  readonly kind: "insert" | "update" | "delete";
  /** The events that it is about. */
  readonly numbers: readonly number[];
  /** Milliseconds before it begins. */
  readonly wait: number;
  /** Milliseconds between its statement and its end. */
  readonly hold: number;
  /** Whether it is rolled back. */
  readonly rollBack: boolean;
}

/** One run of a command. */
export interface PlannedRun {
  readonly kind: RunKind;
  readonly keepAltered: boolean;
  /** Milliseconds before it begins. */
  readonly wait: number;
  /** What befalls its requests to the store, by their number. */
  readonly storeFaults: ReadonlyMap<number, S3Fault>;
  /** What befalls each of its puts of a marker, which decide most. */
  readonly markerFault: S3Fault | undefined;
  /** Whether nothing listens where its store should be. */
  readonly refused: boolean;
  /** What befalls its connection with Postgres. */
  readonly postgresFault: PostgresFault | undefined;
  /** Whether it is a process of its own, and what befalls that. */
  readonly process: ProcessFate | undefined;
}

/** What befalls a process, in milliseconds after its run began. */
export type ProcessFate =
  | { readonly kind: "whole" }
  | { readonly kind: "killed"; readonly after: number }
  | { readonly kind: "stopped"; readonly after: number; readonly during: number };

/** Requests of a run to which something can happen. */
const REQUESTS = 40;
/** How many events of one window have numbers that follow each other. */
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
  // Each writer has events of its own, so that no two wait for each other.
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
 * What a store can say to the put of a marker that is not so. A run that notices all others at once
 * may take the first one for the truth, so that one is the most frequent.
 */
const MARKER_LIES: readonly S3Fault[] = [
  ...["no-effect", "no-effect", "no-effect", "no-effect"] as const,
  ...["portal", "wrong-etag", "weak-etag", "no-etag", "redirect", "clock-off"] as const,
];

function planRunner(random: Random, faults: WindowPlan["faults"], runner: number): PlannedRun[] {
  const kinds = [
    ...["bronze", "bronze", "bronze", "bronze", "silver", "silver", "silver"] as const,
    ...["amend", "amend", "clean"] as const,
  ];
  return Array.from({ length: 2 + random.below(3) }, (_, i) => ({
    kind: i === 0 && runner === 1 ? "bronze" : random.pick(kinds),
    keepAltered: random.chance(0.5),
    wait: random.below(60),
    ...planAllStoreFaults(random, faults),
    refused: faults === "transient" && random.chance(0.03),
    postgresFault: faults === "transient" && random.chance(0.15)
      ? { kind: random.pick(POSTGRES_FAULTS), after: random.below(12_000) }
      : undefined,
    // Starting a process takes long, so only some windows have one, and that one early.
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
  // Most runs that meet other faults never come to their marker.
  return { storeFaults: random.chance(0.5) ? new Map() : storeFaults, markerFault };
}

function planStoreFaults(random: Random, faults: WindowPlan["faults"]): Map<number, S3Fault> {
  const planned = new Map<number, S3Fault>();
  if (faults === "none") return planned;
  const kinds: readonly S3Fault[] = faults === "transient" ? TRANSIENT : LIES;
  // Half of the runs meet one kind again and again, which retries do not get over.
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
