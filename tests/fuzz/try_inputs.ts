import { mutated, randomOf } from "./mutation.ts";
import type { Target } from "./target.ts";

// A process of its own, so that a parser that spins, or takes all memory, can be ended and named.

/** What this process is told, as JSON in its argument. */
export interface Work {
  /** The module whose `TARGETS` has the target. */
  readonly module: string;
  /** The target's name. */
  readonly target: string;
  /** Decides the inputs, together with the target's name and the input's number. */
  readonly seed: number;
  /** The first input's number. */
  readonly from: number;
  /** One more than the last one's. */
  readonly to: number;
}

/** What it says on standard error of an input that ended in an error that no parser documents. */
export interface Unexpected {
  /** The input's number. */
  readonly input: number;
  /** The error, with its stack. */
  readonly error: string;
}

/** The input of a number: the seeds themselves come first. */
function inputOf({ target, seed }: Work, number: number, seeds: readonly Uint8Array[]) {
  const sound = seeds[number];
  if (sound !== undefined) return new Uint8Array(sound);
  const random = randomOf(seed, target, number);
  return mutated(seeds[random.below(seeds.length)]!, random);
}

if (import.meta.main) {
  const work: Work = JSON.parse(Deno.args[0]!);
  const { TARGETS }: { TARGETS: readonly Target[] } = await import(work.module);
  const target = TARGETS.find(({ name }) => name === work.target)!;
  const seeds = await target.seeds();
  const current = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
  new Worker(new URL("watchdog.ts", import.meta.url), { type: "module" }).postMessage(current);
  const begun = new Uint8Array(1);
  for (let input = work.from; input < work.to; input++) {
    const bytes = inputOf(work, input, seeds);
    Deno.stdout.writeSync(begun); // one byte per input that begins
    Atomics.store(current, 0, input);
    try {
      await target.run(bytes);
    } catch (error) {
      if (target.isExpected(error)) continue;
      const said: Unexpected = { input, error: error instanceof Error ? error.stack! : `${error}` };
      Deno.stderr.writeSync(new TextEncoder().encode(JSON.stringify(said) + "\n"));
    }
  }
  Deno.exit(0); // the watchdog would go on
}
