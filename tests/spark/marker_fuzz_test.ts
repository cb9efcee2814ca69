import { Buffer } from "node:buffer";
import { isPart } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { parseMarker, renderMarker } from "../../pipeline/lake/marker.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { mutated, type Random, randomOf } from "../fuzz/mutation.ts";
import { python } from "./python.ts";
import vectors from "./marker_vectors.json" with { type: "json" };

// Both engines read the same randomly changed markers. If this test finds a difference, add the
// marker to marker_vectors.json, with the answer of the stricter reader.

const DAY = parseDay("2025-12-28")!;
const INPUTS = Number(Deno.env.get("FUZZ_INPUTS") ?? 6000);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 9);

// deno-lint-ignore no-explicit-any
type Json = any;

interface Input {
  readonly layer: "bronze" | "silver";
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const FOLDER = `bronze/events/date=${DAY}/`;
const SILVER = "silver/stop_executions/client_id=";
const SHA = "0123456789abcdef".repeat(4);

/** JSON values that one reader may accept and another may refuse. */
const VALUES = [
  "null",
  "true",
  "false",
  "{}",
  "[]",
  '""',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  "0",
  "-0",
  "-0.0",
  "1",
  "-1",
  "0.5",
  "1.0",
  "2e0",
  "1e400",
  "-1e400",
  "1e-400",
  "01",
  "+1",
  "9007199254740991",
  "9007199254740992",
  "9007199254740991.0",
  "9007199254740991.4",
  "9".repeat(25),
  "1".repeat(5000),
  "NaN",
  "Infinity",
  '"0"',
  '"-0"',
  '"00"',
  '"1"',
  '"+1"',
  '" 1"',
  '"1 "',
  '"1\\n"',
  '"9223372036854775807"',
  '"9223372036854775808"',
  '"\\u0661"',
  '"-9223372036854775808"',
  '"-9223372036854775809"',
  '"1e3"',
  '"0x1"',
  '"1_0"',
  '"open"',
  '"sealed"',
  '"bronze"',
  '"silver"',
  `"${DAY}"`,
  `"${SHA}"`,
  `"${SHA.toUpperCase()}"`,
  `"${SHA}\\n"`,
  `"${SHA.slice(1)}"`,
  `{"sha256": "${SHA}"}`,
  `[${"[".repeat(40)}`,
  ..."[".repeat(3) + "]".repeat(3),
  ...[28, 29, 30, 31, 32, 33, 900, 20_000].map((n) => "[".repeat(n) + "]".repeat(n)),
  ...[30, 31, 32].map((n) => '{"a":'.repeat(n) + "1" + "}".repeat(n)),
  ...["_hidden", ".hidden", "a", "a b", "ä", "\\ud83d\\ude00", "\\ud800", "a/b", "..", "\\n"].map(
    (name) => `"${FOLDER}${name}.parquet"`,
  ),
  ...["7", "-7", "-0", "007", "0", "+7", "", "7.0", "٧", "9".repeat(30), "-"].map((client) =>
    `"${SILVER}${client}/date=${DAY}/part.parquet"`
  ),
  `"${FOLDER}_commit.json"`,
  `"${FOLDER}part.parquet\\n"`,
  `"${FOLDER}part.PARQUET"`,
];

/** Lists the values of a document, each with the document's text before and after the value. */
function places(value: Json, path: string[] = []): string[][] {
  const inner = value !== null && typeof value === "object"
    ? Object.entries(value).flatMap(([name, each]) => places(each, [...path, name]))
    : [];
  return path.length === 0 ? inner : [path, ...inner];
}

/** Replaces, removes or duplicates one value of a document, and returns the document's text. */
function withChange(document: Json, random: Random): string {
  const changed = structuredClone(document);
  const all = places(changed);
  const path = all[random.below(all.length)]!;
  const last = path.at(-1)!;
  const owner = path.slice(0, -1).reduce((within, step) => within[step], changed);
  const kind = random.below(10);
  if (kind === 0) {
    if (Array.isArray(owner)) owner.splice(Number(last), 1);
    else delete owner[last];
    return JSON.stringify(changed);
  }
  if (kind === 1) owner.note = "CHANGED";
  else owner[last] = "CHANGED";
  const text = JSON.stringify(changed);
  const value = VALUES[random.below(VALUES.length)]!;
  return text.replace('"CHANGED"', () => value);
}

function inputs(): Input[] {
  const bases = Object.values<Json>(vectors.bases);
  return Array.from({ length: INPUTS }, (_, i) => {
    const random = randomOf("markers", SEED, i);
    const document = bases[i % bases.length]!;
    const layer = document.layer as "bronze" | "silver";
    let text = withChange(document, random);
    if (random.below(4) === 0) {
      try {
        text = withChange(JSON.parse(text), random);
      } catch {
        // After the first change, the text is no longer JSON. In this case, one change is enough.
      }
    }
    const bytes = new TextEncoder().encode(text);
    return { layer, bytes: random.below(4) === 0 ? mutated(bytes, random) : bytes };
  });
}

/** Reads a marker and writes it again. Returns the result, or the reason for the refusal. */
function outcome({ layer, bytes }: Input): string {
  try {
    return new TextDecoder().decode(renderMarker(parseMarker(bytes, layer, DAY)));
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
}

Deno.test("marker_fuzz: both engines give the same answer to randomly changed markers", async () => {
  const all = inputs();
  const theirs: string[] = await python(
    `
import base64
from deep_storage import marker, marker_reader
result = []
for layer, text in given["inputs"]:
    try:
        commit = marker_reader.parse(base64.b64decode(text), layer, given["day"])
        result.append(marker.render(commit).decode())
    except ValueError as error:
        result.append(f"refused: {error}")`,
    {
      given: {
        day: DAY,
        inputs: all.map(({ layer, bytes }) => [layer, Buffer.from(bytes).toString("base64")]),
      },
    },
  );
  const differences = all.flatMap((input, i) => {
    const ours = outcome(input);
    // Python stops at its limit of levels, before it finds the syntax error after them.
    const deep = ours === "refused: it is not JSON" && /more than \d+ levels$/.test(theirs[i]!);
    if (ours === theirs[i] || deep) return [];
    const text = new TextDecoder().decode(input.bytes.slice(0, 1500));
    return [`${text}\n  TypeScript: ${ours}\n  Python: ${theirs[i]}`];
  });
  assertEquals(
    differences.length,
    0,
    `${differences.length}:\n${differences.slice(0, 12).join("\n")}`,
  );
  const taken = theirs.filter((each) => !each.startsWith("refused: ")).length;
  // Both answers must be common. Otherwise the inputs prove little.
  assert(taken > INPUTS / 20 && taken < INPUTS / 2, `${taken} of ${INPUTS} were accepted`);
});

Deno.test("marker_fuzz: both engines recognize the same names of parts", async () => {
  const alphabet = ["a", "_", ".", "/", "-", ".parquet", "part", "\n", " ", "é", "\u{1f600}", "0"];
  const keys = Array.from({ length: 2000 }, (_, i) => {
    const random = randomOf("keys", SEED, i);
    return Array.from({ length: 1 + random.below(6) }, () => alphabet[random.below(12)]).join("");
  });
  const theirs = await python(
    "from deep_storage import names\nresult = [names.is_part(key) for key in given]",
    { given: keys },
  );
  assertEquals(theirs, keys.map(isPart));
});
