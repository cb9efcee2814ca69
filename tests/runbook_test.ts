import { POSTFLIGHT } from "../checks/postflight/catalog.ts";
import { PREFLIGHT } from "../checks/preflight/catalog.ts";
import { COMMAND_PAGES } from "../tasks/explain/pages.ts";
import { assert, assertEquals, assertMatch } from "./support/assert.ts";

const RUNBOOK = new URL("../runbook/", import.meta.url);

/** Which commands run each check. */
const commands = new Map<string, string[]>();
for (const { id } of PREFLIGHT) commands.set(id, ["preflight"]);
for (const { id } of POSTFLIGHT) {
  commands.set(id, [...commands.get(id) ?? [], "postflight --date <day>"]);
}
const ids = [...commands.keys()].sort();

/** The tasks that deno.json has. */
const TASKS = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url))).tasks;

Deno.test("runbook: every page in the runbook is about a check or a command, and each of them has one", () => {
  const pages = [...Deno.readDirSync(RUNBOOK)].map(({ name }) => name)
    .filter((name) => name !== "README.md")
    .sort();
  assertEquals(pages, [...ids, ...COMMAND_PAGES.keys()].map((id) => `${id}.md`).sort());
});

for (const id of ids) {
  Deno.test(`runbook: the page of ${id} tells symptom, cause, fix and how to verify`, async () => {
    const page = await Deno.readTextFile(new URL(`${id}.md`, RUNBOOK));
    const headings = page.split("\n").filter((line) => line.startsWith("#"));
    assertEquals(headings, [
      `# ${id}`,
      "## Symptom",
      "## Cause",
      "## Fix",
      "## How to verify",
    ]);
    for (const command of commands.get(id)!) {
      assertMatch(page, new RegExp(`deno task ${command}\` shows \`PASS ${id}\``));
    }
  });
}

for (const name of COMMAND_PAGES.keys()) {
  Deno.test(`runbook: the page of the command ${name} tells when to use it, what it does, and what comes next`, async () => {
    assert(name in TASKS, `deno.json has no task ${name}`);
    const page = await Deno.readTextFile(new URL(`${name}.md`, RUNBOOK));
    const headings = page.split("\n").filter((line) => /^##? /.test(line));
    assertEquals(headings, [
      `# ${name}`,
      "## When to use it",
      "## What it does",
      "## What to do next",
    ]);
    assertMatch(page, new RegExp(`deno task ${name} `));
  });
}
