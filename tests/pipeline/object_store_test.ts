import { runBronze } from "../../pipeline/bronze.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { duckdb, parquet } from "../support/duckdb.ts";
import { expectedEvents, expectedExecutions, readBack } from "../support/expected.ts";
import { recorder } from "../support/lakes.ts";
import { type ObjectStore, startObjectStore } from "../support/object_store.ts";
import { outbox } from "../support/postgres.ts";

// The whole pipeline on the object store of production.

const DAY = parseDay("2025-12-28")!;

let store: ObjectStore;
Deno.test.beforeAll(async () => {
  store = await startObjectStore();
});
Deno.test.afterAll(async () => {
  await store.stop();
});

Deno.test("bronze and silver: both equal Postgres in a bucket, and a second run changes nothing", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(5000)] });
  const lake = await openLake(await store.createBucket("whole-day"));
  const files = await Deno.makeTempDir({ prefix: "downloaded-" });
  try {
    const observer = recorder();
    const run = { database: db.config, lake, day: DAY, grace: 0n, observer };
    await runBronze(run);
    await runSilver({ lake, day: DAY, observer });

    const download = async (layer: "bronze" | "silver", key: string) => {
      const paths: string[] = [];
      for (const part of (await readMarker(lake, layer, key, DAY))!.commit.parts) {
        paths.push(`${files}/${layer}-${paths.length}.parquet`);
        await Deno.writeFile(paths.at(-1)!, (await lake.get(part.key))!.bytes);
      }
      return parquet(paths);
    };
    const bronze = await download("bronze", bronzeMarkerKey(DAY));
    assertEquals(
      await duckdb(`SELECT ${readBack(EVENT_COLUMNS)} FROM ${bronze}`),
      (await db.query(expectedEvents(DAY))).map((row) => Object.values(row)),
    );
    const silver = await download("silver", silverMarkerKey(DAY));
    assertEquals(
      await duckdb(`SELECT ${readBack(EXECUTION_COLUMNS)} FROM ${silver}`),
      (await db.query(expectedExecutions(DAY))).map((row) => Object.values(row)),
    );

    const before = await lake.list("");
    await runBronze(run);
    await runSilver({ lake, day: DAY, observer });
    assertEquals(await lake.list(""), before);
    assertEquals(observer.steps.filter(({ step }) => step === "verified").length, 2);
  } finally {
    lake.close();
    await Deno.remove(files, { recursive: true });
  }
});

Deno.test("bronze and silver: eight runs of one day at the same time produce one complete result", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(200)] });
  const config = await store.createBucket("eight-runs");
  const lake = await openLake(config);
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, async () => {
    const own = await openLake(config);
    try {
      const observer = recorder();
      await runBronze({ database: db.config, lake: own, day: DAY, grace: 0n, observer });
    } finally {
      own.close();
    }
  }));
  try {
    // Equal content gives equal bytes, so the later runs find their own result in the lake.
    assertEquals(outcomes.filter(({ status }) => status === "rejected"), []);
    const observer = recorder();
    await runSilver({ lake, day: DAY, observer }); // reads and verifies every part that bronze lists
    assert(observer.steps.some(({ step }) => step === "commit"));
  } finally {
    lake.close();
  }
});

Deno.test("bronze and silver: refuse a bucket that does not exist and a wrong secret, and name the variable", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  const bucket = await store.createBucket("refusals");
  for (
    const [config, variable] of [
      [{ ...bucket, bucket: "no-such-bucket" }, "S3_BUCKET"],
      [{ ...bucket, secretAccessKey: "wr0ng" }, "AWS_SECRET_ACCESS_KEY"],
      [{ ...bucket, accessKeyId: "NOBODY" }, "AWS_ACCESS_KEY_ID"],
    ] as const
  ) {
    const lake = await openLake(config);
    const run = { database: db.config, lake, day: DAY, grace: 0n, observer: recorder() };
    const { kind, message } = await assertRejects(() => runBronze(run), Failure);
    lake.close();
    assertEquals(kind, "configuration");
    assertStringIncludes(message, variable);
    assertEquals(message.includes(config.secretAccessKey), false);
  }
});
