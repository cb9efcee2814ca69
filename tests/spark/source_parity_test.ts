import pg from "pg";
import { bronzeMarkerKey, bronzePrefix, SOURCE_KEY } from "../../pipeline/contract/keys.ts";
import { EVENT_CONTRACT } from "../../pipeline/contract/fingerprint.ts";
import { formatSource, type Source } from "../../pipeline/contract/source.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type BronzeCommit, renderMarker } from "../../pipeline/lake/marker.ts";
import {
  confirmDayOfLake,
  recordSource,
  renderSources,
} from "../../pipeline/lake/source_record.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { readSource } from "../../pipeline/outbox/source.ts";
import { confirmSource } from "../../pipeline/source.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { insertEvent } from "../support/events.ts";
import { recorder, type TemporaryLake, temporaryLake } from "../support/lakes.ts";
import { type Outbox, outbox } from "../support/postgres.ts";
import { python } from "./python.ts";

// Both engines write the same source, and accept and refuse the same ones.

const DAY = parseDay("2025-12-28")!;
const BEFORE = parseDay("2025-12-27")!;
const TABLE = `"Shop's \\ Data"."Stop ""Events"" ☃"`;

async function database(): Promise<Outbox> {
  return await outbox({
    events: [
      insertEvent(1),
      insertEvent(5),
      `CREATE SCHEMA "Shop's \\ Data"; CREATE TABLE ${TABLE} (LIKE stop_events INCLUDING ALL)`,
    ],
  });
}

function commit(day: Day, source: Source | undefined, more: Partial<BronzeCommit> = {}) {
  const part = {
    key: `${bronzePrefix(day)}part-0.parquet`,
    rows: 2,
    bytes: 9,
    sha256: "a".repeat(64),
  };
  const ends = { minSeq: 1n, maxSeq: 5n };
  const common = {
    layer: "bronze",
    day,
    state: "open",
    contract: EVENT_CONTRACT,
    ...ends,
  } as const;
  return { ...common, rows: 2, parts: [part], ...(source && { source }), ...more };
}

async function publish(lake: Lake, published: BronzeCommit): Promise<void> {
  await lake.put(bronzeMarkerKey(published.day), renderMarker(published));
}

const EMPTY = { rows: 0, parts: [], minSeq: null, maxSeq: null };

/** A state of the lake. `here` is the source of the database. */
type Case = [string, (lake: Lake, here: Source) => Promise<unknown>, BronzeCommit?];

const record = (lake: Lake, ...sources: Source[]) => lake.put(SOURCE_KEY, renderSources(sources));

const CASES: Case[] = [
  ["an empty lake", () => Promise.resolve()],
  ["a record of the same source", record],
  ["a record of another table", (lake, here) => record(lake, { ...here, table: "Other's" })],
  ["a record of another schema", (lake, here) => record(lake, { ...here, schema: "Archive" })],
  ["an earlier name", (lake, here) => record(lake, { ...here, table: "a" }, here)],
  ["a later name", (lake, here) => record(lake, here, { ...here, table: "a" })],
  ["no identifier of the server", (lake, { system: _, ...here }) => record(lake, here)],
  ["another database of an empty lake", (lake, here) => record(lake, { ...here, database: "A b" })],
  ["a database that was moved", async (lake, here) => {
    await record(lake, { ...here, system: "1" });
    await publish(lake, commit(DAY, here));
  }],
  ["another database without the newest events", async (lake, here) => {
    await record(lake, { ...here, system: "1" });
    await publish(lake, commit(DAY, here, { maxSeq: 6n }));
  }],
  ["another database, and events on another day", async (lake, here) => {
    await record(lake, { ...here, database: "staging" });
    await publish(lake, commit(BEFORE, here));
  }],
  ["another database, and bronze without an event_seq", async (lake, here) => {
    await record(lake, { ...here, database: "staging" });
    await publish(lake, commit(DAY, here, { minSeq: null, maxSeq: null }));
  }],
  ["a newest marker of another table, and no record", async (lake, here) => {
    await publish(lake, commit(BEFORE, here));
    await publish(lake, commit(DAY, { ...here, table: "other" }));
  }],
  ["a newest marker without events, and a damaged one", async (lake, here) => {
    await publish(lake, commit(BEFORE, { ...here, schema: "other" }));
    await publish(lake, commit(DAY, here, { rows: 0, parts: [], minSeq: null, maxSeq: null }));
    await lake.put(bronzeMarkerKey(parseDay("2025-12-29")!), new TextEncoder().encode("{"));
  }],
  ["only markers without events, for longer than a month", async (lake, here) => {
    await record(lake, { ...here, database: "staging" });
    for (let day = 1; day <= 28; day++) {
      for (const month of ["10", "11"]) {
        const date = parseDay(`2025-${month}-${String(day).padStart(2, "0")}`)!;
        await publish(lake, commit(date, here, EMPTY));
      }
    }
  }],
  ["only a damaged marker, and no record", async (lake) => {
    await lake.put(bronzeMarkerKey(DAY), new TextEncoder().encode("{"));
  }],
  [
    "an identifier that the record lacks, and an earlier name",
    (lake, { system: _, ...here }) => record(lake, { ...here, table: "a" }, here),
  ],
  [
    "markers of an earlier version without an event_seq",
    (lake) => publish(lake, commit(DAY, undefined, { minSeq: null, maxSeq: null })),
  ],
  ["markers of an earlier version", (lake) => publish(lake, commit(DAY, undefined))],
  [
    "markers of an earlier version, of other events",
    (lake) => publish(lake, commit(DAY, undefined, { maxSeq: 7n })),
  ],
  ["a damaged record", (lake) => lake.put(SOURCE_KEY, new TextEncoder().encode('{"format":1}'))],
];

const CONFIRM = `
import base64
from deep_storage import marker_reader, source, source_record
from memory_lake import MemoryLake
lake = MemoryLake()
lake.name = given["name"]
lake.url = lambda key: f"{given['name']}/{key}"
for key, body in given["objects"]:
    lake.put(key, base64.b64decode(body))
said = []
source_record.say = lambda layer, step, text, warning=False: said.append(text)
commit = None
if given["commit"]:
    commit = marker_reader.parse(base64.b64decode(given["commit"]), "bronze", given["day"])
found = source_record.confirm_source(query, lake, given["day"], commit)
source_record.record_source(lake, found)
stored = lake.get(source_record.KEY)
result = [str(found.current), said, stored[0].decode()]`;

/** Runs the code of the jobs over the objects of a lake. */
async function confirmInPython(db: Outbox, lake: TemporaryLake, day?: BronzeCommit) {
  const client = new pg.Client({
    ...db.config,
    database: db.config.name,
    types: { getTypeParser: () => (text: string) => text },
  });
  await client.connect();
  const objects = [...await lake.contents()].map(([key, body]) => [key, btoa(body)]);
  const text = day && new TextDecoder().decode(renderMarker(day));
  const marker = text === undefined ? "" : btoa(unescape(encodeURIComponent(text)));
  try {
    return await python(CONFIRM, {
      given: { name: lake.name, objects, commit: marker, day: DAY },
      query: async (sql) => (await client.query({ text: sql, rowMode: "array" })).rows,
      env: { OUTBOX_TABLE: db.config.table! },
    });
  } finally {
    await client.end();
  }
}

/** Runs the code of the toolkit. */
async function confirmHere(db: Outbox, lake: TemporaryLake, day?: BronzeCommit) {
  const connection = await connect(db.config);
  const observer = recorder();
  try {
    const question = { connection, day: DAY, commit: day, earlierSource: undefined };
    const found = await confirmSource({ ...question, lake, observer });
    await recordSource(lake, found);
    const { bytes } = (await lake.get(SOURCE_KEY))!;
    const said = observer.steps.map(({ says }) => says);
    return [formatSource(found.current), said, new TextDecoder().decode(bytes)];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { kind: error.kind, message: error.message };
  } finally {
    await connection.close();
  }
}

/** Removes the remedies, which differ: a job has no project file and no flag. */
function comparable(result: unknown): unknown {
  if (Array.isArray(result)) return result;
  const { kind, message } = result as { kind: string; message: string };
  return { kind, message: message.replace(/Nothing was changed\..*/, "") };
}

for (const [what, prepare] of CASES) {
  Deno.test(`Spark parity: both engines judge the source alike with ${what}`, async () => {
    for (const table of ["stop_events", TABLE]) {
      await using db = await database();
      const configured = { ...db, config: { ...db.config, table } };
      await using lake = await temporaryLake();
      const connection = await connect(configured.config);
      const here = await readSource(connection).finally(() => connection.close());
      assertEquals(here.database, db.config.name);
      await prepare(lake, here);
      const theirs = await confirmInPython(configured, lake);
      assertEquals(comparable(theirs), comparable(await confirmHere(configured, lake)), table);
    }
  });
}

Deno.test("Spark parity: both engines refuse a day of another table, and write the same source in a marker", async () => {
  await using db = await database();
  const configured = { ...db, config: { ...db.config, table: TABLE } };
  await using lake = await temporaryLake();
  const connection = await connect(configured.config);
  const here = await readSource(connection).finally(() => connection.close());
  await record(lake, here);
  const day = commit(DAY, { ...here, table: "Other's ☃" });
  const theirs = await confirmInPython(configured, lake, day);
  assertEquals(theirs.kind, "configuration");
  assertEquals(comparable(theirs), comparable(await confirmHere(configured, lake, day)));

  const program = `
import base64
from deep_storage import contract, marker, marker_reader, source_record
from memory_lake import MemoryLake
lake = MemoryLake()
lake.put(source_record.KEY, base64.b64decode(given["record"]))
body = base64.b64decode(given["marker"])
commit = marker_reader.parse(body, "bronze", given["day"])
assert marker.render(commit) == body
source_record.confirm_day_of_lake(lake, commit, "build silver of " + commit.day)
result = "accepted"`;
  const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
  for (const [table, accepted] of [[here.table, true], ["Other's ☃", false]] as const) {
    const published = commit(DAY, { ...here, table });
    const given = {
      record: base64(renderSources([here])),
      marker: base64(renderMarker(published)),
      day: DAY,
    };
    const found = JSON.parse(
      // The jobs name a command for readers with the package, too.
      JSON.stringify(await python(program, { given }))
        .replace(/deep-storage [^()]* \(in a checkout: ([^()]*)\)/, "$1"),
    );
    const task = `build silver of ${DAY}`;
    const ours = await confirmDayOfLake(lake, published, task).then(
      () => "accepted",
      ({ kind, message }: Failure) => ({ kind, message }),
    );
    assertEquals(found, ours);
    assert((found === "accepted") === accepted);
  }
});
