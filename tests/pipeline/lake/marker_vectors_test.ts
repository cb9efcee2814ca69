import { CONTRACT } from "../../../pipeline/contract/contract_file.ts";
import {
  bronzeHistoryPrefix,
  bronzeMarkerKey,
  bronzePrefix,
  historyKey,
  isPart,
  partName,
  quarantineKey,
  silverMarkerKey,
  silverPrefix,
  STAGING_PREFIXES,
} from "../../../pipeline/contract/keys.ts";
import {
  EVENT_TIMES,
  EXECUTION_STATUS,
  KNOWN_EVENT_TYPES,
  OUTBOX_TABLE,
  REPLAY_ORDER,
  UNEXPORTED_COLUMNS,
} from "../../../pipeline/contract/tables.ts";
import { ABANDONED_AFTER, LONGEST_RUN } from "../../../pipeline/lake/lifetimes.ts";
import { lineageOf } from "../../../pipeline/lake/parts.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { acknowledge, parseMarker, renderMarker } from "../../../pipeline/lake/marker.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";
import vectors from "../../spark/marker_vectors.json" with { type: "json" };

// Both engines accept and refuse the same markers. spark/marker_vectors_test.py tests the Spark jobs.

const DAY = parseDay("2025-12-28")!;

// deno-lint-ignore no-explicit-any
type Json = any;

/** Returns a marker with the values at some paths set or removed. */
function changed({ base, set }: { base: string; set: Json }): Json {
  const document: Json = structuredClone((vectors.bases as Json)[base]);
  for (const [path, value] of Object.entries<Json>(set)) {
    const way = path.split("/");
    const last = way.pop()!;
    const place = way.reduce((within, step) => within[step], document);
    if (value?.remove === true) delete place[last];
    else place[last] = value;
  }
  return document;
}

function layerOf({ base }: { base: string }): "bronze" | "silver" {
  return base === "silver" ? "silver" : "bronze";
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const bytesOf = (document: Json) => utf8(`${JSON.stringify(document, null, 2)}\n`);

Deno.test("marker_vectors: a valid marker is read, and is written with the same bytes", () => {
  for (const vector of vectors.accepted) {
    const document = changed(vector);
    const commit = parseMarker(bytesOf(document), layerOf(vector), DAY);
    delete document.note;
    assertEquals(renderMarker(commit), bytesOf(document), vector.name);
  }
});

Deno.test("marker_vectors: a text that every JSON reader accepts is accepted", () => {
  for (const { name, text } of vectors.acceptedTexts) {
    const commit = parseMarker(utf8(text), "bronze", DAY);
    assertEquals(renderMarker(commit), bytesOf(vectors.bases.bronze), name);
  }
});

Deno.test("marker_vectors: an invalid marker is refused, with the reason", () => {
  for (const vector of vectors.refused) {
    const read = () => parseMarker(bytesOf(changed(vector)), layerOf(vector), DAY);
    const { message } = assertThrows(read, Error, undefined, vector.name);
    assertStringIncludes(message, vector.problem, vector.name);
  }
  for (const { name, text, problem } of vectors.refusedTexts) {
    const { message } = assertThrows(() => parseMarker(utf8(text), "bronze", DAY), Error);
    assertStringIncludes(message, problem, name);
  }
});

Deno.test("keys.ts places history and quarantine by their digests", () => {
  for (const { day, version, sha256, key } of vectors.keys.history) {
    assertEquals(historyKey(day, version, sha256), key);
  }
  for (const { day, sha256, key } of vectors.keys.quarantine) {
    assertEquals(quarantineKey(day, sha256), key);
  }
});

Deno.test("keys.ts makes each key of a day", () => {
  const made: Record<string, (day: string) => string> = {
    bronzeFolder: bronzePrefix,
    bronzeMarker: bronzeMarkerKey,
    bronzeHistoryFolder: bronzeHistoryPrefix,
    silverMarker: silverMarkerKey,
  };
  for (const { name, key } of vectors.keys.day) assertEquals(made[name]!(DAY), key);
  for (const { client, key } of vectors.keys.client) {
    assertEquals(silverPrefix(BigInt(client), DAY), key);
  }
  assertEquals(STAGING_PREFIXES, vectors.keys.staging);
});

Deno.test("isPart recognizes a part by its name", () => {
  for (const { key, is } of vectors.keys.isPart) assertEquals(isPart(key), is, key);
});

Deno.test("lineageOf names a part by its content and by the replaced marker", () => {
  for (const { name, index, sha256, previous, amendment, key } of vectors.keys.part as Json[]) {
    const bytes = bytesOf({ ...vectors.bases.bronze, state: previous?.state ?? "open" });
    const commit = parseMarker(bytes, "bronze", DAY);
    const stored = previous && { key: "", commit, bytes, etag: "", sha256: previous.sha256 };
    const { kept, stem, replaced } = lineageOf({ previous: stored, listed: [] }, amendment);
    const folder = bronzePrefix(DAY);
    const fresh = `${folder}${partName(stem, index, sha256, replaced)}.parquet`;
    assertEquals(kept.get(`${folder} ${sha256}`) ?? fresh, key, name);
  }
});

Deno.test("marker_vectors: the contract agrees with the vectors", () => {
  assertEquals(
    {
      statuses: Object.fromEntries(EXECUTION_STATUS),
      times: Object.fromEntries([...EVENT_TIMES].map(([type, column]) => [column, type])),
      otherEventTypes: [...KNOWN_EVENT_TYPES].filter((type) => !EXECUTION_STATUS.has(type)).sort(),
      bronzeOrder: [...CONTRACT.bronze.order] as string[],
      replayOrder: [...REPLAY_ORDER],
      notExported: [...UNEXPORTED_COLUMNS],
      table: OUTBOX_TABLE,
      longestRunHours: LONGEST_RUN / 3_600_000,
      abandonedAfterHours: ABANDONED_AFTER / 3_600_000,
      mostPartBytes: CONTRACT.parts.mostBytes,
    },
    vectors.contract,
  );
});

Deno.test("marker_vectors: events are acknowledged by their sorted identities", () => {
  for (const { events, sha256 } of vectors.identities) {
    assertEquals(acknowledge(new Set(events)), { events: events.length, sha256 });
  }
});
