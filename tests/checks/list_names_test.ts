import { naming } from "../../checks/list_names.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("naming lists up to five names, and counts the rest", () => {
  assertEquals(naming(["a"]), "a");
  assertEquals(naming([..."abcde"]), "a, b, c, d, e");
  assertEquals(naming([..."abcdefg"]), "a, b, c, d, e and 2 more");
  assertEquals(naming([..."abc"], 1234), "a, b, c and 1,231 more");
});
