import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { SilverRow } from "../../facts/silver.ts";
import { naming } from "../../list_names.ts";
import { nameOperation, objectOfRows } from "../parts.ts";
import { whyNotCollected } from "../../skip_reasons.ts";

/** Warns about completed executions without a fill price. */
export const fillPrice: Check<"silver"> = check({
  id: "fill-price",
  title: "every completed execution has a fill price",
  phase: "after",
  needs: ["silver"],
  run({ silver }) {
    const skip = whyNotCollected(silver);
    if (skip !== undefined) return { skip };
    const rows: SilverRow[] = [];
    let done = 0;
    for (const row of silver.rows) {
      if (row.status !== "EXECUTED") continue;
      done++;
      if (!row.filled) rows.push(row);
    }
    const examined = silver.rows.length === 0
      ? `silver has no executions on ${silver.day}`
      : `${done} of ${plural(silver.rows.length, "execution")} done`;
    if (rows.length === 0) return { examined, findings: [] };
    const object = objectOfRows(rows, silver);
    const isOnePart = object === rows[0]!.part;
    const finding: Finding = {
      severity: "warn",
      object,
      field: "fill_price",
      problem: `${plural(rows.length, "row")} with status EXECUTED and no fill_price: ${
        naming(rows.map((row) => nameOperation(row, isOnePart)))
      }`,
      why:
        "no event of the operation on this day has the price, so slippage and profit cannot be " +
        "computed from silver",
      fix:
        "Look the order up at the exchange by its exchange_order_id, and have the backend write " +
        "the price with its EXECUTED event.",
    };
    return { examined, findings: [finding] };
  },
});
