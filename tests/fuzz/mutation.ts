import { randomNumbers } from "../support/random.ts";

/** Random numbers from a seed. */
export interface Random {
  /** Returns an integer in `[0, bound)`. */
  below(bound: number): number;
}

/** Creates the random numbers for one input of one run: the same seeds give the same numbers. */
export function randomOf(...seeds: readonly (string | number)[]): Random {
  let state = 2166136261; // FNV-1a over the seeds
  for (const char of seeds.join("/")) state = Math.imul(state ^ char.charCodeAt(0), 16777619) >>> 0;
  const next = randomNumbers(state);
  return { below: (bound) => Math.floor(next() / 2 ** 32 * bound) };
}

/** Values that break counts, lengths and brackets more often than random ones do. */
const ODD = [0, 1, 0x0f, 0x7f, 0x80, 0xfe, 0xff];
const ODD_TEXTS = ["\0", "\n", "---\n", "'", '"', "{", "[", "}", "]", "&a", "*a", "$(", "0", "-1"]
  .concat(["1e999", "9".repeat(20), "\u{1f600}", "\\", "#", ":", "null", "/", "%", "=", ",", " "])
  .map((text) => new TextEncoder().encode(text));

type Change = (bytes: Uint8Array, at: number, random: Random) => Uint8Array;

const CHANGES: readonly Change[] = [
  (bytes, at, random) => replaced(bytes, at, 1, [(bytes[at] ?? 0) ^ (1 << random.below(8))]),
  (bytes, at, random) => replaced(bytes, at, 1, [random.below(256)]),
  (bytes, at, random) => replaced(bytes, at, 1, [ODD[random.below(ODD.length)]!]),
  (bytes, at, random) => replaced(bytes, at, 0, [random.below(256)]),
  (bytes, at, random) => replaced(bytes, at, 0, ODD_TEXTS[random.below(ODD_TEXTS.length)]!),
  (bytes, at, random) => replaced(bytes, at, 1 + random.below(16), []),
  (bytes, at, random) => replaced(bytes, at, 4, Array(4).fill(ODD[random.below(ODD.length)]!)),
  (bytes, at) => bytes.slice(0, at),
  (bytes, at, random) => {
    const from = random.below(bytes.length + 1);
    return replaced(bytes, at, 0, bytes.subarray(from, from + random.below(64)));
  },
  (bytes, at, random) => {
    const part = bytes.subarray(at, at + 1 + random.below(8));
    return replaced(bytes, at, 0, Array(1 + random.below(200)).fill([...part]).flat());
  },
];

/** Changes bytes in one to eight places: flips, overwrites, inserts, repeats, moves, cuts. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let changed = bytes;
  for (let left = 1 + random.below(random.below(8) + 1); left > 0; left--) {
    const change = CHANGES[random.below(CHANGES.length)]!;
    changed = change(changed, random.below(changed.length + 1), random);
  }
  return new Uint8Array(changed);
}

function replaced(
  bytes: Uint8Array,
  at: number,
  count: number,
  by: ArrayLike<number>,
): Uint8Array {
  const end = Math.min(at + count, bytes.length);
  const result = new Uint8Array(bytes.length - (end - at) + by.length);
  result.set(bytes.subarray(0, at));
  result.set(by, at);
  result.set(bytes.subarray(end), at + by.length);
  return result;
}
