import { bronzePrefix } from "../../pipeline/contract/keys.ts";
import { DAY } from "./outbox.ts";
import { type Outcome, perform, type Run } from "./runs.ts";
import { CHANGES, openScene, type Scene, type Stage, type Start, type StartName } from "./scene.ts";
import { startStepped } from "./stepped.ts";
import { converge, judgeOutcome } from "./verdict.ts";
import { Broken } from "./view.ts";

/** Two runs on one day, and the changes and other runs that happen between them. */
export interface Scenario {
  readonly start: StartName;
  /** The run that is stopped. */
  readonly a: Run;
  /** Changes of the outbox and whole runs that happen while A is stopped, before B begins. */
  readonly between: readonly (keyof typeof CHANGES | Run)[];
  /**
   * The run that continues while A is stopped. It is retried if it ends with `unreachable`, as its
   * message advises.
   */
  readonly b: Run;
  /** Changes of the outbox and whole runs that happen while both are stopped. */
  readonly then?: Scenario["between"];
}

/**
 * When each of two runs continues: A does its first `a` operations, B its first `b`, A `more`
 * further ones, then B runs to its end, and then A. Each number may be Infinity.
 */
export interface Schedule {
  readonly a: number;
  readonly b: number;
  readonly more: number;
}

/** The result of a schedule. */
export interface Played {
  /** True if A had ended at its first stop. */
  readonly aEnded: boolean;
  /** True if B had ended at its stop. */
  readonly bEnded: boolean;
  /** True if A had ended at its second stop. */
  readonly aEndedAgain: boolean;
  /** The outcomes of the runs: A first, then each attempt of B. */
  readonly outcomes: readonly Outcome[];
}

/** How often a run that ends with `unreachable` is started. */
const TRIES = 3;

/**
 * Plays a scenario by a schedule, and inspects the lake after every operation.
 *
 * @throws {Broken} a promise of the protocol does not hold
 */
export async function play(
  stage: Stage,
  start: Start,
  { a, b, between, then = [] }: Scenario,
  schedule: Schedule,
): Promise<Played> {
  const scene = await openScene(stage, start);
  const runA = startActor(scene, a, 1);
  await runA.advance(schedule.a);
  const aEnded = runA.ended();
  const others = await take(scene, between);
  const runB = startActor(scene, b, TRIES);
  await runB.advance(schedule.b);
  const bEnded = runB.ended();
  others.push(...await take(scene, then));
  await runA.advance(schedule.more);
  const aEndedAgain = runA.ended();
  await runB.advance(Infinity);
  await runA.advance(Infinity);
  const outcomes = [...await runA.outcome, ...await runB.outcome];
  const bronzeMissing = start.states.at(-1)!.size === 0;
  for (const outcome of [...outcomes, ...others]) judgeOutcome(outcome, scene, bronzeMissing);
  await converge(scene);
  return { aEnded, bEnded, aEndedAgain, outcomes };
}

/** Performs steps one after the other, and returns the outcomes of the runs among them. */
async function take(scene: Scene, steps: Scenario["between"]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    if (typeof step === "string") await scene.change(CHANGES[step](scene));
    else outcomes.push(await scene.run(step));
  }
  return outcomes;
}

/** Starts a run, and inspects the lake after each of its operations. */
function startActor(scene: Scene, run: Run, tries: number) {
  let listed = Infinity;
  return startStepped(
    scene.lake,
    async (lake) => {
      const outcomes: Outcome[] = [];
      while (outcomes.length < tries && (outcomes.at(-1)?.end ?? "unreachable") === "unreachable") {
        listed = Infinity;
        outcomes.push(
          await perform(run, scene.database.config, lake),
        );
      }
      return outcomes;
    },
    ({ kind, key }) => {
      const now = scene.tick();
      // The fence comes after the first listing, and the snapshot after the fence.
      if (kind === "list" && key === bronzePrefix(DAY) && listed === Infinity) listed = now;
    },
    async () => {
      scene.requireCommittedBy(listed);
      await scene.look();
    },
  );
}

/** A schedule that broke a promise. */
export interface Found {
  readonly scenario: Scenario;
  readonly schedule: Schedule;
  readonly problem: string;
}

/** The result of playing many schedules. */
export interface Explored {
  readonly schedules: number;
  readonly found: readonly Found[];
  /** Number of runs by the way they ended. */
  readonly ends: ReadonlyMap<Outcome["end"], number>;
}

/**
 * Plays every schedule of a scenario: With one switch, A stops before each of its operations
 * while B runs to the end. With two switches, B also stops before each of its operations while A
 * runs to the end. With three switches, A stops once more in between.
 *
 * @param stops the operation counts after which A is stopped first; every count if absent
 */
export async function explore(
  stage: Stage,
  start: Start,
  scenario: Scenario,
  switches: 1 | 2 | 3,
  stops?: readonly number[],
): Promise<Explored> {
  const found: Found[] = [];
  const ends = new Map<Outcome["end"], number>();
  let schedules = 0;

  /**
   * Returns undefined if the schedule broke a promise: the schedules that build on it are then
   * unknown.
   */
  async function attempt(schedule: Schedule): Promise<Played | undefined> {
    schedules++;
    try {
      const played = await play(stage, start, scenario, schedule);
      for (const { end } of played.outcomes) ends.set(end, (ends.get(end) ?? 0) + 1);
      return played;
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      found.push({ scenario, schedule, problem: error.message });
    }
  }

  for (const a of stops ?? Array(MOST_OPERATIONS).keys()) {
    const whole = await attempt({ a, b: Infinity, more: Infinity });
    for (let b = 1; switches > 1 && b < MOST_OPERATIONS; b++) {
      const two = await attempt({ a, b, more: Infinity });
      if (two?.bEnded) break;
      for (let more = 1; switches > 2 && more < MOST_OPERATIONS; more++) {
        if ((await attempt({ a, b, more }))?.aEndedAgain) break;
      }
    }
    if (whole?.aEnded) break;
  }
  return { schedules, found, ends };
}

/** More operations than any run has. Bounds the search if a promise is broken. */
const MOST_OPERATIONS = 40;
