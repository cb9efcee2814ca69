import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { ROOT, runTask } from "../../support/task.ts";
import { REFERENCE_PAGES } from "../../../tasks/explain/pages.ts";
import { atTerminal, startOnTerminal } from "../../support/terminal.ts";

const terminalTest = atTerminal(Deno.test);

/** The escapes of colours, not those of links. */
// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[\d*m/;

terminalTest("explain: shows links that can be clicked, and colours, at a terminal", async () => {
  const page = startOnTerminal("explain", ["node-pool"]);
  assertEquals(await page.outcome, { code: 0, restored: true });
  assertMatch(page.shown(), COLOUR);
  const guide = startOnTerminal("explain", ["guide"], { NO_COLOR: "1" });
  assertEquals(await guide.outcome, { code: 0, restored: true });
  assertEquals(COLOUR.exec(guide.shown()), null);
  const address = new URL("runbook/rbac.md", ROOT).href;
  assertStringIncludes(guide.shown(), `\x1b]8;;${address}\x1b\\rbac\x1b]8;;\x1b\\`);
});

Deno.test("explain: prints no escapes into a file", async () => {
  const { code, stdout } = await runTask("explain", ["guide"]);
  assertEquals(code, 0);
  assert(!stdout.includes("\x1b"));
  assertStringIncludes(stdout, "\nLog in\n------\n");
});

Deno.test("explain: prints the section of the guide about logins, and other pages name it", async () => {
  const { code, stdout } = await runTask("explain", ["log-in"]);
  assertEquals(code, 0);
  assert(stdout.startsWith("Log in\n======\n"), stdout);
  assertStringIncludes(stdout, "for name in DJANGO_DB_PASSWORD AWS_SECRET_ACCESS_KEY; do");
  assert(
    !stdout.includes("Every morning\n") && !stdout.includes("deno task explain log-in"),
    stdout,
  );
  const status = await runTask("explain", ["status"]);
  assert(status.stdout.endsWith("The commands use a login: deno task explain log-in\n"));
});

for (const page of REFERENCE_PAGES.keys()) {
  Deno.test(`explain: prints the reference page ${page}, which is in docs/`, async () => {
    const { code, stdout, stderr } = await runTask("explain", [page]);
    assertEquals([code, stderr], [0, ""]);
    const [title] = Deno.readTextFileSync(new URL(`docs/${page}.md`, ROOT)).split("\n");
    assertEquals(stdout.split("\n")[0], title!.slice("# ".length));
  });
}

Deno.test("explain: lists the pages by topic", async () => {
  const { code, stdout } = await runTask("explain");
  assertEquals(code, 0);
  const topics = stdout.split("\n").filter((line) => /^[A-Z][^:]*(: [a-z]+)?$/.test(line));
  assertEquals(topics.slice(0, 3), ["Start here", "Commands", "Failures of a command"]);
  assert(topics.includes("Before a run: manifests"));
  assertMatch(stdout, /^ {2}late-writers +\S/m);
});
