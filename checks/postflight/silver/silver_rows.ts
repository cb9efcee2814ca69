import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { BronzeFact } from "../../facts/bronze.ts";
import type { SilverFact, SilverRow, SilverRows } from "../../facts/silver.ts";
import { naming } from "../../list_names.ts";
import { rowCountFindings } from "../parts.ts";
import { silverCommand } from "../remedy.ts";
import { whyNotComparable } from "../../skip_reasons.ts";

/** Silver has exactly one row for each operation with an execution event, in the client's folder. */
export const silverRows: Check<"bronze" | "silver"> = check({
  id: "silver-rows",
  title: "silver has one row for each operation that executed",
  phase: "after",
  needs: ["bronze", "silver"],
  run({ bronze, silver }) {
    const skip = whyNotComparable(bronze, silver);
    if (skip !== undefined) return { skip };
    const { rows } = silver;
    const operations = bronze.lastEvents;
    if (operations.size === 0 && rows.length === 0) {
      return { examined: `no execution events on ${silver.day}, and no rows`, findings: [] };
    }
    const times = new Map<bigint, number>();
    for (const { operation_id: id } of rows) times.set(id, (times.get(id) ?? 0) + 1);
    const fix = silverCommand(silver);
    return {
      examined: `${plural(rows.length, "row")} of ${plural(operations.size, "operation")}`,
      findings: [
        ...rowCountFindings(silver, "the marker does not match this file", fix),
        ...missingRows(
          Iterator.from(operations.keys()).filter((id) => !times.has(id)).toArray(),
          silver,
          fix,
        ),
        ...extra(where(rows, (row) => !operations.has(row.operation_id)), fix),
        ...repeatedRows(where(rows, ({ operation_id: id }) => times.get(id)! > 1), times, fix),
        ...misplacedRows(rows, fix),
        ...otherClient(rows, bronze, fix),
      ],
    };
  },
});

function where(rows: SilverRows, isSo: (row: SilverRow) => boolean): SilverRow[] {
  return Iterator.from(rows).filter(isSo).toArray();
}

function missingRows(ids: readonly bigint[], { markerKey }: SilverFact, fix: string): Finding[] {
  if (ids.length === 0) return [];
  return [{
    severity: "fail",
    object: markerKey,
    field: "operation_id",
    problem: `no row for ${plural(ids.length, "operation")} with execution events: ` +
      naming(ids.map(String)),
    why: "readers of silver do not see that these stops executed or failed",
    fix,
  }];
}

function extra(rows: readonly SilverRow[], fix: string): Finding[] {
  return finding(rows, "operation_id", {
    problem: `${plural(rows.length, "row")} of operations without an execution event: ${
      naming(rows.map(({ operation_id }) => `${operation_id}`))
    }`,
    why: "bronze has no event for these executions",
    fix,
  });
}

function repeatedRows(
  rows: readonly SilverRow[],
  times: ReadonlyMap<bigint, number>,
  fix: string,
): Finding[] {
  const ids = [...new Set(rows.map(({ operation_id }) => operation_id))];
  const names = ids.map((id) => `${id} (${times.get(id)} rows)`);
  return finding(rows, "operation_id", {
    problem: `${plural(ids.length, "operation")} with more than one row: ${naming(names)}`,
    why: "silver has one row per operation, so readers count these executions more than once",
    fix,
  });
}

function misplacedRows(all: SilverRows, fix: string): Finding[] {
  const rows = where(
    all,
    ({ part, client_id }) => !part.includes(`/client_id=${client_id}/`),
  );
  return finding(rows, "client_id", {
    problem: `${plural(rows.length, "row")} in another client's folder: ${
      naming(rows.map((row) => `operation ${row.operation_id} of client ${row.client_id}`))
    }`,
    why:
      "a reader of one client's folder sees another client's executions; Spark takes the client " +
      "from the folder, and contradicts the column",
    fix,
  });
}

function otherClient(
  all: SilverRows,
  { lastEvents }: BronzeFact,
  fix: string,
): Finding[] {
  const owner = ({ operation_id }: SilverRow) => lastEvents.get(operation_id)?.client_id;
  const rows = where(all, (row) => (owner(row) ?? row.client_id) !== row.client_id);
  const names = rows.map((row) =>
    `operation ${row.operation_id} (client ${row.client_id}, and its last event says ${owner(row)})`
  );
  return finding(rows, "client_id", {
    problem: `${plural(rows.length, "row")} of another client than the events: ${naming(names)}`,
    why: "the execution is shown to the wrong client and counted for that client",
    fix,
  });
}

function finding(
  rows: readonly SilverRow[],
  field: string,
  rest: Pick<Finding, "problem" | "fix"> & { readonly why: string },
): Finding[] {
  return rows.length === 0 ? [] : [{ severity: "fail", object: rows[0]!.part, field, ...rest }];
}
