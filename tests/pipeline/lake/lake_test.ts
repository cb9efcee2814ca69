import { Failure } from "../../../pipeline/errors.ts";
import type { Lake, ObjectEntry } from "../../../pipeline/lake/lake.ts";
import { assert, assertEquals, assertNotEquals, assertRejects } from "../../support/assert.ts";
import { lakeKinds, type Place } from "../../support/lake_places.ts";

// These tests run the promises of a lake against every kind of lake.

const kinds = lakeKinds();

function everyLake(name: string, test: (lake: Lake, place: Place) => Promise<void>): void {
  for (const kind of kinds) {
    Deno.test(`lake: ${kind.name}: ${name}`, async () => {
      await using place = await kind.place();
      await test(await place.open(), place);
    });
  }
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

async function text(lake: Lake, key: string): Promise<string | undefined> {
  const stored = await lake.get(key);
  return stored && new TextDecoder().decode(stored.bytes);
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  const noise = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) crypto.getRandomValues(noise.subarray(at, at + 65536));
  return noise;
}

async function keys(lake: Lake, prefix: string): Promise<string[]> {
  return (await lake.list(prefix)).map(({ key }) => key);
}

async function sizes(lake: Lake, prefix: string): Promise<[string, number][]> {
  return (await lake.list(prefix)).map(({ key, bytes }) => [key, bytes]);
}

everyLake("returns the bytes that were put", async (lake) => {
  for (const length of [0, 1, 5 << 20]) {
    const body = noise(length);
    assertEquals(await lake.put(`bronze/${length}`, body), "stored");
    const stored = await lake.get(`bronze/${length}`);
    assertEquals(stored?.bytes.length, length);
    assert(stored !== undefined);
    assert(stored.bytes.every((byte, i) => byte === body[i]));
    assertEquals(await sizes(lake, `bronze/${length}`), [[`bronze/${length}`, length]]);
  }
});

everyLake("returns the digest of the bytes, if it returns one", async (lake) => {
  for (const length of [0, 1, 5 << 20]) {
    const body = noise(length);
    await lake.put(`bronze/${length}`, body);
    const stored = await lake.get(`bronze/${length}`, true);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body)).toHex();
    assertEquals(stored!.sha256 ?? digest, digest);
    assert(stored!.bytes.every((byte, i) => byte === body[i]));
    assertEquals((await lake.get(`bronze/${length}`))!.sha256, undefined);
  }
});

everyLake("accepts every key that the pipeline makes, and unusual keys", async (lake) => {
  const strange = [
    "silver/client_id=-9223372036854775808/date=2025-12-28/part-00000-ab.parquet",
    "silver/_commits/date=2025-12-28.json",
    "with space/a b.json",
    "plus+and%20percent/100%/a&b<c>'\"!()*;:@,$~",
    "ünïcödé/日本/😀",
    "ünïcödé/日本/～", // before the emoji by UTF-8, after it by UTF-16
  ];
  for (const key of strange) await lake.put(key, bytes(key));
  for (const key of strange) assertEquals(await text(lake, key), key);
  assertEquals(await keys(lake, ""), strange.toSorted());
  for (const key of strange) await lake.remove(key);
  assertEquals(await keys(lake, ""), []);
});

everyLake("replaces an object, and its tag with it", async (lake) => {
  await lake.put("a", bytes("one"));
  const one = await lake.get("a");
  assertEquals(await lake.put("a", bytes("two, which is longer")), "stored");
  const two = await lake.get("a");
  assertNotEquals(one?.etag, two?.etag);
  assertEquals(await text(lake, "a"), "two, which is longer");
});

everyLake("lists all objects of a prefix, in order", async (lake) => {
  const days = Array.from({ length: 30 }, (_, i) => `bronze/date=2025-11-${30 - i}/part.parquet`);
  const beside = ["bronze/date=2025-1/x", "bronze.json", "bronze-2/x", "silver/x"];
  await Promise.all([...days, ...beside].map((key) => lake.put(key, bytes(key))));
  const sorted = days.toSorted();
  assertEquals(await sizes(lake, "bronze/date=2025-11-"), sorted.map((key) => [key, key.length]));
  assertEquals(
    await keys(lake, "bronze/date=2025-11-1"),
    sorted.filter((key) => /-1\d?\//.test(key)),
  );
  assertEquals(await keys(lake, "bronze/"), [...sorted, "bronze/date=2025-1/x"].sort());
  assertEquals(await keys(lake, ""), [...days, ...beside].sort());
  assertEquals(await keys(lake, "bronze/date=2026-01-01/"), []);
  assertEquals(await keys(lake, "gold/none/"), []);
});

everyLake("lists the folders of a folder, without their objects", async (lake) => {
  const clients = ["-5", ...Array.from({ length: 12 }, (_, i) => String(i))];
  const objects = clients.flatMap((client) =>
    ["a", "b"].map((name) => `silver/client_id=${client}/date=2025-12-28/${name}`)
  );
  const strange = ["silver/a b&c/x", "silver/ünïcödé/x", "silver/object", "silver-2/y/x"];
  await Promise.all([...objects, ...strange].map((key) => lake.put(key, bytes(key))));
  const expected = [
    ...clients.map((client) => `silver/client_id=${client}/`),
    "silver/a b&c/",
    "silver/ünïcödé/",
  ];
  assertEquals(await lake.folders("silver/"), expected.sort());
  assertEquals(await lake.folders("silver/client_id=3/"), ["silver/client_id=3/date=2025-12-28/"]);
  assertEquals(await lake.folders("silver/client_id=3/date=2025-12-28/"), []);
  assertEquals(await lake.folders("gold/"), []);
});

everyLake("reports when an object was stored", async (lake) => {
  await lake.put("a", bytes("a"));
  const [{ modified }] = await lake.list("") as [ObjectEntry];
  // The store can have another clock, and some stores keep whole seconds. A larger difference would
  // mean a wrong unit.
  assert(Math.abs(Date.now() - modified) < 3_600_000, `${modified} is not about now`);
});

everyLake(
  "confirms its conditions any number of times, and leaves nothing behind",
  async (lake) => {
    await lake.put("bronze/a", bytes("a"));
    await Promise.all([lake.confirmConditions(), lake.confirmConditions()]);
    await lake.confirmConditions();
    assertEquals(await keys(lake, ""), ["bronze/a"]);
  },
);

everyLake("returns nothing for a key that was never put", async (lake) => {
  assertEquals(await lake.get("bronze/a"), undefined);
  await lake.put("bronze/events/a", bytes("a"));
  assertEquals(await lake.get("bronze/events"), undefined);
  assertEquals(await lake.get("bronze/events/b"), undefined);
});

everyLake("removes an object, and accepts the removal of an absent object", async (lake) => {
  await lake.put("bronze/a", bytes("a"));
  await lake.put("bronze/day/b", bytes("b"));
  await lake.remove("bronze/day/b");
  await lake.remove("bronze/day/b");
  await lake.remove("bronze/never/was");
  assertEquals(await keys(lake, ""), ["bronze/a"]);
  assertEquals(await lake.get("bronze/day/b"), undefined);
  await lake.put("bronze/day/b", bytes("again"));
  assertEquals(await text(lake, "bronze/day/b"), "again");
});

everyLake("lets exactly one of eight writers create an object", async (_, place) => {
  const lakes = await Promise.all(Array.from({ length: 8 }, () => place.open()));
  const outcomes = await Promise.all(
    lakes.map((lake, i) => lake.put("day/_commit.json", bytes(`writer ${i}`), "absent")),
  );
  assertEquals(outcomes.filter((outcome) => outcome === "stored").length, 1);
  assertEquals(await text(lakes[0]!, "day/_commit.json"), `writer ${outcomes.indexOf("stored")}`);
  assertEquals(await keys(lakes[0]!, ""), ["day/_commit.json"]);
});

everyLake("does not create an object over an existing one", async (lake) => {
  await lake.put("a", bytes("first"));
  assertEquals(await lake.put("a", bytes("second"), "absent"), "conflict");
  assertEquals(await text(lake, "a"), "first");
  await lake.remove("a");
  assertEquals(await lake.put("a", bytes("second"), "absent"), "stored");
});

everyLake("replaces an object only while it has the tag", async (lake) => {
  await lake.put("a", bytes("first"));
  const { etag } = (await lake.get("a"))!;
  assertEquals(await lake.put("a", bytes("second"), { etag }), "stored");
  assertEquals(await lake.put("a", bytes("third"), { etag }), "conflict");
  assertEquals(await text(lake, "a"), "second");
  const now = (await lake.get("a"))!;
  assertEquals(await lake.put("a", bytes("third"), { etag: now.etag }), "stored");
});

everyLake("lets exactly one of eight writers replace an object", async (lake, place) => {
  const lakes = await Promise.all(Array.from({ length: 8 }, () => place.open()));
  await lake.put("a", bytes("before"));
  for (let round = 0; round < 5; round++) { // without a lock, a single round can pass by chance
    const { etag } = (await lake.get("a"))!;
    const content = (i: number) => `writer ${i} of round ${round}`;
    const outcomes = await Promise.all(
      lakes.map((other, i) => other.put("a", bytes(content(i)), { etag })),
    );
    assertEquals(outcomes.filter((outcome) => outcome === "stored").length, 1);
    assertEquals(await text(lake, "a"), content(outcomes.indexOf("stored")));
  }
});

everyLake("does not replace an object that does not exist", async (lake) => {
  await lake.put("a", bytes("a"));
  const { etag } = (await lake.get("a"))!;
  assertEquals(await lake.put("b", bytes("b"), { etag }), "conflict");
  assertEquals(await lake.get("b"), undefined);
  assertEquals(await keys(lake, ""), ["a"]);
});

everyLake("stops when the signal aborts, with the reason", async (lake, place) => {
  await lake.put("a", bytes("a"));
  const chosen = new Failure({
    kind: "unreachable",
    task: "go on",
    problem: "the lake took 30 s",
    remedy: "Run again.",
  });
  const stopped = await place.open(AbortSignal.abort(chosen));
  const interrupted = await place.open(AbortSignal.abort(new Error("Ctrl-C")));
  for (
    const run of [
      (lake: Lake) => lake.get("a"),
      (lake: Lake) => lake.put("b", bytes("b")),
      (lake: Lake) => lake.list(""),
      (lake: Lake) => lake.remove("a"),
    ]
  ) {
    assertEquals(await assertRejects(() => run(stopped), Failure), chosen);
    const failure = await assertRejects(() => run(interrupted), Failure, "interrupted");
    assertEquals([failure.kind, (failure.cause as Error).message], ["unreachable", "Ctrl-C"]);
  }
  assertEquals(await keys(lake, ""), ["a"]);
});

everyLake("formats the location of an object", (lake) => {
  const url = lake.url("bronze/events/date=2025-12-28/_commit.json");
  assert(url.endsWith("/bronze/events/date=2025-12-28/_commit.json"));
  assert(lake.name.startsWith(url.slice(0, url.indexOf("/bronze"))));
  return Promise.resolve();
});
