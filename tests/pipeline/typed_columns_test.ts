import { sortIndexes } from "../../pipeline/typed_columns.ts";
import { assertEquals } from "../support/assert.ts";

const LEAST = -(2n ** 63n);
const MOST = 2n ** 63n - 1n;

/** The values, each several times and in no order. */
function mixed(values: readonly bigint[]): bigint[] {
  const place = (i: number) => (Math.imul(i, 0x9e37_79b1) >>> 8) % values.length;
  return Array.from({ length: 500 }, (_, i) => values[place(i)]!);
}

const KEYS: [string, bigint[]][] = [
  ["none", []],
  ["equal", mixed([5n])],
  ["close to each other, across zero", mixed([-1n, 0n, 3n, 255n, 256n, 70_000n])],
  [
    "close to each other, across a border of 32 bits",
    mixed([2n ** 32n - 1n, 2n ** 32n, 2n ** 32n + 9n]),
  ],
  ["at the largest distance that fits into 32 bits", mixed([-3n, 2n ** 32n - 4n, 17n])],
  ["at a larger distance", mixed([-3n, 2n ** 32n - 3n, 17n])],
  ["with the same lower halves", mixed([1n, 2n ** 32n + 1n, 2n ** 33n + 1n])],
  ["of 64 bits", mixed([LEAST, MOST, -1n, 0n, 2n ** 40n, -(2n ** 40n), LEAST + 1n])],
];
for (const [what, key] of KEYS) {
  Deno.test(`sortIndexes: sorts integers ${what}, and keeps the order of equal ones`, () => {
    const later = key.map((_, i) => BigInt(i % 3) - 1n);
    const halves = (own: bigint[]) => new Int32Array(new BigInt64Array(own).buffer);
    const indexes = Uint32Array.from(key.keys()).filter((i) => i % 5 !== 1);
    const compare = (a: bigint, b: bigint) => a < b ? -1 : a > b ? 1 : 0;
    assertEquals(
      [...sortIndexes(indexes, [halves(key), halves(later)])],
      [...indexes].sort((a, b) => compare(later[a]!, later[b]!) || compare(key[a]!, key[b]!)),
    );
  });
}
