import { applyEditing } from "../../../tasks/cli/prompt.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { runTask } from "../../support/task.ts";

const KEYS: readonly (readonly [string, string, string])[] = [
  ["text is taken unchanged", `p\\a!s$s'w"o#rd `, `p\\a!s$s'w"o#rd `],
  ["keeps spaces at both ends, and a tab", " a\tb ", " a\tb "],
  ["backspace deletes a character", "abc\x7f\x7fd", "ad"],
  ["Ctrl-H deletes a character", "abc\bd", "abd"],
  ["backspace deletes a whole character, not a byte", "aö😀\x7f\x7fb", "ab"],
  ["backspace at the beginning has no effect", "\x7f\x7fa", "a"],
  ["Ctrl-U deletes the line", "abc\x15d", "d"],
  ["arrows and other keys are ignored", "a\x1b[Db\x1b[3~c\x1bOPd\x1b[1;5Ce", "abcde"],
  ["nothing", "", ""],
];

for (const [name, typed, text] of KEYS) {
  Deno.test(`prompt: reads hidden input: ${name}`, () => assertEquals(applyEditing(typed), text));
}

for (const [command, ...args] of [["amend", "2025-12-28"], ["apply"], ["clean"], ["secrets"]]) {
  Deno.test(`${command} --output json: refuses to ask between lines for a program`, async () => {
    const { code, stdout } = await runTask(command!, [...args, "--output", "json"], {
      LAKE_URL: "file:///tmp/none",
    });
    assertEquals(code, 2);
    assertStringIncludes(stdout, "Add --yes, or leave out --output json");
  });
}
