import { ABANDONED_AFTER } from "../../pipeline/lake/lifetimes.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type Change, createHistory, type History, sqlOf } from "./history.ts";
import { createJudge, type Judge } from "./view_judge.ts";
import type { Contents } from "../support/memory_lake.ts";
import { eventOf, insertSql, type OutboxDatabase } from "./outbox.ts";
import { CENTURY, type Outcome, perform, type Run } from "./runs.ts";
import { disagreements } from "./disagreements.ts";
import { Broken } from "./view.ts";

/** Where a scenario is played: an outbox and a lake. */
export interface Stage {
  readonly database: OutboxDatabase;
  readonly lake: Lake & {
    snapshot(): Contents | Promise<Contents>;
    restore(contents: Contents): void | Promise<void>;
    /** Sets the age of all objects, in milliseconds, if the lake supports that. */
    age(milliseconds: number): void;
  };
}

/** A stage in the middle of a scenario, with everything that is known about it. */
export interface Scene extends Stage {
  readonly history: History;
  readonly judge: Judge;
  /** Counts events, so that their order can be compared. */
  tick(): number;
  /** Changes the outbox. */
  change(change: Change): Promise<void>;
  /** Performs a whole run while nothing else happens. */
  run(run: Run): Promise<Outcome>;
  /** Inspects the lake. */
  look(): Promise<void>;
  /**
   * Returns true if the outbox and bronze have disagreed at any time, so that a run may have
   * reported a difference.
   */
  everDisagreed(): boolean;
  /**
   * If the day is sealed now, requires that it contains the events that were committed before this
   * tick. Called before a run continues.
   */
  requireCommittedBy(tick: number): void;
}

/** The state of a stage when a scenario begins. */
export interface Start {
  readonly history: History;
  /** Every state of the lake so far, oldest first. */
  readonly states: readonly Contents[];
}

/** Sets up a stage from a start. */
export async function openScene(stage: Stage, start: Start): Promise<Scene> {
  const { database, lake } = stage;
  const history = start.history.copy();
  const events = [...history.current.values()];
  await database.owner.query(
    `DELETE FROM stop_events${events.length > 0 ? `; ${insertSql(events)}` : ""}`,
  );
  let ticks = 0;
  let committedBy = -Infinity; // no run could have seen the late events of the start
  const required = () =>
    [...history.current.keys()].filter((id) => history.committedAt(id)! <= committedBy);
  const judge = createJudge({ history, required, seesAll: true });
  for (const contents of start.states) {
    await lake.restore(contents);
    await judge.look(lake);
  }
  lake.age(2 * ABANDONED_AFTER);
  committedBy = Infinity;
  let disagreed = false;
  const note = () => void (disagreed ||= disagreements({ history, judge }).length > 0);
  const look = async () => {
    await judge.look(lake);
    note();
  };
  note();
  return {
    ...stage,
    look,
    everDisagreed: () => disagreed,
    history,
    judge,
    tick: () => ++ticks,
    async change(change) {
      history.may(change);
      await database.owner.query(sqlOf(change));
      history.did(change, ticks);
      note();
    },
    async run(run) {
      committedBy = Infinity;
      const outcome = await perform(run, database.config, lake);
      await look();
      return outcome;
    },
    requireCommittedBy: (tick) => void (committedBy = tick),
  };
}

/** The states in which a stage can begin. */
export const STARTS = {
  /** Two events, nothing published. */
  empty: [],
  /** Both layers published and open. */
  open: ["publish"],
  /** Both layers published and open, with one more event in the outbox. */
  "open, behind": ["publish", "insert"],
  /** Both layers published and open, with one more event in the outbox and in bronze. */
  "open, silver behind": ["publish", "insert", "bronze"],
  /** Both layers sealed. */
  sealed: ["seal"],
  /** Bronze sealed with an event that silver does not have yet. */
  "sealed, silver behind": ["publish", "insert", "seal bronze"],
  /** Both layers sealed, followed by a late event. */
  late: ["seal", "insert"],
  /** Both layers sealed, followed by the deletion of an event from the outbox. */
  lost: ["seal", "delete"],
  /** Both layers open, one more event, and the part of a run that was killed before its marker. */
  "open, left behind": ["publish", "insert", "killed"],
  /**
   * Both layers sealed, a late event, and the part of an amendment that was killed before its
   * marker.
   */
  "late, left behind": ["seal", "insert", "killed amend"],
} as const;

/** Name of a start, for example `open`. */
export type StartName = keyof typeof STARTS;

/** Creates a start by whole runs on an empty stage. */
export async function makeStart(stage: Stage, name: StartName): Promise<Start> {
  const none: Contents = new Map();
  const scene = await openScene(stage, { history: createHistory(), states: [none] });
  const states: Contents[] = [];
  const run = async (run: Run) => {
    const { end, message } = await scene.run(run);
    if (end !== "ok") throw new Broken(`the start ${name} cannot be made: ${message}`);
    states.push(await scene.lake.snapshot());
  };
  await scene.change(CHANGES.begin());
  for (const step of STARTS[name]) {
    if (step === "killed" || step === "killed amend") {
      await runUntilMarker(scene, step === "killed" ? "bronze" : "amend");
      states.push(await scene.lake.snapshot());
      continue;
    }
    const grace = step === "publish" || step === "bronze" ? CENTURY : 0n;
    if (step === "insert" || step === "delete") await scene.change(CHANGES[step](scene));
    else await run({ kind: "bronze", grace });
    if (step === "publish" || step === "seal") await run({ kind: "silver" });
  }
  return { history: scene.history, states: states.length === 0 ? [none] : states };
}

/** Performs a run that is killed before it puts a marker. */
async function runUntilMarker({ lake, database }: Scene, kind: Run["kind"]): Promise<void> {
  const killed: Lake = {
    ...lake,
    put: (key, ...rest) =>
      key.endsWith("_commit.json")
        ? Promise.reject(new Error("It was killed."))
        : lake.put(key, ...rest),
  };
  await perform({ kind, grace: CENTURY }, database.config, killed);
}

/** Changes of the outbox that can happen between two operations of a run. */
export const CHANGES = {
  begin: () => ({ kind: "insert", events: [eventOf(1), eventOf(2)] }),
  insert: ({ history }: Scene) => ({
    kind: "insert",
    events: [eventOf(10 + history.current.size)],
  }),
  delete: ({ history }: Scene) => ({ kind: "delete", ids: [[...history.current.keys()].at(-1)!] }),
  update({ history }: Scene) {
    const first = [...history.current.values()][0]!;
    return { kind: "update", event: { ...first, version: first.version + 1 } };
  },
} as const satisfies Record<string, (scene: Scene) => Change>;
