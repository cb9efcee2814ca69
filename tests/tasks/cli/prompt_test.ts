import { edited } from "../../../tasks/cli/prompt.ts";
import { assertEquals } from "../../support/assert.ts";

const KEYS: readonly (readonly [string, string, string])[] = [
  ["what is typed is taken as it is", `p\\a!s$s'w"o#rd `, `p\\a!s$s'w"o#rd `],
  ["spaces at both ends, and a tab", " a\tb ", " a\tb "],
  ["backspace takes a character away", "abc\x7f\x7fd", "ad"],
  ["and so does the other backspace", "abc\bd", "abd"],
  ["a character, not a byte or half of one", "aö😀\x7f\x7fb", "ab"],
  ["backspace at the beginning does nothing", "\x7f\x7fa", "a"],
  ["Ctrl-U takes all of it away", "abc\x15d", "d"],
  ["arrows and other keys are no characters", "a\x1b[Db\x1b[3~c\x1bOPd\x1b[1;5Ce", "abcde"],
  ["nothing", "", ""],
];

for (const [name, typed, text] of KEYS) {
  Deno.test(`prompt: typed where it is not shown: ${name}`, () =>
    assertEquals(edited(typed), text));
}
