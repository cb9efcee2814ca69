/** Random numbers from a seed: the same seed gives the same numbers on every machine. */
export interface Random {
  /** Returns a number in `[0, 1)`. */
  next(): number;
  /** Returns an integer in `[0, below)`. */
  below(below: number): number;
  /** Returns true with this probability. */
  chance(probability: number): boolean;
  /** Returns one of the choices. */
  pick<T>(choices: readonly T[]): T;
  /** Returns an independent generator, so that draws in one part do not change another part. */
  fork(name: string): Random;
}

/** Creates a generator (SplitMix32, which is good enough to choose faults). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick<T>(choices: readonly T[]): T {
      if (choices.length === 0) throw new Error("Cannot pick from an empty list.");
      return choices[below(choices.length)]!;
    },
    fork: (name) => createRandom(seed ^ hash(name)),
  };
}

/** Returns the 32-bit FNV-1a hash of a text. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
