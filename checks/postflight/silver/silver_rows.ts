import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { BronzeFact } from "../../facts/bronze.ts";
import type { LastEvent } from "../../facts/last_events.ts";
import {
  lastEventOf,
  type SilverFact,
  type SilverRow,
  type SilverRows,
} from "../../facts/silver.ts";
import { naming } from "../../list_names.ts";
import { nameOperation, objectOfRows, rowCountFindings } from "../parts.ts";
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
    const found = sortOut(rows, bronze);
    const fix = silverCommand(silver);
    return {
      examined: `${plural(rows.length, "row")} of ${plural(operations.size, "operation")}`,
      findings: [
        ...rowCountFindings(silver, "the marker does not match this file", fix),
        ...missingRows(found.missing, bronze, silver, fix),
        ...extra(found.extra, silver, fix),
        ...repeatedRows(found.repeated, silver, fix),
        ...misplacedRows(found.misplaced, silver, fix),
        ...otherClient(found.otherClient, bronze, silver, fix),
      ],
    };
  },
});

/** The rows and the operations that are wrong. */
interface WrongRows {
  /** The operations without a row. */
  readonly missing: readonly bigint[];
  /** The rows of operations without an event. */
  readonly extra: readonly SilverRow[];
  /** The rows of operations with more than one row. */
  readonly repeated: readonly SilverRow[];
  /** The rows in another client's folder. */
  readonly misplaced: readonly SilverRow[];
  /** The rows of another client than the events. */
  readonly otherClient: readonly SilverRow[];
}

/** Finds wrong rows in one pass, and only then reads other rows again. */
function sortOut(rows: SilverRows, bronze: BronzeFact): WrongRows {
  const { lastEvents } = bronze;
  const seen = seenOperations(lastEvents.size);
  const again = new Set<bigint>();
  const extra: SilverRow[] = [];
  const misplaced: SilverRow[] = [];
  const otherClient: SilverRow[] = [];
  let matched = 0;
  let folder = "";
  let client: bigint | undefined;
  for (const row of rows) {
    const last = lastEventOf(row, bronze);
    const isNew = seen.add(row.operation_id, last);
    if (!isNew) again.add(row.operation_id);
    if (last === undefined) extra.push(row);
    else {
      if (isNew) matched++;
      if (last.client_id !== row.client_id) otherClient.push(row);
    }
    if (client !== row.client_id) {
      client = row.client_id;
      folder = `/client_id=${client}/`;
    }
    if (!row.part.includes(folder)) misplaced.push(row);
  }
  return {
    missing: matched === lastEvents.size
      ? []
      : Iterator.from(lastEvents.keys()).filter((id) => !seen.has(id, lastEvents.get(id)))
        .toArray(),
    extra,
    repeated: again.size === 0
      ? []
      : Iterator.from(rows).filter(({ operation_id }) => again.has(operation_id)).toArray(),
    misplaced,
    otherClient,
  };
}

/**
 * Remembers the operations that have a row: by number if bronze has the operation, which is faster,
 * and otherwise by id.
 *
 * @param size the number of operations in bronze
 */
function seenOperations(size: number) {
  const numbered = new Uint8Array(size);
  const others = new Set<bigint>();
  const has = (id: bigint, last: LastEvent | undefined) =>
    last?.operation === undefined ? others.has(id) : numbered[last.operation] === 1;
  return {
    has,
    /** Adds an operation. Returns whether it is new. */
    add(id: bigint, last: LastEvent | undefined): boolean {
      const isNew = !has(id, last);
      if (last?.operation === undefined) others.add(id);
      else numbered[last.operation] = 1;
      return isNew;
    },
  };
}

function missingRows(
  ids: readonly bigint[],
  { lastEvents }: BronzeFact,
  { markerKey }: SilverFact,
  fix: string,
): Finding[] {
  if (ids.length === 0) return [];
  return [{
    severity: "fail",
    object: markerKey,
    field: "operation_id",
    problem: `no row for ${plural(ids.length, "operation")} with execution events: ` +
      naming(ids.map((id) => `operation ${id} of client ${lastEvents.get(id)!.client_id}`)),
    why: "readers of silver do not see that these stops executed or failed",
    fix,
  }];
}

function extra(rows: readonly SilverRow[], silver: SilverFact, fix: string): Finding[] {
  const isOnePart = objectOfRows(rows, silver) === rows[0]?.part;
  return finding(rows, silver, "operation_id", {
    problem: `${plural(rows.length, "row")} without an execution event: ${
      naming(rows.map((row) => nameOperation(row, isOnePart)))
    }`,
    why: "bronze has no event for these executions",
    fix,
  });
}

function repeatedRows(rows: readonly SilverRow[], silver: SilverFact, fix: string): Finding[] {
  const byOperation = Map.groupBy(rows, ({ operation_id }) => operation_id);
  const isOnePart = objectOfRows(rows, silver) === rows[0]?.part;
  const names = Array.from(byOperation.values(), (own) => {
    const clients = new Set(own.map(({ client_id }) => `client ${client_id}`));
    const of = isOnePart ? "" : ` of ${[...clients].join(" and ")}`;
    return `operation ${own[0]!.operation_id}${of} (${own.length} rows)`;
  });
  return finding(rows, silver, "operation_id", {
    problem: `${plural(names.length, "operation")} with more than one row: ${naming(names)}`,
    why: "silver has one row per operation, so readers count these executions more than once",
    fix,
  });
}

function misplacedRows(rows: readonly SilverRow[], silver: SilverFact, fix: string): Finding[] {
  return finding(rows, silver, "client_id", {
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
  rows: readonly SilverRow[],
  { lastEvents }: BronzeFact,
  silver: SilverFact,
  fix: string,
): Finding[] {
  const names = rows.map(({ operation_id: id, client_id }) =>
    `operation ${id} (client ${client_id}, and its last event says ${
      lastEvents.get(id)!.client_id
    })`
  );
  return finding(rows, silver, "client_id", {
    problem: `${plural(rows.length, "row")} of another client than the events: ${naming(names)}`,
    why: "the execution is shown to the wrong client and counted for that client",
    fix,
  });
}

function finding(
  rows: readonly SilverRow[],
  silver: SilverFact,
  field: string,
  rest: Pick<Finding, "problem" | "fix"> & { readonly why: string },
): Finding[] {
  if (rows.length === 0) return [];
  return [{ severity: "fail", object: objectOfRows(rows, silver), field, ...rest }];
}
