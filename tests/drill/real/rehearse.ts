import type { Day } from "../../../pipeline/contract/window.ts";
import type { RealFailure } from "./failure.ts";
import { findingsOf, predictionOf, type RealOutcome, unwell } from "./outcome.ts";
import type { RealPlatform } from "./platform.ts";
import { commandsOf } from "./printed_fix.ts";

/**
 * Injects a failure, lets preflight find it, runs the Job, does what the report says, and runs the
 * Job again. The next drill needs a platform that is healed.
 *
 * @param day a day that no other drill uses
 * @param show shows what is done now
 */
export async function rehearseReal(
  platform: RealPlatform,
  failure: RealFailure,
  day: Day,
  show: (what: string) => void,
): Promise<RealOutcome> {
  const { facts, runner } = failure;
  show("injecting the fault");
  let outcome: RealOutcome = {
    failure,
    findings: [],
    others: [],
    predicted: undefined,
    happened: { end: "unknown", exitCode: -1, message: "", seconds: 0 },
    fix: "",
    left: [],
    after: undefined,
  };
  try {
    await failure.inject(platform, day);
    show("checking");
    const found = findingsOf(failure, await platform.preflight(facts));
    outcome = { ...outcome, ...found, predicted: predictionOf(found.findings) };
    show("running the Job, which should fail");
    outcome = { ...outcome, happened: await platform.run(runner, day) };
    // A Job that waits is left as it is, and its pods count in the quota.
    await platform.removeRuns();
    show("doing what the report says");
    outcome = { ...outcome, fix: await fix(platform, outcome, day) };
    show("checking again");
    outcome = { ...outcome, left: unwell(await platform.preflight(facts)) };
    show("running the Job, which should succeed");
    outcome = { ...outcome, after: await platform.run(runner, day) };
  } catch (error) {
    outcome = { ...outcome, error: (error as Error).message };
  }
  return outcome;
}

/** Does what the findings say, as they print it. Returns what was done. */
async function fix(
  platform: RealPlatform,
  { failure: { follow }, findings }: RealOutcome,
  day: Day,
): Promise<string> {
  if (follow !== undefined) {
    await follow(platform, findings, day);
    return [...new Set(findings.map((each) => each.fix))].join("\n");
  }
  const commands = commandsOf(findings);
  for (const command of commands) {
    const { code, stdout } = await platform.shell(command);
    if (code !== 0) throw new Error(`The fix ended with exit code ${code}: ${command}\n${stdout}`);
  }
  return commands.join("\n");
}
