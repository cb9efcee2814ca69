import type { Target } from "./target.ts";

// Parsers that are broken on purpose, so that the suite can see that it notices.

const seeds = () => [new Uint8Array(4)];
const isExpected = (error: unknown) => error instanceof RangeError;

/** What each does with its inputs. The first one is the sound seed. */
export const TARGETS: readonly Target[] = [
  { name: "sound", seeds, isExpected, run() {} },
  {
    name: "documented",
    ...{ seeds, isExpected },
    run() {
      throw new RangeError("as documented");
    },
  },
  {
    name: "undocumented",
    ...{ seeds, isExpected },
    run(bytes) {
      if (bytes.some((byte) => byte !== 0)) throw new TypeError("not documented");
    },
  },
  {
    name: "spinning",
    ...{ seeds, isExpected },
    run(bytes) {
      while (bytes.some((byte) => byte !== 0));
    },
  },
  {
    name: "dying",
    ...{ seeds, isExpected },
    run(bytes) {
      if (bytes.some((byte) => byte !== 0)) Deno.exit(7);
    },
  },
];
