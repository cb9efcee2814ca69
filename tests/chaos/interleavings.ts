import { bronzePrefix } from "../../pipeline/contract/keys.ts";
import { DAY } from "./outbox.ts";
import { type Outcome, perform, type Run } from "./runs.ts";
import { CHANGES, openScene, type Scene, type Stage, type Start, type StartName } from "./scene.ts";
import { startStepped } from "./stepped.ts";
import { converge, judgeOutcome } from "./verdict.ts";
import { Broken } from "./view.ts";

/** Two runs on one day, what changes between them, and what others do there meanwhile. */
export interface Scenario {
  readonly start: StartName;
  /** The run that is stopped in its tracks. */
  readonly a: Run;
  /** What happens while A is stopped, before B begins: changes of the outbox, and whole runs. */
  readonly between: readonly (keyof typeof CHANGES | Run)[];
  /** The run that goes on meanwhile. It is run again where it ends unreachable, as it says itself. */
  readonly b: Run;
  /** What happens while both are stopped: changes of the outbox, and whole runs. */
  readonly then?: Scenario["between"];
}

/**
 * When each of two runs goes on: A does its first `a` operations, B its first `b`, A `more` more, then
 * B all that it has left, and then A. Each number may be Infinity.
 */
export interface Schedule {
  readonly a: number;
  readonly b: number;
  readonly more: number;
}

/** What a schedule led to. */
export interface Played {
  /** Whether A had ended at its first stop. */
  readonly aEnded: boolean;
  /** Whether B had ended at its stop. */
  readonly bEnded: boolean;
  /** Whether A had ended at its second stop. */
  readonly aEndedAgain: boolean;
  /** How the runs ended: A first, then each try of B. */
  readonly outcomes: readonly Outcome[];
}

/** How often a run is run again that ends unreachable. */
const TRIES = 3;

/**
 * Plays a scenario by a schedule. The lake is looked at after every single operation.
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

/** Takes steps one after the other, and returns how the runs among them ended. */
async function take(scene: Scene, steps: Scenario["between"]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    if (typeof step === "string") await scene.change(CHANGES[step](scene));
    else outcomes.push(await scene.run(step));
  }
  return outcomes;
}

/** Starts a run that looks at the lake after each of its operations. */
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

/** What playing many schedules led to. */
export interface Explored {
  readonly schedules: number;
  readonly found: readonly Found[];
  /** How often runs ended in each way. */
  readonly ends: ReadonlyMap<Outcome["end"], number>;
}

/**
 * Plays every schedule of a scenario: A stopped before each of its operations, and B running to its
 * end meanwhile (one switch); B stopped before each of its own, and A running to its end first (two
 * switches); A stopped once more on the way there (three).
 *
 * @param stops where A is stopped first, by the operations that it has done; everywhere if absent
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

  /** Returns undefined where the schedule broke something: what would follow it is then unknown. */
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

/** No run of a scenario has so many operations; it bounds the search where a promise is broken. */
const MOST_OPERATIONS = 40;
