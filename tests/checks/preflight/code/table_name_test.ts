import { Failure } from "../../../../pipeline/errors.ts";
import type { OutboxTable } from "../../../../pipeline/outbox/schema.ts";
import { assertEquals } from "../../../support/assert.ts";
import {
  assertOnlyBefore,
  DATABASE,
  judgeReady,
  READY,
  type ReadyFacts,
  TABLE,
  withTable,
} from "../../healthy/platform.ts";

const ID = "table-name";
const name = "robson@db:5432/rbsdb";
const object = `stop_events in ${name}`;

function without(...nearMisses: string[]): ReadyFacts {
  return { ...READY, database: { ...DATABASE, table: undefined, nearMisses } };
}

Deno.test("table-name passes if the table has the contract's columns", async () => {
  const { verdict, examined } = (await judgeReady(READY)).find(({ id }) => id === ID)!;
  assertEquals([verdict, examined?.split("; ").at(-1)], ["pass", `${object}: 19 columns`]);
});

Deno.test("table-name fails for a missing table, and names similar tables", async () => {
  const problem = "the user's search_path has no such table";
  const common = { severity: "fail", object: name, field: "stop_events" } as const;
  await assertOnlyBefore(ID, without(), [{ ...common, problem }]);
  await assertOnlyBefore(ID, without("api_stopevent", "old.stop_events"), [
    { ...common, problem: `${problem}; there is api_stopevent, old.stop_events` },
  ]);
});

Deno.test("table-name fails for a role without SELECT, and prints the grant", async () => {
  await assertOnlyBefore(ID, withTable({ readable: false }), [{
    severity: "fail",
    object,
    problem: "the role robson may not select from the table",
    fix: 'Let a superuser run: GRANT SELECT ON stop_events TO "robson";',
  }]);
});

Deno.test("table-name fails for each column that is missing or of another type", async () => {
  const columns = TABLE.columns.filter(({ name }) => name !== "source").map((column) =>
    column.name === "fill_price" ? { ...column, type: "double precision" } : column
  );
  await assertOnlyBefore(ID, withTable({ columns }), [
    {
      severity: "fail",
      object,
      field: "fill_price",
      problem: "the column has the type double precision, but the contract has numeric",
    },
    {
      severity: "fail",
      object,
      field: "source",
      problem: "the column is missing; the contract has the type character varying",
    },
  ]);
});

Deno.test("table-name accepts text for varchar, and a column that is not exported", async () => {
  const columns = TABLE.columns.map((column) =>
    column.name === "symbol" ? { ...column, type: "text" } : column
  );
  const hash = { name: "request_payload_hash", type: "text", declared: "text" };
  const results = await judgeReady(withTable({ columns: [...columns, hash] }));
  assertEquals(results.find(({ id }) => id === ID)!.verdict, "pass");
});

Deno.test("table-name warns of new columns", async () => {
  const more = ["leverage", "venue"].map((name) => ({ name, type: "text", declared: "text" }));
  await assertOnlyBefore(ID, withTable({ columns: [...TABLE.columns, ...more] }), [{
    severity: "warn",
    object,
    field: "leverage, venue",
    problem: "the contract does not have leverage, venue",
  }]);
});

Deno.test("table-name fails for a database whose encoding is SQL_ASCII", async () => {
  await assertOnlyBefore(ID, withTable({ encoding: "SQL_ASCII" }), [
    { severity: "fail", object, problem: "the encoding of the database is SQL_ASCII" },
  ]);
});

/** Relations named stop_events that are not tables, with the expected problems. */
const NO_TABLES: [Partial<OutboxTable>, string][] = [
  [{ kind: "a materialized view" }, "it is a materialized view"],
  [{ kind: "a foreign table" }, "it is a foreign table"],
  [{ temporary: true }, "it is a temporary table, which hides the table that other sessions see"],
  [{ foreign: ["far", "farther"] }, "part of it is a foreign table: far, farther"],
];

for (const [changes, problem] of NO_TABLES) {
  Deno.test(`table-name fails if ${problem}, and does not report its columns`, async () => {
    const given = withTable({ ...changes, columns: [] });
    await assertOnlyBefore(ID, given, [{ severity: "fail", object, problem }]);
  });
}

Deno.test("table-name fails for hidden rows, and prints the statement that exempts the role", async () => {
  await assertOnlyBefore(ID, withTable({ rowsHidden: true }), [{
    severity: "fail",
    object,
    field: "row-level security",
    problem: "the policies of the table hide rows from robson",
    fix: 'Let a superuser run: ALTER ROLE "robson" BYPASSRLS;',
  }]);
});

Deno.test("table-name fails if the role may not use the schema, with the grant; other checks skip", async () => {
  const remedy = 'Let a superuser run: GRANT USAGE ON SCHEMA "shop" TO "robson";';
  const refused = new Failure({
    kind: "configuration",
    task: "read",
    problem: "permission denied for schema shop",
    remedy,
  });
  const { source: _, ...database } = { ...DATABASE, table: undefined, refused };
  await assertOnlyBefore(ID, { ...READY, database }, [{
    severity: "fail",
    object: name,
    field: "stop_events",
    problem: "the server refuses to look for the table as robson: " +
      "permission denied for schema shop",
    fix: remedy,
  }]);
  const results = await judgeReady({ ...READY, database });
  for (const id of ["late-writers", "lake-source"]) {
    const { verdict, reason } = results.find((each) => each.id === id)!;
    assertEquals(
      [verdict, reason],
      ["skip", "the role may not look for stop_events (see table-name)"],
      id,
    );
  }
});
