import { parseDay } from "../../../pipeline/contract/window.ts";
import { Failure } from "../../../pipeline/errors.ts";
import {
  type BronzeCommit,
  readMarker,
  renderMarker,
  type SilverCommit,
} from "../../../pipeline/lake/marker.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "../../support/assert.ts";
import { temporaryLake } from "../../support/lakes.ts";

const DAY = parseDay("2025-12-28")!;
const SHA_A = "a".repeat(64);
const SHA_B = "0123456789abcdef".repeat(4);
const FOLDER = {
  bronze: `bronze/events/date=${DAY}`,
  silver: `silver/stop_executions/client_id=7/date=${DAY}`,
};
const KEY = {
  bronze: `${FOLDER.bronze}/_commit.json`,
  silver: `silver/stop_executions/_commits/date=${DAY}.json`,
};

const BRONZE: BronzeCommit = {
  layer: "bronze",
  day: DAY,
  state: "sealed",
  rows: 3,
  minSeq: -9223372036854775808n,
  maxSeq: 9223372036854775807n,
  contract: "sha256:c0ffee",
  parts: [
    { key: `${FOLDER.bronze}/part-00000-aaaa.parquet`, rows: 2, bytes: 1234, sha256: SHA_A },
    { key: `${FOLDER.bronze}/part-00001-0123.parquet`, rows: 1, bytes: 567, sha256: SHA_B },
  ],
};

const SILVER: SilverCommit = {
  layer: "silver",
  day: DAY,
  state: "open",
  rows: 1,
  contract: "sha256:c0ffee",
  bronze: { key: KEY.bronze, sha256: SHA_B },
  parts: [
    { key: `${FOLDER.silver}/part-00000-aaaa.parquet`, rows: 1, bytes: 1234, sha256: SHA_A },
  ],
};

const BRONZE_BYTES = `{
  "format": "deep-storage-commit/1",
  "layer": "bronze",
  "date": "2025-12-28",
  "state": "sealed",
  "rows": 3,
  "event_seq": {
    "min": "-9223372036854775808",
    "max": "9223372036854775807"
  },
  "contract": "sha256:c0ffee",
  "parts": [
    {
      "key": "bronze/events/date=2025-12-28/part-00000-aaaa.parquet",
      "rows": 2,
      "bytes": 1234,
      "sha256": "${SHA_A}"
    },
    {
      "key": "bronze/events/date=2025-12-28/part-00001-0123.parquet",
      "rows": 1,
      "bytes": 567,
      "sha256": "${SHA_B}"
    }
  ]
}
`;

const SILVER_BYTES = `{
  "format": "deep-storage-commit/1",
  "layer": "silver",
  "date": "2025-12-28",
  "state": "open",
  "rows": 1,
  "bronze": {
    "key": "bronze/events/date=2025-12-28/_commit.json",
    "sha256": "${SHA_B}"
  },
  "contract": "sha256:c0ffee",
  "parts": [
    {
      "key": "silver/stop_executions/client_id=7/date=2025-12-28/part-00000-aaaa.parquet",
      "rows": 1,
      "bytes": 1234,
      "sha256": "${SHA_A}"
    }
  ]
}
`;

type Layer = "bronze" | "silver";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Reads these bytes as the marker of the day. */
async function read(layer: Layer, bytes: Uint8Array<ArrayBuffer>) {
  await using lake = await temporaryLake();
  await lake.put(KEY[layer], bytes);
  return (await readMarker(lake, layer, KEY[layer], DAY))!;
}

async function refused(layer: Layer, bytes: Uint8Array<ArrayBuffer>, problem: string) {
  await using lake = await temporaryLake();
  await lake.put(KEY[layer], bytes);
  const failure = await assertRejects(() => readMarker(lake, layer, KEY[layer], DAY), Failure);
  assertEquals(failure.kind, "data");
  assertStringIncludes(failure.message, lake.url(KEY[layer]));
  assertStringIncludes(failure.message, problem);
  assert(failure.message.length < 1000, "the message is not the marker");
}

Deno.test("marker: writes stable bytes, because two markers are equal when their bytes are equal", () => {
  assertEquals(new TextDecoder().decode(renderMarker(BRONZE)), BRONZE_BYTES);
  assertEquals(new TextDecoder().decode(renderMarker(SILVER)), SILVER_BYTES);
});

Deno.test("marker: reads a marker as it was written", async () => {
  const bronze = await read("bronze", renderMarker(BRONZE));
  assertEquals(bronze.commit, BRONZE);
  assertEquals(bronze.bytes, utf8(BRONZE_BYTES));
  assertEquals(bronze.key, KEY.bronze);
  assertEquals((await read("silver", renderMarker(SILVER))).commit, SILVER);
});

Deno.test("marker: identifies a marker by the sha256 of its bytes", async () => {
  const bytes = renderMarker(BRONZE);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  assertEquals((await read("bronze", bytes)).sha256, digest.toHex());
});

Deno.test("marker: writes no event_seq for a window of events without event_seq", async () => {
  const commit = { ...BRONZE, minSeq: null, maxSeq: null };
  const { commit: back } = await read("bronze", renderMarker(commit));
  assertEquals(back, commit);
  assertStringIncludes(new TextDecoder().decode(renderMarker(commit)), '"min": null');
});

Deno.test("marker: lists no part in a silver marker without rows", async () => {
  const commit = { ...SILVER, rows: 0, parts: [] };
  assertEquals((await read("silver", renderMarker(commit))).commit, commit);
});

Deno.test("marker: lists the parts of several clients in a silver marker, also of negative clients", async () => {
  const [part] = SILVER.parts;
  const key = part!.key.replace("client_id=7", "client_id=-9223372036854775808");
  const commit = { ...SILVER, rows: 2, parts: [part!, { ...part!, key }] };
  assertEquals((await read("silver", renderMarker(commit))).commit, commit);
});

Deno.test("marker: returns undefined for a window without a marker", async () => {
  await using lake = await temporaryLake();
  assertStrictEquals(await readMarker(lake, "bronze", KEY.bronze, DAY), undefined);
});

const NOT_JSON: [string, Uint8Array<ArrayBuffer>][] = [
  ["an empty file", new Uint8Array(0)],
  ["zero bytes", new Uint8Array(500)],
  ["a marker that is cut off", utf8(BRONZE_BYTES.slice(0, -3))],
  ["content after the marker", utf8(BRONZE_BYTES + "{}")],
  ["XML", utf8("<Error><Code>AccessDenied</Code></Error>")],
  ["bytes that are no UTF-8", utf8(BRONZE_BYTES).map((byte) => byte === 0x63 ? 0xff : byte)],
  [
    "a mebibyte of garbage",
    new Uint8Array(1 << 20).map((_, i) => Math.imul(i, 0x9e3779b1) >>> 24),
  ],
];
for (const [what, bytes] of NOT_JSON) {
  Deno.test(`marker: refuses bytes that are not JSON: ${what}`, () =>
    refused("bronze", bytes, "it is not JSON"));
}

for (const text of ["[]", "null", "3", '"sealed"', "true", `[${BRONZE_BYTES}]`]) {
  Deno.test(`marker: refuses JSON that is not a marker: ${text.slice(0, 20)}`, () => {
    return refused("bronze", utf8(text), "the marker is not an object");
  });
}

type Change = Record<string, unknown>;
const { format: _, ...WITHOUT_FORMAT } = JSON.parse(BRONZE_BYTES) as Change;

const WRONG_BRONZE: [string, Change, string][] = [
  ["another format", { format: "deep-storage-commit/2" }, "format"],
  ["the other layer", { layer: "silver" }, "layer"],
  ["another date", { date: "2025-12-27" }, "date"],
  ["no date", { date: null }, "date"],
  ["another state", { state: "closed" }, "state"],
  ["a state in capitals", { state: "SEALED" }, "state"],
  ["no state", { state: undefined }, "state"],
  ["rows that are not its parts' sum", { rows: 4 }, "row count"],
  ["no rows", { rows: undefined }, "rows"],
  ["rows in a string", { rows: "3" }, "rows"],
  ["no parts", { parts: undefined }, "parts"],
  ["null for parts", { parts: null }, "parts"],
  ["an object for parts", { parts: {} }, "parts"],
  ["no contract", { contract: undefined }, "contract"],
  ["an empty contract", { contract: "" }, "contract"],
  ["a contract that is a list", { contract: ["sha256:c0ffee"] }, "contract"],
  ["no event_seq", { event_seq: undefined }, "event_seq"],
  ["null for event_seq", { event_seq: null }, "event_seq"],
  ["a list for event_seq", { event_seq: ["1", "2"] }, "event_seq"],
  ["numbers for event_seq, which JSON may have rounded", seq(1, 9007199254740993), "event_seq"],
  ["a float for event_seq", seq("1.5", "2"), "event_seq"],
  ["a word for event_seq", seq("one", "2"), "event_seq"],
  ["an empty event_seq", seq("", "2"), "event_seq"],
  ["a hexadecimal event_seq", seq("0x1", "2"), "event_seq"],
  ["a list within event_seq", seq(["1"], "2"), "event_seq"],
  ["an event_seq beyond 64 bits", seq("1", "9223372036854775808"), "event_seq"],
  ["no largest event_seq", { event_seq: { min: "1" } }, "event_seq.max"],
  ["a smallest event_seq above the largest", seq("3", "2"), "event_seq"],
  ["only one end of event_seq", seq(null, "2"), "event_seq"],
];

function seq(min: unknown, max: unknown): Change {
  return { event_seq: { min, max } };
}

for (const [what, change, problem] of WRONG_BRONZE) {
  Deno.test(`marker: refuses a bronze marker with ${what}`, () => {
    return refused("bronze", changed(BRONZE_BYTES, change), problem);
  });
}

Deno.test("marker: refuses a marker without a format", () => {
  return refused("bronze", utf8(JSON.stringify(WITHOUT_FORMAT)), "format");
});

const WRONG_SILVER: [string, Change, string][] = [
  ["the other layer", { layer: "bronze" }, "layer"],
  ["no bronze", { bronze: undefined }, "bronze"],
  ["a text for bronze", { bronze: KEY.bronze }, "bronze"],
  ["no key of bronze", { bronze: { sha256: SHA_B } }, "bronze.key"],
  ["a short digest of bronze", { bronze: { key: KEY.bronze, sha256: "abc" } }, "bronze.sha256"],
  ["no digest of bronze", { bronze: { key: KEY.bronze } }, "bronze.sha256"],
];
for (const [what, change, problem] of WRONG_SILVER) {
  Deno.test(`marker: refuses a silver marker with ${what}`, () => {
    return refused("silver", changed(SILVER_BYTES, change), problem);
  });
}

const PART = { key: `${FOLDER.bronze}/part-00000-aaaa.parquet`, rows: 3, bytes: 1, sha256: SHA_A };

const WRONG_PARTS: [string, unknown, string][] = [
  ["is null", null, "parts[0]"],
  ["is a text", PART.key, "parts[0]"],
  ["is a list", [PART], "parts[0]"],
  ["has no key", { ...PART, key: undefined }, "parts[0].key"],
  ["has a number for a key", { ...PART, key: 7 }, "parts[0].key"],
  ["lies on another day", at("bronze/events/date=2025-12-27/a.parquet"), "parts[0]"],
  ["lies in a folder of the day", at(`${FOLDER.bronze}/more/a.parquet`), "parts[0]"],
  ["lies in silver", at(`${FOLDER.silver}/a.parquet`), "parts[0]"],
  ["lies behind another folder", at(`other/${FOLDER.bronze}/a.parquet`), "parts[0]"],
  ["climbs out", at(`${FOLDER.bronze}/../../../secrets.parquet`), "parts[0]"],
  ["is an absolute path", at(`/${FOLDER.bronze}/a.parquet`), "parts[0]"],
  ["is a URL", at(`https://elsewhere.example/${FOLDER.bronze}/a.parquet`), "parts[0]"],
  ["does not have the name of a Parquet file", at(`${FOLDER.bronze}/a.csv`), "parts[0]"],
  ["is the marker", at(KEY.bronze), "parts[0]"],
  ["has no name before its ending", at(`${FOLDER.bronze}/.parquet`), "parts[0]"],
  ["is invisible to Spark", at(`${FOLDER.bronze}/_part.parquet`), "parts[0]"],
  ["has negative rows", { ...PART, rows: -3 }, "parts[0].rows"],
  ["has rows in a float", { ...PART, rows: 2.5 }, "parts[0].rows"],
  ["has rows in a string", { ...PART, rows: "3" }, "parts[0].rows"],
  ["has too many rows to count", { ...PART, rows: 2 ** 53 }, "parts[0].rows"],
  ["has negative bytes", { ...PART, bytes: -1 }, "parts[0].bytes"],
  ["has no bytes", { ...PART, bytes: null }, "parts[0].bytes"],
  ["has a short digest", { ...PART, sha256: SHA_A.slice(1) }, "parts[0].sha256"],
  ["has a long digest", { ...PART, sha256: SHA_A + "a" }, "parts[0].sha256"],
  ["has a digest in capitals", { ...PART, sha256: SHA_A.toUpperCase() }, "parts[0].sha256"],
  ["has a list for a digest", { ...PART, sha256: [SHA_A] }, "parts[0].sha256"],
  ["has no digest", { ...PART, sha256: undefined }, "parts[0].sha256"],
];

function at(key: string): unknown {
  return { ...PART, key };
}

for (const [what, part, problem] of WRONG_PARTS) {
  Deno.test(`marker: refuses a marker whose part ${what}`, () => {
    return refused("bronze", changed(BRONZE_BYTES, { parts: [part] }), problem);
  });
}

Deno.test("marker: refuses a marker that lists a part twice", () => {
  const parts = [{ ...PART, rows: 1 }, { ...PART, rows: 2 }];
  return refused("bronze", changed(BRONZE_BYTES, { parts }), "a part twice");
});

Deno.test("marker: names the part that is wrong", () => {
  const other = { ...PART, key: `${FOLDER.bronze}/b.parquet`, rows: 0, sha256: "no" };
  return refused("bronze", changed(BRONZE_BYTES, { parts: [PART, other] }), "parts[1].sha256");
});

for (
  const client of [
    "client_id=",
    "client_id=7/client_id=8",
    "client_id=..",
    "client_id=x",
    "other=7",
  ]
) {
  Deno.test(`marker: refuses a silver part under ${client}`, () => {
    const key = `silver/stop_executions/${client}/date=${DAY}/a.parquet`;
    return refused(
      "silver",
      changed(SILVER_BYTES, { parts: [{ ...PART, key, rows: 1 }] }),
      "parts[0]",
    );
  });
}

function changed(marker: string, change: Change): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify({ ...JSON.parse(marker), ...change }));
}
