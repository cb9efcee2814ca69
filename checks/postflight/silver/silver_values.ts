import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import { VALUE_COLUMNS } from "../../facts/latest_values.ts";
import type { SilverFact, WrongColumn } from "../../facts/silver.ts";
import { naming } from "../../list_names.ts";
import { whyNotComparable, whyNotCompared } from "../../skip_reasons.ts";
import { objectOfRows } from "../parts.ts";
import { silverCommand } from "../remedy.ts";

/** Each row has the latest value of each column, and the latest time of each kind, in bronze. */
export const silverValues: Check<"bronze" | "silver"> = check({
  id: "silver-values",
  title: "each value of silver is the latest one in bronze",
  phase: "after",
  needs: ["bronze", "silver"],
  run({ bronze, silver }) {
    const skip = whyNotComparable(bronze, silver);
    if (skip !== undefined) return { skip };
    const { rows, compared } = silver;
    if (rows.length === 0 && bronze.lastEvents.size === 0) {
      return { examined: `no execution events on ${silver.day}`, findings: [] };
    }
    if (rows.length === 0) return { skip: "silver has no rows to check (see silver-rows)" };
    if (compared?.sha256 !== bronze.marker!.sha256) return { unknown: whyNotCompared };
    const names = VALUE_COLUMNS.map(({ name }) => name).join(", ");
    return {
      examined: `${plural(rows.length, "row")}, byte by byte: ${names}`,
      findings: compared.wrong.map((column) => finding(column, silver)),
    };
  },
});

function finding({ name, count, named }: WrongColumn, silver: SilverFact): Finding {
  const list = named.map(({ row, silver: is, bronze: should }) =>
    `operation ${row.operation_id} of client ${row.client_id} (${is}, should be ${should})`
  );
  // The rows that are not named can be in any part.
  const object = count > named.length
    ? silver.markerKey
    : objectOfRows(named.map(({ row }) => row), silver);
  return {
    severity: "fail",
    object,
    field: name,
    problem: `${plural(count, "row")} with another ${name} than the latest one in bronze: ` +
      naming(list, count),
    why: "readers of silver see values that the events do not have, or that are out of date",
    fix: silverCommand(silver),
  };
}
