import { EXECUTION_STATUS } from "../../../pipeline/contract/tables.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { LastEvent } from "../../facts/last_events.ts";
import { lastEventOf, type SilverFact, type SilverRow } from "../../facts/silver.ts";
import { equalTexts } from "../../facts/typed_rows.ts";
import { naming } from "../../list_names.ts";
import { nameOperation, objectOfRows } from "../parts.ts";
import { silverCommand } from "../remedy.ts";
import { whyNotComparable } from "../../skip_reasons.ts";

/** Each row's status and execution_id match the last execution event of the row's operation. */
export const silverStatus: Check<"bronze" | "silver"> = check({
  id: "silver-status",
  title: "each row of silver shows its operation's last event",
  phase: "after",
  needs: ["bronze", "silver"],
  run({ bronze, silver }) {
    const skip = whyNotComparable(bronze, silver);
    if (skip !== undefined) return { skip };
    const { rows } = silver;
    if (rows.length === 0 && bronze.lastEvents.size === 0) {
      return { examined: `no execution events on ${silver.day}`, findings: [] };
    }
    if (rows.length === 0) return { skip: "silver has no rows to check (see silver-rows)" };
    const events: WrongRow[] = [];
    const statuses: WrongRow[] = [];
    for (const row of rows) {
      // The silver-rows check reports rows without an event.
      const last = lastEventOf(row, bronze);
      if (last === undefined) continue;
      if (!hasEvent(row, last)) {
        events.push({ row, is: row.execution_id, should: last.event_id });
      }
      const status = EXECUTION_STATUS.get(last.event_type)!;
      if (row.status !== status) {
        statuses.push({ row, is: JSON.stringify(row.status), should: `"${status}"` });
      }
    }
    const findings = [
      ...finding(
        events,
        "execution_id",
        "an execution_id that is not the last event in bronze",
        silver,
      ),
      ...finding(statuses, "status", "a status that does not match the last event", silver),
    ];
    return { examined: `${plural(rows.length, "row")}, status and execution_id`, findings };
  },
});

function hasEvent(row: SilverRow, last: LastEvent): boolean {
  return row.text === undefined || last.text === undefined
    ? row.execution_id === last.event_id
    : equalTexts(row.text, last.text);
}

interface WrongRow {
  readonly row: SilverRow;
  readonly is: string;
  readonly should: string;
}

function finding(
  wrong: readonly WrongRow[],
  field: string,
  what: string,
  silver: SilverFact,
): Finding[] {
  if (wrong.length === 0) return [];
  const object = objectOfRows(wrong.map(({ row }) => row), silver);
  const names = wrong.map(({ row, is, should }) =>
    `${nameOperation(row, object === row.part)} (${is}, should be ${should})`
  );
  return [{
    severity: "fail",
    object,
    field,
    problem: `${plural(wrong.length, "row")} with ${what}: ${naming(names)}`,
    why: "the events of these operations were replayed in the wrong order, or incompletely",
    fix: silverCommand(silver),
  }];
}
