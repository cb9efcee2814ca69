import { Failure } from "../../../pipeline/errors.ts";
import { readFlags, seconds } from "../../../tasks/cli/flags.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";

const timeout = (text: string) =>
  seconds(readFlags([`--timeout=${text}`], { values: ["timeout"], switches: [] }), 60);

Deno.test("seconds: reads a whole number of seconds from 1 to 999999", () => {
  assertEquals(seconds(readFlags([], { values: ["timeout"], switches: [] }), 60), 60);
  assertEquals(timeout("1"), 1);
  assertEquals(timeout("999999"), 999_999);
});

for (const text of ["0", "007", "1000000", "1.5", "-1", "1e3", "10s"]) {
  Deno.test(`seconds: refuses --timeout=${text}`, () => {
    const { kind, message } = assertThrows(() => timeout(text), Failure);
    assertEquals(kind, "configuration");
    assertStringIncludes(message, `--timeout "${text}"`);
  });
}
