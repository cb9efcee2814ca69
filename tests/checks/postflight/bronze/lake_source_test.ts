import { lakeSource } from "../../../../checks/postflight/bronze/lake_source.ts";
import { POSTFLIGHT } from "../../../../checks/postflight/catalog.ts";
import type { SourceFact } from "../../../../checks/facts/outbox_day.ts";
import { factsOf } from "../../../../checks/runner.ts";
import { Failure } from "../../../../pipeline/errors.ts";
import { exitCode } from "../../../../tasks/cli/exit_code.ts";
import { assertEquals, assertFalse, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertOnly,
  BRONZE,
  compared,
  facts,
  HEALTHY,
  judge,
  recommit,
  resultOf,
  SOURCE,
  TABLE,
  unpublished,
} from "../../healthy/day.ts";

const ID = "lake-source";
const object = "bronze/events/date=2025-12-28/_commit.json";
const OTHER = { ...TABLE, table: "Other's" };

/** The marker without its source, as an earlier version wrote it. */
function earlier() {
  const { source: _, ...commit } = BRONZE.marker!.commit;
  return { marker: { ...BRONZE.marker!, commit } };
}

Deno.test("lake-source passes if the day, the lake and postflight have the same table", async () => {
  const { verdict, examined } = await resultOf(ID, HEALTHY);
  assertEquals([verdict, examined], ["pass", `${object}: rbsdb@7301/public.stop_events`]);
});

Deno.test("lake-source fails for a day of another table than the lake", async () => {
  await assertOnly(ID, facts({ bronze: recommit(BRONZE, { source: OTHER }) }), [{
    severity: "fail",
    object,
    field: "source",
    problem: `bronze was copied from public."Other's", and the lake from public.stop_events`,
    fix: "If this is the same table under an earlier name, or before a move: " +
      `deno task bronze --date 2025-12-28 --earlier-source 'rbsdb@7301/public."Other'\\''s"'`,
  }]);
});

Deno.test("lake-source compares the day with the outbox if the lake has no record", async () => {
  const { sources: _, ...bronze } = BRONZE;
  const day = { ...bronze, ...recommit(BRONZE, { source: OTHER }) };
  await assertOnly(ID, { ...HEALTHY, bronze: day }, [{
    problem: `bronze was copied from public."Other's", and postflight reads public.stop_events`,
  }]);
  // The record was removed.
  await assertOnly(ID, { ...HEALTHY, bronze }, [{ severity: "warn", object: "_source.json" }]);
});

Deno.test("lake-source is skipped if the day can be compared neither with the lake nor with the outbox", () => {
  const { sources: _, ...bronze } = BRONZE;
  assertEquals(lakeSource.run({ bronze }), {
    skip: "the lake has no _source.json, and the outbox was not read",
  });
});

Deno.test("lake-source fails for a day of another database than the lake", async () => {
  const bronze = recommit(BRONZE, { source: { ...TABLE, system: "1" } });
  await assertOnly(ID, facts({ bronze }), [{
    severity: "fail",
    object,
    problem: "bronze was copied from rbsdb@1/public.stop_events, and the lake from " +
      "rbsdb@7301/public.stop_events",
  }]);
});

Deno.test("lake-source fails if postflight reads another table than the lake was copied from", async () => {
  await assertOnly(ID, facts({ source: { source: OTHER } }), [{
    severity: "fail",
    object: "_source.json",
    field: "sources",
    problem: `the lake was copied from public.stop_events, and postflight reads public."Other's"`,
    fix: "Set OUTBOX_TABLE, or database.table in the project file, to public.stop_events. " +
      "If this is the same table under another name, run bronze once with " +
      "--earlier-source rbsdb@7301/public.stop_events: deno task explain lake-source",
  }]);
  const given = facts({ bronze: earlier(), source: { source: OTHER } });
  assertEquals((await resultOf(ID, given)).verdict, "fail");
});

Deno.test("lake-source fails for another database, and not for an unknown server", async () => {
  for (const database of [{ ...TABLE, database: "staging" }, { ...TABLE, system: "1" }]) {
    const [finding] = (await resultOf(ID, facts({ source: { source: database } }))).findings;
    assertEquals(finding!.severity, "fail");
    assertStringIncludes(finding!.problem, "the database rbsdb@7301, and postflight reads ");
  }
  const { system: _, ...unknown } = TABLE;
  assertEquals((await resultOf(ID, facts({ source: { source: unknown } }))).verdict, "pass");
});

Deno.test("lake-source accepts a day of an earlier name of the table", async () => {
  const given = facts({
    bronze: { ...recommit(BRONZE, { source: OTHER }), sources: [OTHER, TABLE] },
  });
  assertEquals((await resultOf(ID, given)).verdict, "pass");
});

Deno.test("lake-source is not applicable to a day of an earlier version", async () => {
  const { verdict } = await resultOf(ID, facts({ bronze: earlier() }));
  assertEquals(verdict, "not-applicable");
  const bronze = unpublished(BRONZE);
  assertEquals((await resultOf(ID, { ...HEALTHY, bronze })).verdict, "skip");
});

Deno.test("lake-source fails if the record of the lake cannot be used", async () => {
  const { sources: _, ...bronze } = BRONZE;
  const given = { ...HEALTHY, bronze: { ...bronze, sourcesProblem: "it is not JSON" } };
  await assertOnly(ID, given, [{ object: "_source.json", problem: "it is not JSON" }]);
});

Deno.test("lake-source compares the database of the day if the lake has no record", async () => {
  const { sources: _, ...bronze } = BRONZE;
  const source = { ...SOURCE, source: { ...TABLE, system: "1" } };
  await assertOnly(ID, { ...HEALTHY, bronze, source }, [{
    severity: "fail",
    object,
    problem: "bronze was copied from rbsdb@7301/public.stop_events, and postflight reads " +
      "rbsdb@1/public.stop_events",
  }]);
});

/** The outbox has late, lost and altered events, and an event that does not fit. */
const UNLIKE: Partial<SourceFact> = {
  survey: { rows: 9, unfit: [], strays: ["e7"], strayCount: 1 },
  compared: compared({ late: new Set(["e8"]), lost: new Set(["e1"]), altered: new Set(["e3"]) }),
};

for (
  const [what, source, changes] of [
    ["another table", OTHER, {}],
    ["another name of the database", { ...TABLE, database: "staging" }, {}],
    ["another server", { ...TABLE, system: "1" }, {}],
    ["a day of another table", TABLE, recommit(BRONZE, { source: OTHER })],
    ["a day of another server", TABLE, recommit(BRONZE, { source: { ...TABLE, system: "1" } })],
    ["another table, and a lake without a record", OTHER, { sources: [] }],
  ] as const
) {
  Deno.test(`postflight: no check compares the outbox with bronze for ${what}`, async () => {
    const results = await judge(facts({ source: { ...UNLIKE, source }, bronze: changes }));
    const reading = POSTFLIGHT.filter((each) => factsOf(each).includes("source"));
    assertEquals(reading.map(({ id }) => id), ["row-counts", "quarantine", ID]);
    for (const { id } of reading) {
      const { verdict, reason = "" } = results.find((each) => each.id === id)!;
      assertEquals(verdict, id === ID ? "fail" : "skip", id);
      if (id !== ID) assertStringIncludes(reason, "(see lake-source)");
    }
    for (const { findings } of results) {
      for (const { fix } of findings) assertFalse(/deno task (amend|run)/.test(fix), fix);
    }
    assertEquals(exitCode(results), 1);
  });
}

Deno.test("postflight: a table of another shape is no fault of row-counts if it is not the outbox", async () => {
  const { survey: _, compared: __, ...source } = { ...SOURCE, source: OTHER };
  const failure = new Failure({ kind: "data", task: "a", problem: "b", remedy: "c" });
  const refusal = { opened: false, name: "x", failure } as const;
  await assertOnly(ID, { ...HEALTHY, source: { ...source, refusal } }, [{
    object: "_source.json",
  }]);
});
