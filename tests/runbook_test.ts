import { AFTER, BEFORE } from "../checks/catalog.ts";
import { assertEquals, assertMatch } from "./support/assert.ts";

const RUNBOOK = new URL("../runbook/", import.meta.url);

/** Which commands run each check. */
const commands = new Map<string, string[]>();
for (const { id } of BEFORE) commands.set(id, ["preflight"]);
for (const { id } of AFTER) {
  commands.set(id, [...commands.get(id) ?? [], "postflight --date <day>"]);
}
const ids = [...commands.keys()].sort();

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
    for (const command of commands.get(id)!) {
      assertMatch(page, new RegExp(`deno task ${command}\` shows \`PASS ${id}\``));
    }
  });
}
