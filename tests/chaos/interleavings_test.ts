import { isPart } from "../../pipeline/contract/keys.ts";
import type { Condition } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { type EmbeddedPostgres, startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import type { ObjectStore } from "../support/object_store.ts";
import { startStrictS3 } from "../support/strict_s3.ts";
import { explore, type Found, type Scenario } from "./interleavings.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { createOutbox } from "./outbox.ts";
import {
  AMENDMENT_CLEANED_UP,
  BOTH_PUBLISH,
  CLEANED_UP,
  DELETED_ROW,
  describe,
  OLD_SILVER,
  REVEALING,
  SILVER_UNDER_AMENDMENT,
  THREE_RUNS,
} from "./scenarios.ts";
import { makeStart, type Stage } from "./scene.ts";
import { resettable } from "./stages.ts";
import { Broken } from "./view.ts";

// Two runs on one day, in every order of their operations. One run is stopped before each of its
// operations while the other runs to its end; then both are stopped. `deno task chaos
// --interleavings` plays more scenarios with more stops.

let server: EmbeddedPostgres;
let store: ObjectStore;
Deno.test.beforeAll(async () => {
  server = await startPostgres();
  store = startStrictS3();
});
Deno.test.afterAll(async () => {
  await server.stop();
  await store.stop();
});

async function play(
  lake: Stage["lake"],
  scenarios: readonly Scenario[],
  switches: 1 | 2 = 1,
  stops?: readonly number[],
): Promise<string[]> {
  await using database = await createOutbox(server.config);
  const stage = { database, lake };
  const problems: string[] = [];
  for (const scenario of scenarios) {
    const start = await makeStart(stage, scenario.start);
    const { schedules, found } = await explore(stage, start, scenario, switches, stops);
    assert(schedules > 4, `${describe(scenario)}: only ${schedules} schedules`);
    problems.push(...found.map(describeFound));
  }
  return problems;
}

function describeFound({ scenario, schedule: { a, b, more }, problem }: Found): string {
  return `${describe(scenario)}, stops ${[a, b, more].join(", ")}: ${problem}`;
}

for (const [pair, scenarios] of Object.entries(REVEALING)) {
  Deno.test(`interleavings of ${pair}: hold with one run stopped before each operation`, async () => {
    assertEquals(await play(memoryLake(), scenarios), []);
  });
}

for (const scenario of [OLD_SILVER, DELETED_ROW]) {
  Deno.test(`interleavings with both runs stopped: hold for ${describe(scenario)}`, async () => {
    assertEquals(await play(memoryLake(), [scenario], 2), []);
  });
}

for (const [runs, [first]] of Object.entries(THREE_RUNS)) {
  Deno.test(`interleavings of ${runs}: hold with two stopped while the third one ends`, async () => {
    // The others begin when the run has read its marker and the next object, or everything up to
    // its listing.
    assertEquals(await play(memoryLake(), [first!], 2, [2, 4]), []);
  });
}

Deno.test("interleavings of silver and amend: hold while silver lists the day", async () => {
  // The amendment begins when silver has read its marker, bronze's marker, and all of bronze's
  // parts.
  assertEquals(await play(memoryLake(), [SILVER_UNDER_AMENDMENT], 2, [2, 3, 4]), []);
});

Deno.test("interleavings of bronze and clean: hold while bronze stores the removed part again", async () => {
  // The cleaning begins when the run has read its marker and the listing.
  assertEquals(await play(memoryLake(), [CLEANED_UP, AMENDMENT_CLEANED_UP], 2, [2]), []);
});

const ON_REAL_LAKES = [OLD_SILVER, DELETED_ROW];

Deno.test("interleavings on a directory: hold with one run stopped before each operation", async () => {
  const path = await Deno.makeTempDir({ prefix: "chaos-" });
  try {
    const lake = resettable(await openLake({ kind: "directory", path }));
    assertEquals(await play(lake, ON_REAL_LAKES), []);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

Deno.test("interleavings on a bucket: hold with one run stopped before each operation", async () => {
  const lake = await openLake(await store.createBucket("interleavings"));
  try {
    assertEquals(await play(resettable(lake), ON_REAL_LAKES), []);
  } finally {
    lake.close();
  }
});

// Proof that the suite detects a broken promise.

Deno.test("interleavings: detect a store that ignores conditions and loses events", async () => {
  const lake = memoryLake();
  const ignoring = {
    ...lake,
    put: (key: string, body: Uint8Array<ArrayBuffer>) => lake.put(key, body),
  };
  const problems = await play(ignoring, [BOTH_PUBLISH]);
  assert(
    problems.some((text) => /lost event|names a missing or damaged part/.test(text)),
    problems.join("\n"),
  );
});

Deno.test("interleavings: detect a marker that names an object which the store has lost", async () => {
  const lake = memoryLake();
  const losing = {
    ...lake,
    async put(key: string, body: Uint8Array<ArrayBuffer>, condition?: Condition) {
      const outcome = await lake.put(key, body, condition);
      // Behaves like a run that removed an object before another run named it.
      if (key.endsWith("_commit.json")) {
        for (const entry of await lake.list("bronze/")) {
          if (isPart(entry.key)) await lake.remove(entry.key);
        }
      }
      return outcome;
    },
  };
  await using database = await createOutbox(server.config);
  const { message } = await assertRejects(
    () => makeStart({ database, lake: losing }, "open"),
    Broken,
  );
  assertStringIncludes(message, "the marker of bronze names a missing or damaged part");
});
