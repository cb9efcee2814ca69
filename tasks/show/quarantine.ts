import { printValue } from "../../pipeline/contract/printed.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { plural } from "../../pipeline/progress.ts";
import type { Quarantine } from "../../pipeline/quarantine.ts";
import { paint } from "../cli/terminal.ts";

/**
 * Events in quarantine for people: each with its problems, and with the text that the database gives for
 * each of its columns.
 *
 * @param total how many there are in all
 */
export function renderQuarantine(
  day: Day,
  events: Quarantine["events"],
  total: number,
  colour: boolean,
): string[] {
  const lines = events.flatMap(({ event_id, problems, row }) => {
    const width = Math.max(...Object.keys(row).map((name) => name.length), 0);
    return [
      paint(event_id ?? "an event without event_id", "bold", colour),
      ...problems.map(({ column, problem }) =>
        `  ${paint("problem:", "red", colour)} ${column} ${printValue(problem, "STRING")}`
      ),
      ...Object.entries(row).map(([name, text]) => {
        const value = printValue(text, "STRING");
        const shown = text === null ? paint(value, "dim", colour) : value;
        return `  ${paint(name.padEnd(width), "dim", colour)} ${shown}`;
      }),
    ];
  });
  const shown = events.length === total ? "" : `; ${events.length} shown, see more with --limit`;
  return [...lines, `quarantine ${day}: ${plural(total, "event")}${shown}`];
}
