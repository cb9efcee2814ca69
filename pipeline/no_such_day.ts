import { Failure } from "./errors.ts";

/**
 * The failure for a text that should be a day, and is not.
 *
 * @param name the source of the text, with what precedes it: `--date ` or `JOB_DATE=`
 */
export function noSuchDay(name: string, text: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use ${name}${JSON.stringify(text)}`,
    problem: problemOf(text),
    remedy: name === "JOB_DATE="
      ? "Remove JOB_DATE to run for today in UTC, or set a day such as 2025-12-28, today or yesterday."
      : "Give a day such as 2025-12-28, today or yesterday.",
  });
}

function problemOf(text: string): string {
  if (/\$\(|`|\$\{|\$[A-Za-z_]|%[A-Za-z]/.test(text)) {
    return "that is a shell expression, not a day. Kubernetes runs no shell over a container's env: " +
      "it replaces $(NAME) of a variable that was declared before, and leaves everything else, such " +
      "as $(date +%F), as it is";
  }
  if (/^\s|\s$/.test(text)) return "it has a blank or a line break around";
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return "the calendar has no such day";
  return "a day is written YYYY-MM-DD";
}
