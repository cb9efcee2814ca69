import { isPart } from "../../pipeline/contract/keys.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { disagreements } from "./disagreements.ts";
import type { History } from "./history.ts";
import type { Judge } from "./view_judge.ts";
import type { Outcome, Run } from "./runs.ts";
import type { Scene } from "./scene.ts";
import { Broken } from "./view.ts";

/**
 * Checks that a run's outcome fits its circumstances. The lake returned only correct responses, so
 * `configuration` is never right.
 *
 * @throws {Broken} the run must not end like this
 */
export function judgeOutcome(
  { end, message }: Outcome,
  scene: Pick<Scene, "everDisagreed">,
  bronzeMissing: boolean,
): void {
  switch (end) {
    case "ok":
      return;
    case "unreachable":
      if (/another run|no longer exists|was published again/i.test(message)) return;
      break;
    case "data":
      if (bronzeMissing && /Run bronze first/.test(message)) return;
      if (scene.everDisagreed() && !/Restore it from a backup/.test(message)) return;
  }
  throw new Broken(`a run ended ${end}: ${message}`);
}

/** A day to bring to rest, and a way to run it while nothing else happens. */
export interface UnsettledDay {
  readonly history: History;
  readonly judge: Judge;
  run(run: Run): Promise<Outcome>;
}

/** Most bronze runs that a day needs to come to rest. */
const MOST_RUNS = 5;

/**
 * Runs a day until it is at rest: sealed bronze with every event, and silver made from it. If the
 * outbox and bronze disagree, bronze must report it and an amendment must resolve it.
 *
 * @throws {Broken} the day does not come to rest
 */
export async function converge(day: UnsettledDay): Promise<void> {
  await settleBronze(day);
  for (const what of ["come to", "stay at"]) {
    const { end, message } = await day.run({ kind: "silver" });
    if (end !== "ok") throw new Broken(`silver does not ${what} rest: ${message}`);
  }
  const { history, judge } = day;
  const [bronze, silver] = [judge.bronze(), judge.silver()];
  if (bronze?.commit.state !== "sealed") throw new Broken("bronze is at rest but not sealed");
  for (const [id, { version }] of history.current) {
    const has = bronze.rows.get(id);
    if (has === undefined) throw new Broken(`bronze is at rest without event ${id}`);
    if (has === version || bronze.commit.amended !== undefined) continue;
    throw new Broken(
      `bronze is at rest with version ${has} of ${id}, but the outbox has ${version}`,
    );
  }
  if (silver?.commit.bronze.sha256 !== bronze.sha256) {
    throw new Broken("silver is at rest but was made from an older bronze");
  }
}

async function settleBronze(day: UnsettledDay): Promise<void> {
  let amended = false;
  for (let i = 1; i <= MOST_RUNS; i++) {
    const { end, message } = await day.run({ kind: "bronze" });
    // The server may need a moment to notice that the process of a session was killed.
    if (end === "ok" && day.judge.bronze()?.commit.state === "sealed") return;
    if (end === "ok") continue;
    if (end !== "data" || amended || disagreements(day).length === 0) {
      throw new Broken(`bronze does not come to rest: ${end}, ${message}`);
    }
    const amendment = await day.run({ kind: "amend", keepAltered: true });
    if (amendment.end !== "ok") throw new Broken(`amend does not end well: ${amendment.message}`);
    amended = true;
  }
  throw new Broken(`bronze is not at rest after ${MOST_RUNS} runs`);
}

/**
 * Checks that a lake contains only markers, the parts that they name, history, quarantine, the
 * record of the source, and unreferenced parts, which `clean` removes after a day.
 *
 * @throws {Broken} the lake contains anything else
 */
export async function judgeRemains(lake: Lake, judge: Judge): Promise<void> {
  const named = [judge.bronze(), judge.silver()].flatMap((view) => view?.commit.parts ?? []);
  const keys = new Set(named.map(({ key }) => key));
  for (const { key } of await lake.list("")) {
    if (keys.has(key) || isPart(key)) continue;
    if (
      /\/_commit\.json$|\/_commits\/|\/_history\/|\/_quarantine\/|^_preflight\/|^_source\.json$/
        .test(key)
    ) {
      continue;
    }
    throw new Broken(`unexpected object ${key} in the lake`);
  }
}
