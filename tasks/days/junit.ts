import {
  type Outcome,
  renderSuites,
  type TestCase,
  testCases,
  type TestSuite,
} from "../../checks/report/junit.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { DayCommand, Order } from "./order.ts";
import type { DayResult } from "./table.ts";

type Step = "bronze" | "silver" | "postflight";

/** The steps of a day, in order. */
const STEPS: Readonly<Record<DayCommand, readonly Step[]>> = {
  bronze: ["bronze"],
  silver: ["silver"],
  postflight: ["postflight"],
  run: ["bronze", "silver", "postflight"],
};

/**
 * Renders days as JUnit XML with a test suite per day, and a test case for each layer and each check.
 * A step that was not reached is skipped, and so is each step of a day that was not started. A day
 * with an exit code other than 0 has a failure or an error. Ends with a newline.
 *
 * @param days the days of the command; the results are those of the first days
 */
export function renderDaysJunit(
  { command, dryRun, several }: Pick<Order, "command" | "dryRun" | "several">,
  results: readonly DayResult[],
  days: readonly Day[],
): string {
  const steps = STEPS[command].filter((step) => !dryRun || step !== "postflight");
  const suites = days.map((date, i): TestSuite => {
    const result = results[i];
    const name = several ? `${command} ${date}` : command;
    // With one day, a check keeps its class name from day to day.
    const place = several ? `.${date}` : "";
    const context = { command, place, steps };
    const cases = result === undefined ? notStarted(context) : casesOf(context, result);
    return { name, date, seconds: secondsOf(result), cases };
  });
  // A consumer takes a report without test cases for an error.
  return renderSuites(command, suites.length === 0 ? [nothingPending(command)] : suites);
}

interface Context {
  readonly command: DayCommand;
  /** The end of each class name. */
  readonly place: string;
  readonly steps: readonly Step[];
}

function notStarted({ command, place, steps }: Context): TestCase[] {
  const outcome = skipped("the day was not started, because an earlier day failed");
  return steps.map((name) => ({ classname: `${command}${place}`, name, outcome }));
}

function casesOf({ command, place, steps }: Context, result: DayResult): TestCase[] {
  const { exitCode, measured } = result;
  const classname = `${command}${place}`;
  const cases = steps.flatMap((name): TestCase[] => {
    if (name === "postflight" && measured?.checks !== undefined) {
      return testCases(`postflight${place}`, measured.checks.results);
    }
    const seconds = measured?.seconds[name];
    return [{ classname, name, seconds, outcome: outcomeOf(name, result) }];
  });
  const isBad = ({ outcome }: TestCase) =>
    outcome?.element === "failure" || outcome?.element === "error";
  if (exitCode === 0 || cases.some(isBad)) return cases;
  const message = measured?.failure ?? `the day ended with exit code ${exitCode}`;
  return [...cases, { classname, name: "exit-code", outcome: failed(exitCode, message) }];
}

/** The outcome of a layer, or of postflight if no check ran. */
function outcomeOf(step: Step, { exitCode, measured, ...states }: DayResult): Outcome {
  const state = states[step];
  if (state === undefined) {
    return skipped(exitCode === 0 ? "it had nothing to do" : "an earlier step of the day failed");
  }
  const text = measured?.lines?.[step]?.join("\n");
  if (state === "failed" || state === "error") {
    return { ...failed(exitCode, measured?.failure ?? `${step} failed`), ...(text && { text }) };
  }
  return { element: "system-out", text: text ?? state };
}

/** Exit code 1 is wrong data. The others say that the step could not decide. */
function failed(exitCode: number, message: string): Outcome {
  return { element: exitCode === 1 ? "failure" : "error", message };
}

function skipped(message: string): Outcome {
  return { element: "skipped", message };
}

function nothingPending(command: DayCommand): TestSuite {
  const outcome = { element: "system-out", text: "no day is pending" } as const;
  return {
    name: command,
    seconds: 0,
    cases: [{ classname: command, name: "pending", seconds: 0, outcome }],
  };
}

function secondsOf(result: DayResult | undefined): number {
  return Object.values(result?.measured?.seconds ?? {}).reduce((sum, each) => sum + each, 0);
}
