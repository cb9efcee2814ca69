import { keepColumns } from "../../pipeline/kept_columns.ts";
import type { OpenPart } from "../../pipeline/open_parts.ts";
import { assert, assertEquals } from "../support/assert.ts";

/** A part with two row groups, of which the second has no rows. Each column has one page. */
function partOf(sizes: Readonly<Record<string, number>>, byte: number): OpenPart {
  const layout = { codec: "ZSTD", type: "INT64", typeLength: undefined, nullable: true, rows: 1 };
  const page = (name: string) => ({
    body: new Uint8Array(sizes[name]! - 2).fill(byte),
    levels: Uint8Array.of(2, 1),
    size: 8,
    codec: "ZSTD",
    count: 1,
    encoding: 0,
    nulls: 0,
  });
  return {
    groupCount: 2,
    close() {},
    read: () => ({ rows: 0, columns: {}, free() {} }),
    readFrom: () => Promise.resolve([]),
    pages: (group, names) =>
      group > 0 ? [] : names.map((name) => ({ layout, type: "INT64", pages: [page(name)] })),
    malformed: (problem) => new Error(problem),
  };
}

const SIZES = { narrow: 10, middle: 20, wide: 100 };
const NAMES = Object.keys(SIZES);
const at = (part: number) => ({ sequence: 0, part });

Deno.test("kept columns: keeps the smallest columns that fit if all parts are like the first one", () => {
  const kept = keepColumns(NAMES, 60);
  kept.keep(at(1), partOf(SIZES, 1), 1 / 2);
  assertEquals(NAMES.map((name) => kept.has(name)), [true, true, false]);
  const part = kept.open(at(1), ["middle", "narrow"])!;
  const bodies = part.pages(0, ["middle", "narrow"]).map(({ pages: [page] }) => page!.body);
  assertEquals(bodies, [new Uint8Array(18).fill(1), new Uint8Array(8).fill(1)]);
  assertEquals(part.pages(0, ["narrow"])[0]!.pages[0]!.levels, Uint8Array.of(2, 1));
  assertEquals(kept.open(at(1), ["narrow", "wide"]), undefined);
  assertEquals(kept.open(at(0), ["narrow"]), undefined);
});

Deno.test("kept columns: has a column only if it has it of all parts that were read", () => {
  const kept = keepColumns(NAMES, 60);
  kept.keep(at(0), partOf(SIZES, 1), 1 / 2);
  kept.keep(at(1), partOf({ ...SIZES, middle: 40 }, 2), 1 / 2);
  assertEquals(NAMES.map((name) => kept.has(name)), [true, false, false]);
  assertEquals(kept.open(at(0), ["middle"]), undefined);
  assert(kept.open(at(1), ["narrow"]) !== undefined);
});

Deno.test("kept columns: frees the memory when the last column is released, and keeps nothing then", () => {
  const kept = keepColumns(NAMES, 60);
  kept.keep(at(0), partOf(SIZES, 1), 1 / 2);
  const [column] = kept.open(at(0), ["middle"])!.pages(0, ["middle"]);
  const length = () => column!.pages[0]!.body.length;
  kept.release(["narrow"]);
  assertEquals([length(), kept.has("narrow"), kept.has("middle")], [18, false, true]);
  kept.release(["middle", "wide"]);
  assertEquals([length(), kept.has("middle")], [0, false]);
  kept.keep(at(1), partOf(SIZES, 1), 1 / 2);
  assertEquals(NAMES.map((name) => kept.has(name)), [false, false, false]);
});

Deno.test("kept columns: reads a part only once, and refuses what the part refuses", () => {
  const kept = keepColumns(NAMES, 300);
  kept.keep(at(0), partOf(SIZES, 1), 1);
  kept.keep(at(0), partOf(SIZES, 2), 1);
  const part = kept.open(at(0), ["wide"])!;
  assertEquals(part.pages(0, ["wide"])[0]!.pages[0]!.body[0], 1);
  assertEquals(part.malformed("damaged").message, "damaged");
});
