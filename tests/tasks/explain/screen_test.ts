import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import type { Screen } from "../../../tasks/explain/inline.ts";
import { renderPage } from "../../../tasks/explain/render.ts";
import { renderForScreen } from "../../../tasks/explain/screen.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { blocksOf } from "../../runbook/blocks.ts";

const RUNBOOK = new URL("../../../runbook/", import.meta.url);

const PLAIN: Screen = { width: 60, colour: false, links: false, addressOf: () => undefined };
const TERMINAL: Screen = {
  width: 60,
  colour: true,
  links: true,
  addressOf: (page) => page === "row-counts" ? "file:///runbook/row-counts.md" : undefined,
};

const PAGE = `# a-page

## Meaning

Some *words* in a paragraph with \`code that stays together\` and **bold** text, until the line ends.

## Fix

### Step

- one item that is so long that it does not fit on one line of the screen
- another item
  1. nested

| message | what to do |
| --- | --- |
| \`a\` | read the page \`row-counts\`, or [the counts](row-counts.md), and wait for a while |
| b | nothing |

**Destructive:** it removes.

\`\`\`sh
kubectl delete job "$JOB"   # a long line of code that is never broken, however long it is
\`\`\`
`;

Deno.test("renderForScreen lays out headings, lists, code and tables as plain text", () => {
  assertEquals(
    renderForScreen(PAGE, PLAIN),
    `a-page
======

Meaning
-------

Some words in a paragraph with \`code that stays together\`
and bold text, until the line ends.

Fix
---

Step

- one item that is so long that it does not fit on one line
  of the screen
- another item
  1. nested

message  what to do
-------  ---------------------------------------------------
\`a\`      read the page \`row-counts\`, or the counts, and wait
         for a while

b        nothing

Destructive: it removes.

\`\`\`sh
kubectl delete job "$JOB"   # a long line of code that is never broken, however long it is
\`\`\``,
  );
});

Deno.test("renderForScreen uses colours and links that can be clicked", () => {
  const text = renderForScreen(PAGE, TERMINAL);
  const link = (shown: string) =>
    `\x1b]8;;file:///runbook/row-counts.md\x1b\\${shown}\x1b]8;;\x1b\\`;
  assertStringIncludes(text, link("\x1b[32mrow-counts\x1b[0m"));
  assertStringIncludes(text, `${link("the")} ${link("counts")}`);
  assertStringIncludes(text, "\x1b[31mDestructive:\x1b[0m");
  assertStringIncludes(text, "\x1b[1mMeaning\x1b[0m\n-------\n");
  assert(!text.includes("`"), "with colours, code needs no backticks");
  // deno-lint-ignore no-control-regex
  const shown = text.replace(/\x1b\]8;;[^\x1b]*\x1b\\|\x1b\[\d*m/g, "");
  assertStringIncludes(shown, "\na        read the page row-counts, or the counts, and wait");
});

Deno.test("renderForScreen has links without colours for NO_COLOR", () => {
  const text = renderForScreen(PAGE, { ...TERMINAL, colour: false });
  // deno-lint-ignore no-control-regex
  assertEquals(text.match(/\x1b\[/g), null);
  assertStringIncludes(
    text,
    "\x1b]8;;file:///runbook/row-counts.md\x1b\\`row-counts`\x1b]8;;\x1b\\",
  );
});

Deno.test("renderForScreen keeps each page within the width, and its code as it is", async () => {
  for await (const { name } of Deno.readDir(RUNBOOK)) {
    const source = await Deno.readTextFile(new URL(name, RUNBOOK));
    const page = renderPage(source, DEFAULT_PROJECT);
    const code = new Set(blocksOf(page).flatMap(({ text }) => text.split("\n")));
    for (const width of [60, 80, 100]) {
      const lines = renderForScreen(page, { ...PLAIN, width }).split("\n");
      const wide = lines.filter((line) => line.length > width && !code.has(line));
      // Only a word that is longer than its column may stick out.
      for (const line of wide) {
        assert(line.split(/\s+/).some((word) => word.length > 12), `${name}: ${line}`);
      }
      assertEquals([...code].filter((line) => !lines.includes(line)), [], name);
    }
  }
});
