import { AFTER } from "../checks/catalog.ts";
import { assertEquals, assertMatch } from "./support/assert.ts";

const RUNBOOK = new URL("../runbook/", import.meta.url);

const ids = [...new Set(AFTER.map(({ id }) => id))].sort();

Deno.test("every check has a page in the runbook, and every page a check", () => {
  const pages = [...Deno.readDirSync(RUNBOOK)].map(({ name }) => name)
    .filter((name) => name !== "README.md")
    .sort();
  assertEquals(pages, ids.map((id) => `${id}.md`));
});

for (const id of ids) {
  Deno.test(`the page of ${id} tells symptom, cause, fix and how to verify`, async () => {
    const page = await Deno.readTextFile(new URL(`${id}.md`, RUNBOOK));
    const headings = page.split("\n").filter((line) => line.startsWith("#"));
    assertEquals(headings, [
      `# ${id}`,
      ...["## Symptom", "## Cause", "## Fix", "## How to verify"],
    ]);
    assertMatch(page, new RegExp(`deno task postflight --date <day>\` shows \`PASS ${id}\``));
  });
}
