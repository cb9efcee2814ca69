import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import { until } from "../cluster/until.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { runTask, startTask } from "../support/task.ts";
import { DRILLS } from "./drills.ts";
import { partsTest } from "./testing.ts";

// Tests of the command as a user runs it.

/** The preconditions in the runbook, before and after a run. */
const PRECONDITIONS = [
  "image-deps",
  "egress-policy",
  "table-name",
  "namespace-labels",
  "secret-escaping",
  "parquet-void",
  "timestamp-env",
];

Deno.test("DRILLS: cover each precondition of the runbook, and name existing checks", () => {
  const watched = new Set(DRILLS.map(({ caughtBy }) => caughtBy));
  assertEquals(PRECONDITIONS.filter((id) => !watched.has(id)), []);
  for (const { id, caughtBy, when } of DRILLS) {
    assert((when === "before" ? PREFLIGHT : POSTFLIGHT).some((check) => check.id === caughtBy), id);
  }
  assertEquals(new Set(DRILLS.map(({ id }) => id)).size, DRILLS.length);
});

partsTest(
  "drill: each fault is caught by exactly its check, and the healthy platform has no finding",
  async () => {
    const { code, stdout, stderr } = await runTask("drill", ["--output", "json"]);
    assertEquals(stderr, "");
    const { drills, health } = JSON.parse(stdout);
    assertEquals(health, []);
    assertEquals(
      // deno-lint-ignore no-explicit-any
      drills.map(({ id, caught, others }: any) => [id, caught?.check, caught?.when, others]),
      DRILLS.map(({ id, caughtBy, when }) => [id, caughtBy, when, []]),
    );
    assertEquals(code, 0);
    for (const secret of ["pass!word", "pass\\!word", "DRILLKEY", "drill/secret+key"]) {
      assert(!stdout.includes(secret) && !stdout.includes(JSON.stringify(secret).slice(1, -1)));
    }
  },
);

partsTest("drill: exits at once on Ctrl-C, and leaves nothing running", async () => {
  const folder = await Deno.makeTempDir();
  const task = startTask("drill", ["--only", "selector-trap"], { TMPDIR: folder });
  await until("servers run", async () => {
    const files = (await namesIn(folder)).map((name) => namesIn(`${folder}/${name}`));
    const all = (await Promise.all(files)).flat();
    return ["apiserver.log", "radosgw.out"].every((name) => all.includes(name));
  });
  task.kill("SIGINT");
  const { code, stderr } = await task.outcome;
  assertEquals(code, 130);
  assertStringIncludes(stderr, "Interrupted.");
  await until("their folders are gone", async () => (await namesIn(folder)).length === 0);
  await Deno.remove(folder);
});

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

Deno.test("drill: --help shows examples and the list, and an unknown drill is rejected", async () => {
  const help = await runTask("drill", ["--help"]);
  assertEquals(help.code, 0);
  assertStringIncludes(help.stdout, "deno task drill --only selector-trap,missing-label");
  const unknown = await runTask("drill", ["--only", "selector-trap,selector-trip"]);
  assertEquals([unknown.code, unknown.stdout], [2, ""]);
  assertStringIncludes(unknown.stderr, 'Cannot use --only with "selector-trip"');
  assertStringIncludes(unknown.stderr, "missing-label");
});
