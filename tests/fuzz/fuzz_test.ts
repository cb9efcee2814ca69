import { assert, assertEquals, assertMatch, assertNotEquals } from "../support/assert.ts";
import { mutated, randomOf } from "./mutation.ts";
import { TARGETS } from "./targets.ts";
import { tryTarget } from "./trial.ts";

// A small fixed run over every parser, and proof that a broken parser is detected.

const at = (name: string) => new URL(name, import.meta.url).href;
const SEED = 8;
/** Number of inputs per parser. */
const INPUTS = 120;

for (const { name } of TARGETS) {
  Deno.test(`fuzz: ${name} ends with a result or a documented error`, async () => {
    const work = { module: at("targets.ts"), target: name, seed: SEED, from: 0, to: INPUTS };
    const { tried, broken } = await tryTarget(work);
    assertEquals(broken, []);
    assertEquals(tried, INPUTS);
  });
}

/** Returns the broken inputs of a deliberately broken parser. */
async function brokenOf(target: string, from = 0, to = 4) {
  const work = { module: at("broken_targets.ts"), target, seed: 1, from, to };
  const { broken } = await tryTarget(work);
  return broken;
}

Deno.test("tryTarget: accepts a sound parser and a documented error", async () => {
  assertEquals(await brokenOf("sound"), []);
  assertEquals(await brokenOf("documented"), []);
});

Deno.test("tryTarget: reports an undocumented error with the input that repeats it", async () => {
  const [first] = await brokenOf("undocumented");
  assert(first !== undefined && first.input > 0);
  assertMatch(first.problem, /^TypeError: not documented\n +at /);
  assertEquals(await brokenOf("undocumented", first.input, first.input + 1), [first]);
});

Deno.test("tryTarget: ends and reports a parser that hangs, and tries the next input", async () => {
  const broken = await brokenOf("spinning", 0, 3);
  assertEquals(broken.map(({ problem }) => problem), Array(2).fill("it took more than 2 s of CPU"));
  assertEquals(broken.map(({ input }) => input), [1, 2]);
});

Deno.test("tryTarget: reports a parser that exits its process", async () => {
  const [first] = await brokenOf("dying", 0, 2);
  assertEquals(first?.input, 1);
  assertMatch(first!.problem, /^its process ended with 7/);
});

Deno.test("mutated: the same seed gives the same input", () => {
  const bytes = new TextEncoder().encode("a text that is changed at random");
  const change = (...seeds: number[]) => mutated(bytes, randomOf(...seeds)).join();
  assertEquals(change(1, 2), change(1, 2));
  assertNotEquals(change(1, 2), change(1, 3));
  assertNotEquals(change(1, 2), change(2, 2));
});
