import { SOURCE_KEY } from "../pipeline/contract/keys.ts";
import {
  databaseOf,
  formatSource,
  isSameDatabase,
  isSameTable,
  type Source,
  tableOf,
} from "../pipeline/contract/source.ts";
import { shell } from "../pipeline/shell.ts";
import type { Finding } from "./finding.ts";

/** The consequence of a lake that was copied from two tables. */
export const MIXED = "the lake would have events of two tables, and no reader can tell them apart";

/**
 * Compares the last source of a lake with the outbox.
 *
 * @param reads what reads the outbox, as in `postflight reads`
 * @param object the object that names the last source
 */
export function otherSourceFindings(
  last: Source,
  outbox: Source,
  reads: string,
  object: Pick<Finding, "object" | "field"> = { object: SOURCE_KEY, field: "sources" },
): Finding[] {
  const earlier = shell`--earlier-source ${formatSource(last)}`;
  const common = { severity: "fail", ...object } as const;
  const explained = `, run bronze once with ${earlier}: deno task explain lake-source`;
  if (!isSameTable(last, outbox)) {
    return [{
      ...common,
      problem: `the lake was copied from ${tableOf(last)}, and ${reads} ${tableOf(outbox)}`,
      why: MIXED,
      fix: `Set OUTBOX_TABLE, or database.table in the project file, to ${tableOf(last)}. ` +
        `If this is the same table under another name${explained}`,
    }];
  }
  if (isSameDatabase(last, outbox)) return [];
  return [{
    ...common,
    problem: `the lake was copied from the database ${databaseOf(last)}, and ${reads} ` +
      databaseOf(outbox),
    why: "another database can have a table of the same name with other events",
    fix: `Check DJANGO_DB_HOST and DJANGO_DB_NAME. If the database was moved${explained}`,
  }];
}
