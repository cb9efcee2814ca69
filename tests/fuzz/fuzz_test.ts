import { assert, assertEquals, assertMatch, assertNotEquals } from "../support/assert.ts";
import { mutated, randomOf } from "./mutation.ts";
import { TARGETS } from "./targets.ts";
import { tryTarget } from "./trial.ts";

// A small fixed run over every parser, and proof that a broken one is noticed.

const at = (name: string) => new URL(name, import.meta.url).href;
const SEED = 8;
/** Per parser. */
const INPUTS = 120;

for (const { name } of TARGETS) {
  Deno.test(`fuzz: ${name} ends with a result or a documented error`, async () => {
    const work = { module: at("targets.ts"), target: name, seed: SEED, from: 0, to: INPUTS };
    const { tried, broken } = await tryTarget(work);
    assertEquals(broken, []);
    assertEquals(tried, INPUTS);
  });
}

/** The broken inputs of a parser that is broken on purpose. */
async function brokenOf(target: string, from = 0, to = 4) {
  const work = { module: at("broken_targets.ts"), target, seed: 1, from, to };
  const { broken } = await tryTarget(work);
  return broken;
}

Deno.test("fuzz: a sound parser and a documented error are no trouble", async () => {
  assertEquals(await brokenOf("sound"), []);
  assertEquals(await brokenOf("documented"), []);
});

Deno.test("fuzz: an error that no parser documents is reported with its input, which repeats it", async () => {
  const [first] = await brokenOf("undocumented");
  assert(first !== undefined && first.input > 0);
  assertMatch(first.problem, /^TypeError: not documented\n +at /);
  assertEquals(await brokenOf("undocumented", first.input, first.input + 1), [first]);
});

Deno.test("fuzz: a parser that spins is ended and named, and the next input is tried", async () => {
  const broken = await brokenOf("spinning", 0, 3);
  assertEquals(broken.map(({ problem }) => problem), Array(2).fill("it took more than 2 s of CPU"));
  assertEquals(broken.map(({ input }) => input), [1, 2]);
});

Deno.test("fuzz: a parser that ends its process is named", async () => {
  const [first] = await brokenOf("dying", 0, 2);
  assertEquals(first?.input, 1);
  assertMatch(first!.problem, /^its process ended with 7/);
});

Deno.test("fuzz: a seed decides an input", () => {
  const bytes = new TextEncoder().encode("a text that is changed at random");
  const change = (...seeds: number[]) => mutated(bytes, randomOf(...seeds)).join();
  assertEquals(change(1, 2), change(1, 2));
  assertNotEquals(change(1, 2), change(1, 3));
  assertNotEquals(change(1, 2), change(2, 2));
});
