import { createObjectMemory } from "../../../pipeline/lake/object_memory.ts";
import { assertEquals } from "../../support/assert.ts";

const MB = 1 << 20;

Deno.test("the memory of a freed object is used for one other object of at most its size", () => {
  const memory = createObjectMemory();
  const first = memory.array(3 * MB - 5);
  first.fill(7);
  memory.free(first);
  assertEquals(memory.array(4 * MB)[0], 0, "it is too small");
  const second = memory.array(2 * MB + 1);
  assertEquals([second.length, second[0]], [2 * MB + 1, 7]);
  const third = memory.array(2 * MB + 1);
  assertEquals(third[0], 0, "it is in use");
  memory.free(second);
  memory.free(third);
  assertEquals(memory.array(3 * MB)[0], 7);
});

Deno.test("no array of a freed object can be used", () => {
  const memory = createObjectMemory();
  for (const length of [10, MB - 1, MB, 2 * MB]) {
    const bytes = memory.array(length);
    const part = bytes.subarray(5);
    assertEquals([bytes.length, part.length], [length, length - 5]);
    memory.free(bytes);
    assertEquals([bytes.length, part.length, part[0]], [0, 0, undefined]);
  }
});

Deno.test("of two freed objects, the larger memory is kept", () => {
  for (const sizes of [[5 * MB, 6 * MB], [6 * MB, 5 * MB]]) {
    const memory = createObjectMemory();
    const arrays = sizes.map((size) => memory.array(size).fill(size / MB));
    for (const each of arrays) memory.free(each);
    assertEquals(memory.array(6 * MB)[0], 6);
  }
});

Deno.test("a closed memory keeps nothing", () => {
  const memory = createObjectMemory();
  memory.free(memory.array(2 * MB).fill(7));
  memory.close();
  const bytes = memory.array(2 * MB);
  assertEquals(bytes[0], 0);
  memory.close();
  memory.free(bytes);
});
