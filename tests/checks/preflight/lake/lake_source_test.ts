import { parseDay } from "../../../../pipeline/contract/window.ts";
import { Failure } from "../../../../pipeline/errors.ts";
import type { Recorded } from "../../../../checks/facts/lake.ts";
import { lakeSource } from "../../../../checks/preflight/lake/lake_source.ts";
import { assertEquals } from "../../../support/assert.ts";
import {
  assertOnlyBefore,
  DATABASE,
  judgeReady,
  LAKE,
  READY,
  type ReadyFacts,
  REFUSED,
  SOURCE,
} from "../../healthy/platform.ts";

const ID = "lake-source";

async function resultOf(given: ReadyFacts) {
  return (await judgeReady(given)).find(({ id }) => id === ID)!;
}

function reading(change: Partial<typeof SOURCE>): ReadyFacts {
  return { ...READY, database: { ...DATABASE, source: { ...SOURCE, ...change } } };
}

function recording(recorded: Recorded): ReadyFacts {
  return { ...READY, lake: { ...LAKE, recorded } };
}

Deno.test("lake-source passes before a run if the outbox is the recorded table", async () => {
  const { verdict, examined } = await resultOf(READY);
  assertEquals([verdict, examined], ["pass", "_source.json: rbsdb@7301/public.stop_events"]);
  const { system: _, ...unknown } = SOURCE;
  const given = { ...READY, database: { ...DATABASE, source: unknown } };
  assertEquals((await resultOf(given)).verdict, "pass", "the server is unknown");
});

Deno.test("lake-source fails before a run for another table, and prints how to accept its new name", async () => {
  await assertOnlyBefore(ID, reading({ schema: "archive" }), [{
    severity: "fail",
    object: "_source.json",
    field: "sources",
    problem: "the lake was copied from public.stop_events, and a run would read " +
      "archive.stop_events",
    fix: "Set OUTBOX_TABLE, or database.table in the project file, to public.stop_events. " +
      "If this is the same table under another name, run bronze once with " +
      "--earlier-source rbsdb@7301/public.stop_events: deno task explain lake-source",
  }]);
});

Deno.test("lake-source fails before a run for another database", async () => {
  for (const change of [{ database: "staging" }, { system: "1" }]) {
    await assertOnlyBefore(ID, reading(change), [{
      severity: "fail",
      object: "_source.json",
      fix: "Check DJANGO_DB_HOST and DJANGO_DB_NAME. If the database was moved, run bronze once " +
        "with --earlier-source rbsdb@7301/public.stop_events: deno task explain lake-source",
    }]);
  }
});

Deno.test("lake-source takes the source from the newest marker if the lake has no record", async () => {
  const key = "bronze/events/date=2025-12-28/_commit.json";
  const source = { ...SOURCE, table: "other" };
  await assertOnlyBefore(ID, recording({ key, source }), [{ object: key, field: "source" }]);
});

Deno.test("lake-source fails before a run if the record cannot be used", async () => {
  const failure = new Failure({
    kind: "data",
    task: "use s3://rbs/_source.json",
    problem: "it is not JSON",
    remedy: "Restore it.",
  });
  const given = { ...recording({ failure }), database: REFUSED };
  const { findings } = await resultOf(given);
  assertEquals(findings.map(({ object, problem, fix }) => [object, problem, fix]), [
    [LAKE.name, "Cannot use s3://rbs/_source.json: it is not JSON", "Restore it."],
  ]);
});

Deno.test("lake-source is not applicable before a run if there is nothing to compare", async () => {
  const newest = parseDay("2025-12-28")!;
  assertEquals((await resultOf(recording({ newest }))).verdict, "not-applicable");
  assertEquals((await resultOf(recording({ newest: undefined }))).verdict, "pass", "empty");
  assertEquals(lakeSource.run({ lake: LAKE }), {
    notApplicable: "_source.json names rbsdb@7301/public.stop_events, and the outbox was not read",
  });
});

Deno.test("lake-source is skipped before a run if the outbox is missing, or a login was refused", async () => {
  const { source: _, ...missing } = DATABASE;
  const database = { ...missing, table: undefined };
  assertEquals(lakeSource.run({ lake: LAKE, database }), {
    skip: "the database has no table stop_events (see table-name)",
  });
  for (const given of [{ ...READY, database: REFUSED }, { ...READY, lake: REFUSED }]) {
    assertEquals((await resultOf(given)).verdict, "skip");
  }
});
