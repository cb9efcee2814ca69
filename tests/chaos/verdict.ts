import { isPart } from "../../pipeline/contract/keys.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { disagreements } from "./disagreements.ts";
import type { History } from "./history.ts";
import type { Judge } from "./judge.ts";
import type { Outcome, Run } from "./runs.ts";
import type { Scene } from "./scene.ts";
import { Broken } from "./view.ts";

/**
 * Holds how a run ended against what it met. The lake told the truth, so that nothing is a matter of
 * configuration.
 *
 * @throws {Broken} it may not end so
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
      if (/another run|is not there any more|was published again/i.test(message)) return;
      break;
    case "data":
      if (bronzeMissing && /Run bronze first/.test(message)) return;
      if (scene.everDisagreed() && !/Restore it from a backup/.test(message)) return;
  }
  throw new Broken(`a run ended ${end}: ${message}`);
}

/** A day that is to come to rest, and a way to run it while nothing else happens. */
export interface Restless {
  readonly history: History;
  readonly judge: Judge;
  run(run: Run): Promise<Outcome>;
}

/** How many runs of bronze bring a day to rest, at most. */
const MOST_RUNS = 5;

/**
 * Runs a day until it is at rest: sealed bronze with every event, and silver made from it. Where the
 * outbox and bronze disagree, bronze has to say so, and an amendment has to settle it.
 *
 * @throws {Broken} it does not come to rest
 */
export async function converge(day: Restless): Promise<void> {
  await settleBronze(day);
  for (const what of ["come to", "stay at"]) {
    const { end, message } = await day.run({ kind: "silver" });
    if (end !== "ok") throw new Broken(`silver does not ${what} rest: ${message}`);
  }
  const { history, judge } = day;
  const [bronze, silver] = [judge.bronze(), judge.silver()];
  if (bronze?.commit.state !== "sealed") throw new Broken("bronze is at rest, and not sealed");
  for (const [id, { version }] of history.current) {
    const has = bronze.rows.get(id);
    if (has === undefined) throw new Broken(`bronze is at rest without event ${id}`);
    if (has === version || bronze.commit.amended !== undefined) continue;
    throw new Broken(
      `bronze is at rest with version ${has} of ${id}, and the outbox has ${version}`,
    );
  }
  if (silver?.commit.bronze.sha256 !== bronze.sha256) {
    throw new Broken("silver is at rest, and not made from bronze as it is");
  }
}

async function settleBronze(day: Restless): Promise<void> {
  let amended = false;
  for (let i = 1; i <= MOST_RUNS; i++) {
    const { end, message } = await day.run({ kind: "bronze" });
    // The server may take a moment to notice that the process of a session was killed.
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
 * Looks at what lies in a lake beside the markers and the parts that they name: history, quarantine,
 * and parts, which `clean` removes after a day.
 *
 * @throws {Broken} there is something else
 */
export async function judgeRemains(lake: Lake, judge: Judge): Promise<void> {
  const named = [judge.bronze(), judge.silver()].flatMap((view) => view?.commit.parts ?? []);
  const keys = new Set(named.map(({ key }) => key));
  for (const { key } of await lake.list("")) {
    if (keys.has(key) || isPart(key)) continue;
    if (/\/_commit\.json$|\/_commits\/|\/_history\/|\/_quarantine\/|^_preflight\//.test(key)) {
      continue;
    }
    throw new Broken(`${key} lies in the lake, and nothing is known to leave it there`);
  }
}
