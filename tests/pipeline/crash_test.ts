import { runBronze } from "../../pipeline/bronze.ts";
import type { LakeConfig } from "../../pipeline/config.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { readPart } from "../../pipeline/lake/parts.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals } from "../support/assert.ts";
import type { KilledRun } from "../support/killed_run.ts";
import { recorder } from "../support/lakes.ts";
import { type ObjectStore, startObjectStore } from "../support/object_store.ts";
import { type Outbox, outbox } from "../support/postgres.ts";

// A day is published once while its window is open. Then events are added, and some are so large that
// bronze needs two parts. The run that publishes and seals the new state is killed after each change
// to the lake, and in the middle of each change. A reader that follows the marker must see the old
// state or the new state. The next run must produce the same result as an undisturbed run.

const DAY = parseDay("2025-12-28")!;
const CENTURY = 100n * 366n * 86_400_000_000n;
const MARKERS = { bronze: bronzeMarkerKey(DAY), silver: silverMarkerKey(DAY) };

const MORE_EVENTS = `
  INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                           event_type, source, payload_json)
  SELECT md5(i::text)::uuid, 10 + i, '2025-12-28T12:00:00Z', 100 + i, i % 2 + 1, 'ETHUSDC',
         'EXECUTION_SUBMITTED', 'cron',
         to_jsonb((SELECT string_agg(md5((i * 100000 + j)::text), '')
                   FROM generate_series(1, 12000) j))
  FROM generate_series(1, 100) i`;

let store: ObjectStore | undefined;
Deno.test.beforeAll(async () => {
  store = await startObjectStore();
});
Deno.test.afterAll(async () => {
  await store?.stop();
});

type Contents = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

async function contents(lake: Lake): Promise<Contents> {
  const all = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const { key } of await lake.list("")) all.set(key, (await lake.get(key))!.bytes);
  return all;
}

async function fill(lake: Lake, objects: Contents): Promise<void> {
  for (const [key, body] of objects) await lake.put(key, body);
}

/** Reads and verifies every part that the marker lists, and returns the rows that a reader sees. */
async function visibleRows(lake: Lake, layer: "bronze" | "silver"): Promise<number> {
  const marker = (await readMarker(lake, layer, MARKERS[layer], DAY))!;
  let rows = 0;
  for (const part of marker.commit.parts) rows += (await readPart(lake, part)).rows;
  assertEquals(rows, marker.commit.rows);
  return rows;
}

async function runUndisturbed(layer: "bronze" | "silver", db: Outbox, lake: Lake): Promise<void> {
  const observer = recorder();
  if (layer === "silver") await runSilver({ lake, day: DAY, observer });
  else await runBronze({ database: db.config, lake, day: DAY, grace: 0n, observer });
}

/** Returns true if the run was killed, and false if the run ended first. */
async function runKilled(run: KilledRun): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "--no-check",
      "-P=test",
      new URL("../support/killed_run.ts", import.meta.url).pathname,
    ],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(run)));
  await writer.close();
  const { success, signal, stderr } = await child.output();
  assert(success || signal === "SIGKILL", new TextDecoder().decode(stderr));
  return !success;
}

async function crashEverywhere(
  layer: "bronze" | "silver",
  newLake: () => Promise<LakeConfig>,
): Promise<void> {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  const undisturbed = await openLake(await newLake());
  try {
    const observer = recorder();
    const open = { database: db.config, lake: undisturbed, day: DAY, grace: CENTURY, observer };
    await runBronze(open);
    await runSilver({ lake: undisturbed, day: DAY, observer });
    const oldRows = await visibleRows(undisturbed, layer);
    await db.query(MORE_EVENTS);
    if (layer === "silver") await runUndisturbed("bronze", db, undisturbed);
    const before = await contents(undisturbed);
    await runUndisturbed(layer, db, undisturbed);
    const after = await contents(undisturbed);
    const newRows = await visibleRows(undisturbed, layer);
    assert(newRows > oldRows);

    let kills = 0;
    for (const during of [false, true]) {
      for (let change = during ? 0 : 1;; change++) {
        const config = await newLake();
        const lake = await openLake(config);
        try {
          await fill(lake, before);
          const run = { layer, database: db.config, lake: config, day: DAY, after: change, during };
          if (!await runKilled(run)) break;
          kills++;
          const seen = await visibleRows(lake, layer);
          assert(seen === oldRows || seen === newRows, `a mixture of ${seen} rows`);
          await runUndisturbed(layer, db, lake);
          assertEquals([...(await contents(lake)).keys()], [...after.keys()]);
          assertEquals(await contents(lake), after);
        } finally {
          lake.close();
        }
      }
    }
    // At least four changes: two parts, the marker, and the removal of the old part. Each change has
    // two kills: one during and one after the change.
    assert(kills >= 8, `the run was killed only ${kills} times`);
  } finally {
    undisturbed.close();
  }
}

for (const layer of ["bronze", "silver"] as const) {
  Deno.test(`${layer}: shows the old or the new state when killed at any step in a directory, and then recovers`, async () => {
    const folders: string[] = [];
    try {
      await crashEverywhere(layer, async () => {
        const path = await Deno.makeTempDir({ prefix: "crash-" });
        folders.push(path);
        return { kind: "directory", path };
      });
    } finally {
      for (const path of folders) await Deno.remove(path, { recursive: true });
    }
  });

  Deno.test(`${layer}: shows the old or the new state when killed at any step in a bucket, and then recovers`, async () => {
    let buckets = 0;
    await crashEverywhere(layer, () => store!.createBucket(`crash-${layer}-${++buckets}`));
  });
}
