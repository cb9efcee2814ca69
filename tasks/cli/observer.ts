import type { Day } from "../../pipeline/contract/window.ts";
import {
  formatCount,
  type Observer,
  plural,
  type Progress,
  type Step,
} from "../../pipeline/progress.ts";
import { isQuiet } from "./common_flags.ts";
import { renderLine } from "./json_line.ts";
import { repeatFlags } from "./next_command.ts";
import { colourWanted, paint, print, showStatus } from "./terminal.ts";

/** The output formats of a pipeline command. */
export const OUTPUTS = ["text", "json"] as const;

/** The steps that are the result of a command, which `--quiet` does not leave out. */
const RESULTS = new Set(["amendment", "clean", "commit", "completed", "dry-run", "verified"]);

/**
 * Returns an observer that prints each step as a line of text or JSON.
 *
 * @param date the day of the steps, for JSON
 */
export function printing(
  command: string,
  output: (typeof OUTPUTS)[number],
  date?: Day,
): Observer {
  if (output === "json") {
    return { step: (step) => print(renderJsonStep(command, step, date)), progress() {} };
  }
  const started = performance.now();
  let shown = 0;
  return {
    step(step) {
      if (isQuiet() && !step.warning && !RESULTS.has(step.step)) return;
      print(repeatFlags(renderStep(command, step, colourWanted())));
    },
    progress(progress) {
      const now = performance.now();
      if (now - shown < 100) return;
      shown = now;
      showStatus(renderProgress(command, progress, (now - started) / 1000));
    },
  };
}

/** Returns a function that prints what a command is waiting for. */
export function waiting(observer: Observer): (what: string) => void {
  return (what) => observer.step({ step: "waiting", says: what, data: { for: what } });
}

/** Renders a step as a line of text. */
export function renderStep(
  command: string,
  { step, says, warning }: Step,
  colour: boolean,
): string {
  const place = `${paint(command.padEnd(7), "dim", colour)} ${step.padEnd(11)} `;
  return place + (warning ? `${paint("warning:", "yellow", colour)} ${says}` : says);
}

/** Renders a step as a line of JSON. */
export function renderJsonStep(
  command: string,
  { step, data, warning = false }: Step,
  date?: Day,
): string {
  const day = date === undefined ? {} : { date };
  return renderLine(command, step, { ...day, warning, ...data });
}

/** Renders the progress of a run. */
export function renderProgress(
  command: string,
  { rows, of, parts }: Progress,
  seconds: number,
): string {
  const rate = formatCount(Math.round(rows / Math.max(seconds, 0.001)));
  const done = `${formatCount(rows)} of ${plural(of, "row")}, ${rate} rows/s`;
  return `${command.padEnd(7)} ${done}${parts > 0 ? `, ${plural(parts, "part")}` : ""}`;
}
