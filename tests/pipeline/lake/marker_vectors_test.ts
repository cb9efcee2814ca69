import { historyKey, quarantineKey } from "../../../pipeline/contract/keys.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { acknowledge, parseMarker, renderMarker } from "../../../pipeline/lake/marker.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";
import vectors from "../../spark/marker_vectors.json" with { type: "json" };

// Both engines take and refuse the same markers; the Spark jobs' side is spark/marker_vectors_test.py.

const DAY = parseDay("2025-12-28")!;

// deno-lint-ignore no-explicit-any
type Json = any;

/** A marker with values set, or removed, at their paths. */
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

Deno.test("a marker that is one is read, and written as it was", () => {
  for (const vector of vectors.accepted) {
    const document = changed(vector);
    const commit = parseMarker(bytesOf(document), layerOf(vector), DAY);
    delete document.note;
    assertEquals(renderMarker(commit), bytesOf(document), vector.name);
  }
});

Deno.test("a text that every reader of JSON takes is taken", () => {
  for (const { name, text } of vectors.acceptedTexts) {
    const commit = parseMarker(utf8(text), "bronze", DAY);
    assertEquals(renderMarker(commit), bytesOf(vectors.bases.bronze), name);
  }
});

Deno.test("what is no marker is refused, with the reason", () => {
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

Deno.test("history and quarantine lie where their digests say", () => {
  for (const { day, version, sha256, key } of vectors.keys.history) {
    assertEquals(historyKey(day, version, sha256), key);
  }
  for (const { day, sha256, key } of vectors.keys.quarantine) {
    assertEquals(quarantineKey(day, sha256), key);
  }
});

Deno.test("events are acknowledged by their sorted identities", () => {
  for (const { events, sha256 } of vectors.identities) {
    assertEquals(acknowledge(new Set(events)), { events: events.length, sha256 });
  }
});
