import { mutated, randomOf } from "./mutation.ts";
import type { Target } from "./target.ts";

// A separate process, so that a parser that hangs or exhausts memory can be ended and reported.

/** The inputs that this process tries. The parent process passes them as JSON in the argument. */
export interface Work {
  /** URL of the module whose `TARGETS` contains the target. */
  readonly module: string;
  /** Name of the target. */
  readonly target: string;
  /** Decides the inputs, together with the target's name and the input's number. */
  readonly seed: number;
  /** Number of the first input. */
  readonly from: number;
  /** One more than the number of the last input. */
  readonly to: number;
}

/** A line on standard error for an input that caused an undocumented error. */
export interface Unexpected {
  /** Number of the input. */
  readonly input: number;
  /** The error with its stack trace. */
  readonly error: string;
}

/** Returns the input with this number. The unchanged seeds come first. */
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
    Deno.stdout.writeSync(begun); // one byte for each input that begins
    Atomics.store(current, 0, input);
    try {
      await target.run(bytes);
    } catch (error) {
      if (target.isExpected(error)) continue;
      const said: Unexpected = { input, error: error instanceof Error ? error.stack! : `${error}` };
      Deno.stderr.writeSync(new TextEncoder().encode(JSON.stringify(said) + "\n"));
    }
  }
  Deno.exit(0); // otherwise the watchdog keeps the process alive
}
