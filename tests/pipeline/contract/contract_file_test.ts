import json from "../../../manifests/image/jobs/deep_storage/contract.json" with { type: "json" };
import { readContract } from "../../../pipeline/contract/contract_file.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

/** Changes to contract.json that this engine does not support, with the place that the error names. */
const REFUSED: [string, (contract: Json) => void, string][] = [
  ["a missing part", (c) => delete c.marker, "the file is"],
  ["an unknown part", (c) => c.more = {}, "the file is"],
  ["an unknown type", (c) => c.bronze.columns[1].type = "FLOAT", "bronze.columns[1].type is"],
  ["no type in Postgres", (c) => delete c.bronze.columns[1].postgres, "bronze.columns[1] is"],
  ["an unknown type in Postgres", (c) => c.bronze.columns[0].postgres = "money", "[0].postgres is"],
  ["nullable as a text", (c) => c.silver.columns[2].nullable = "no", "[2].nullable is"],
  ["a column twice", (c) => c.silver.columns.push(c.silver.columns[0]), "silver.columns is"],
  ["columns by name", (c) => c.silver.columns = {}, "silver.columns is"],
  ["other first columns", (c) => c.bronze.columns.reverse(), "the first of bronze.columns is"],
  ["another order of bronze", (c) => c.bronze.order.reverse(), "bronze.order is"],
  ["another order of the replay", (c) => c.silver.replayOrder.pop(), "silver.replayOrder is"],
  ["a status that is no text", (c) => c.silver.statuses.FAILED = 1, "silver.statuses.FAILED is"],
  ["an unknown time", (c) => c.silver.times.failed_at = "FAILED", "silver.times is"],
  ["a time of no status", (c) => c.silver.times.executed_at = "X", "silver.times.executed_at is"],
  ["a key without its day", (c) => c.keys.bronzeMarker = "_commit", "keys.bronzeMarker is"],
  ["a key with another placeholder", (c) => c.keys.silverRoot = "{x}/", "keys.silverRoot is"],
  ["no digits", (c) => c.keys.numberDigits = 0, "keys.numberDigits is"],
  ["an empty suffix", (c) => c.parts.suffix = "", "parts.suffix is"],
  ["a size as a text", (c) => c.parts.mostBytes = "64 MiB", "parts.mostBytes is"],
  ["an unknown state", (c) => c.marker.states.push("closed"), "marker.states is"],
  ["no fields of a part", (c) => delete c.marker.fields.part, "marker.fields is"],
  ["half an hour", (c) => c.ages.longestRunHours = 0.5, "ages.longestRunHours is"],
];

Deno.test("readContract reads the file in the folder of the Spark jobs", () => {
  assertEquals(readContract(json), json as Json);
});

for (const [what, change, place] of REFUSED) {
  Deno.test(`readContract refuses ${what}`, () => {
    const changed = structuredClone(json);
    change(changed);
    const { message } = assertThrows(() => readContract(changed), Error);
    assertStringIncludes(message, `Cannot use contract.json: `);
    assertStringIncludes(message, place);
  });
}
