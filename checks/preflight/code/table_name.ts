import { runEnds } from "../run_end.ts";
import type { Failure } from "../../../pipeline/errors.ts";
import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { showAllRows, TABLE_REMEDY } from "../../../pipeline/outbox/postgres_errors.ts";
import { identifier } from "../../../pipeline/outbox/sql.ts";
import {
  departures,
  isInSearchPath,
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
import { absence, type Judged, leavingOut } from "../outcome.ts";
import { judgeTableNames } from "./table_name_code.ts";
import { whyNoDatabase } from "../../skip_reasons.ts";

/**
 * Job code and manifests use the right name of the outbox table, and the database has the table
 * that the pipeline copies, with the columns of the contract.
 */
export const tableName: Check<never, "manifests" | "cluster" | "database"> = check({
  id: "table-name",
  title: "job code and database have the table of the outbox",
  phase: "before",
  needs: [],
  wants: [...PLATFORM, "database"],
  run({ database, ...facts }, share) {
    const sides: Judged[] = [];
    const inCode = judgeCode(facts, share);
    if ("examined" in inCode) sides.push(inCode);
    if (database?.opened) sides.push(inDatabase(database));
    const findings = sides.flatMap((side) => side.findings);
    if (findings.length === 0 && ("skip" in inCode || "unknown" in inCode)) return inCode;
    // The database was not read. The check database-login reports the reason.
    if (findings.length === 0 && isLoginRefused(database)) return { skip: whyNoDatabase };
    if (sides.length > 0) {
      return {
        examined: sides.map(({ examined }) => examined).join("; "),
        ...leavingOut(...sides.flatMap(({ unchecked = [] }) => unchecked)),
        findings,
      };
    }
    // A file that could not be read may contain the code.
    if (!("notApplicable" in inCode) || facts.manifests === undefined) return inCode;
    return facts.manifests.objects.length === 0
      ? { unknown: inCode.notApplicable }
      : absence(facts.manifests, inCode.notApplicable);
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

function isLoginRefused(database: DatabaseFact | undefined): boolean {
  return database !== undefined && !database.opened;
}

/** Judges the table in the database that has the name of the outbox. */
function inDatabase(database: DatabaseOpened): Judged {
  const { name, table, refused } = database;
  if (refused !== undefined) {
    return { examined: name, findings: [refusedTable(database, refused)] };
  }
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
    ...(table.rowsHidden ? [hiddenRowsFinding(object, table)] : []),
    ...(table.encoding === "SQL_ASCII" ? [encodingFinding(object, table)] : []),
    ...departures(columns).map(({ column, actual }): Finding => ({
      severity: "fail",
      object,
      field: column.name,
      problem: actual === undefined
        ? `the column is missing; the contract has the type ${column.postgres}`
        : `the column has the type ${actual}, but the contract has ${column.postgres}`,
      why: "bronze stops before it publishes any data",
      fix: "Undo the migration that changed the column, or update contract.json.",
    })),
    ...(unknown.length === 0 ? [] : [unexportedColumnsFinding(object, unknown)]),
  ];
  return { examined: `${object}: ${plural(EVENT_COLUMNS.length, "column")}`, findings };
}

/** The finding for a table that the server does not let the role look for. */
function refusedTable({ name, outbox, user }: DatabaseOpened, refused: Failure): Finding {
  return {
    severity: "fail",
    object: name,
    field: outbox,
    problem: `the server refuses to look for the table as ${user}: ${refused.problem}`,
    why: "bronze reads every row of a day, and stops with this error before it publishes any data",
    fix: refused.remedy,
  };
}

function missingTable({ name, outbox, nearMisses }: DatabaseOpened): Finding {
  const near = nearMisses.length === 0 ? "" : `; there is ${naming(nearMisses)}`;
  return {
    severity: "fail",
    object: name,
    field: outbox,
    problem: `${
      isInSearchPath(outbox) ? "the user's search_path has no such table" : "there is no such table"
    }${near}`,
    why:
      `the backend writes its events into ${outbox}; a table with the name of Django's model is ` +
      `not the outbox, and ${runEnds("at once", "Cannot find table")}`,
    fix: TABLE_REMEDY,
  };
}

function unreadable(object: string, { name, user, readable }: OutboxTable): Finding[] {
  if (readable) return [];
  return [{
    severity: "fail",
    object,
    problem: `the role ${user} may not select from the table`,
    why: "bronze reads every row of a day",
    fix: `Let a superuser run: GRANT SELECT ON ${name} TO ${identifier(user)};`,
  }];
}

function noTable(object: string, problem: string): Finding {
  return {
    severity: "fail",
    object,
    problem,
    why: "a run can find open transactions and missing rows only in a table",
    fix: "Set DJANGO_DB_NAME, and OUTBOX_TABLE or the role's search_path, to the table that the " +
      "backend writes.",
  };
}

function hiddenRowsFinding(object: string, { user }: OutboxTable): Finding {
  return {
    severity: "fail",
    object,
    field: "row-level security",
    problem: `the policies of the table hide rows from ${user}`,
    why: "a copy must have every row, so bronze does not read the table",
    fix: showAllRows(user),
  };
}

function encodingFinding(object: string, { database, encoding }: OutboxTable): Finding {
  return {
    severity: "fail",
    object,
    problem: `the encoding of the database is ${encoding}`,
    why: "the characters in its text columns are unknown, so bronze does not copy them",
    fix: `Dump ${database}, and restore it into a database that was created with ENCODING 'UTF8'.`,
  };
}

function unexportedColumnsFinding(object: string, columns: readonly string[]): Finding {
  return {
    severity: "warn",
    object,
    field: columns.join(", "),
    problem: `the contract does not have ${naming(columns)}`,
    why: "bronze copies the columns of the contract and leaves out any other",
    fix:
      "Add the column to bronze.columns in contract.json, or to columnsNotExported to leave it out.",
  };
}
