import { Failure } from "../../../pipeline/errors.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { colourWanted, print, showStatus } from "../../../tasks/cli/terminal.ts";
import { missingLayers } from "../../cluster/node/images/layouts.ts";
import { missingNode } from "../../cluster/node/programs.ts";
import { rgwInstalled } from "../../support/ceph_rgw.ts";
import type { RealFailure } from "./failure.ts";
import { type RealOutcome, unwell } from "./outcome.ts";
import { type RealPlatform, startPlatform } from "./platform.ts";
import { rehearseReal } from "./rehearse.ts";
import {
  exitCodeOfReal,
  renderRealJson,
  renderRealOutcome,
  renderRealSummary,
  renderRealTable,
} from "./table.ts";

/** The output formats of `deno task drill --real`. */
export const REAL_OUTPUTS = ["text", "json", "markdown"] as const;

/**
 * Provokes failures on a real node, one after the other.
 *
 * @returns the exit code
 */
export async function drillReal(
  failures: readonly RealFailure[],
  output: typeof REAL_OUTPUTS[number],
): Promise<number> {
  const missing = await missingNode() ?? await missingLayers() ??
    (rgwInstalled() ? undefined : "Ceph RGW is not installed");
  if (missing !== undefined) {
    throw new Failure({
      kind: "configuration",
      task: "start a real node",
      problem: missing,
      remedy: "Install what is missing. CONTRIBUTING.md lists the parts.",
    });
  }
  const say = (text: string) => output === "text" && print(text);
  const days = failures.map((_, i) => parseDay(`2025-11-${String(i + 1).padStart(2, "0")}`)!);
  await using platform = await startPlatform(days, (what) => showStatus(`${what} …`));
  await requireHealth(platform, failures);
  const outcomes: RealOutcome[] = [];
  for (const [i, failure] of failures.entries()) {
    const show = (what: string) =>
      showStatus(`${i + 1} of ${failures.length}: ${failure.id}: ${what} …`);
    if (i > 0) {
      // A printed command can mend an object without making it equal to its manifest. The next drill
      // may compare the two.
      show("healing");
      await platform.heal();
    }
    const outcome = await rehearseReal(platform, failure, days[i]!, show);
    outcomes.push(outcome);
    say(renderRealOutcome(outcome, colourWanted()));
  }
  if (output === "json") print(renderRealJson(outcomes));
  else print(renderRealTable(outcomes));
  say(renderRealSummary(outcomes));
  return exitCodeOfReal(outcomes);
}

/**
 * Checks the healthy platform, with the facts that the failures need.
 *
 * @throws {Error} the platform is not healthy
 */
async function requireHealth(
  platform: RealPlatform,
  failures: readonly RealFailure[],
): Promise<void> {
  showStatus("checking the healthy platform …");
  // An image takes a minute to read.
  const image = failures.some(({ facts }) => facts.includes("image")) ? ",image" : "";
  const left = unwell(await platform.preflight(`manifests,cluster,database,lake${image}`));
  if (left.length > 0) throw new Error(`The healthy platform fails ${left.join(", ")}.`);
}
