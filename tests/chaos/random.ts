/** Random numbers that a seed decides: the same seed gives the same numbers, on every machine. */
export interface Random {
  /** A number of `[0, 1)`. */
  next(): number;
  /** A whole number of `[0, below)`. */
  below(below: number): number;
  /** Whether a thing of this probability happens. */
  chance(probability: number): boolean;
  /** One of several. */
  pick<T>(choices: readonly T[]): T;
  /** A generator of its own, so that what one part draws does not change what another draws. */
  fork(name: string): Random;
}

/** Makes a generator (SplitMix32, which is enough to choose faults with). */
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
      if (choices.length === 0) throw new Error("There is nothing to pick from.");
      return choices[below(choices.length)]!;
    },
    fork: (name) => createRandom(seed ^ hash(name)),
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
