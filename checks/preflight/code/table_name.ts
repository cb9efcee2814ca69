import { EVENT_COLUMNS, OUTBOX_TABLE } from "../../../pipeline/contract/tables.ts";
import { showAllRows } from "../../../pipeline/outbox/postgres_errors.ts";
import { identifier } from "../../../pipeline/outbox/sql.ts";
import {
  departures,
  notATable,
  type OutboxTable,
  unknownColumns,
} from "../../../pipeline/outbox/schema.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check, type Share } from "../../check.ts";
import type { Finding, Outcome } from "../../finding.ts";
import type { DatabaseFact, DatabaseOpened } from "../../facts/database.ts";
import { naming } from "../../list_names.ts";
import { JOBS, onPlatform, PLATFORM, type PlatformFacts } from "../platform.ts";
import { judgeTableNames } from "./table_name_code.ts";
import { whyNoDatabase } from "../../skip_reasons.ts";

/** What one side of the condition looked at, and found. */
interface Side {
  readonly examined: string;
  readonly findings: readonly Finding[];
}

/**
 * The outbox is called `stop_events` wherever it is named, and the database has it under that name,
 * with the contract's columns.
 */
export const tableName: Check<never, "manifests" | "cluster" | "database"> = check({
  id: "table-name",
  title: `the outbox is the table ${OUTBOX_TABLE}`,
  phase: "before",
  needs: [],
  wants: [...PLATFORM, "database"],
  run({ database, ...facts }, share) {
    const sides: Side[] = [];
    const inCode = judgeCode(facts, share);
    if ("examined" in inCode) sides.push(inCode);
    if (database?.opened) sides.push(inDatabase(database));
    const findings = sides.flatMap((side) => side.findings);
    if (findings.length === 0 && ("skip" in inCode || "unknown" in inCode)) return inCode;
    // What the database would say is not known then, and database-login says why.
    if (findings.length === 0 && refused(database)) return { skip: whyNoDatabase };
    if (sides.length > 0) {
      return { examined: sides.map(({ examined }) => examined).join("; "), findings };
    }
    // A file that could not be read may contain the code.
    const { problems = [], objects = [] } = facts.manifests ?? {};
    const isIncomplete = facts.manifests !== undefined &&
      (problems.length > 0 || objects.length === 0);
    return "notApplicable" in inCode && isIncomplete ? { unknown: inCode.notApplicable } : inCode;
  },
});

function judgeCode({ manifests, cluster }: PlatformFacts, share: Share | undefined): Outcome {
  const absent = "no job code that names tables";
  if (manifests === undefined && cluster === undefined) return { notApplicable: absent };
  return onPlatform(
    { manifests, cluster },
    share,
    JOBS,
    (platform) => judgeTableNames(platform.tree) ?? { notApplicable: absent },
  );
}

function refused(database: DatabaseFact | undefined): boolean {
  return database !== undefined && !database.opened;
}

/** What the database has under the outbox's name. */
function inDatabase(database: DatabaseOpened): Side {
  const { name, table } = database;
  if (table === undefined) return { examined: name, findings: [missingTable(database)] };
  const { columns } = table;
  const unknown = unknownColumns(columns);
  const object = `${table.name} in ${name}`;
  const otherKind = notATable(table);
  if (otherKind !== undefined) {
    return { examined: object, findings: [noTable(object, otherKind)] };
  }
  const findings = [
    ...unreadable(object, table),
    ...(table.rowsHidden ? [hidden(object, table)] : []),
    ...(table.encoding === "SQL_ASCII" ? [unencoded(object, table)] : []),
    ...departures(columns).map(({ column, actual }): Finding => ({
      severity: "fail",
      object,
      field: column.name,
      problem: actual === undefined
        ? `there is no such column; the contract has it as ${column.postgres}`
        : `it is of type ${actual}, and the contract says ${column.postgres}`,
      why: "bronze would stop before it publishes anything",
      fix: "Undo the migration that changed it, or bring contract.json up to date.",
    })),
    ...(unknown.length === 0 ? [] : [unexported(object, unknown)]),
  ];
  return { examined: `${object}: ${plural(EVENT_COLUMNS.length, "column")}`, findings };
}

function missingTable({ name, nearMisses }: DatabaseOpened): Finding {
  const near = nearMisses.length === 0 ? "" : `; there is ${naming(nearMisses)}`;
  return {
    severity: "fail",
    object: name,
    field: OUTBOX_TABLE,
    problem: `there is no such table in the user's search_path${near}`,
    why: `Robson writes its events into ${OUTBOX_TABLE}; Django's model has another name, and a ` +
      "table called like the model is not the outbox",
    fix: "Set DJANGO_DB_NAME to the database of Robson's backend, and run its migrations: " +
      "python manage.py migrate",
  };
}

function unreadable(object: string, { name, user, readable }: OutboxTable): Finding[] {
  if (readable) return [];
  return [{
    severity: "fail",
    object,
    problem: `${user} may not select from it`,
    why: "bronze reads every row of a day",
    fix: `Let a superuser run: GRANT SELECT ON ${name} TO ${identifier(user)};`,
  }];
}

function noTable(object: string, problem: string): Finding {
  return {
    severity: "fail",
    object,
    problem,
    why: "only of a table can a run know that it has every row, and who still writes to it",
    fix: "Set DJANGO_DB_NAME and the role's search_path to where Robson's backend writes.",
  };
}

function hidden(object: string, { user }: OutboxTable): Finding {
  return {
    severity: "fail",
    object,
    field: "row-level security",
    problem: `its policies hide rows from ${user}`,
    why: "a copy has to have every row, so bronze refuses to read",
    fix: showAllRows(user),
  };
}

function unencoded(object: string, { database, encoding }: OutboxTable): Finding {
  return {
    severity: "fail",
    object,
    problem: `the encoding of its database is ${encoding}`,
    why: "it is not known which characters its texts hold, so bronze refuses to copy them",
    fix: `Dump ${database}, and restore it into a database that was created with ENCODING 'UTF8'.`,
  };
}

function unexported(object: string, columns: readonly string[]): Finding {
  return {
    severity: "warn",
    object,
    field: columns.join(", "),
    problem: `the contract does not know ${naming(columns)}`,
    why: "bronze copies the columns of the contract and leaves out any other",
    fix: "If the lake should have it, add it to bronze.columns in contract.json, else to " +
      "columnsNotExported.",
  };
}
