import type { Target } from "./target.ts";

// Deliberately broken parsers. They prove that the suite detects broken parsers.

const seeds = () => [new Uint8Array(4)];
const isExpected = (error: unknown) => error instanceof RangeError;

/** Each target by its behavior. The first input is the unchanged seed. */
export const TARGETS: readonly Target[] = [
  { name: "sound", seeds, isExpected, run() {} },
  {
    name: "documented",
    seeds,
    isExpected,
    run() {
      throw new RangeError("as documented");
    },
  },
  {
    name: "undocumented",
    seeds,
    isExpected,
    run(bytes) {
      if (bytes.some((byte) => byte !== 0)) throw new TypeError("not documented");
    },
  },
  {
    name: "spinning",
    seeds,
    isExpected,
    run(bytes) {
      while (bytes.some((byte) => byte !== 0));
    },
  },
  {
    name: "dying",
    seeds,
    isExpected,
    run(bytes) {
      if (bytes.some((byte) => byte !== 0)) Deno.exit(7);
    },
  },
];
