import { bronzeMarkerKey, bronzePrefix } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { ABANDONED_AFTER } from "../../pipeline/lake/lifetimes.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { type TemporaryLake, temporaryLake } from "../support/lakes.ts";
import { partIn, publish } from "../support/published_days.ts";
import { runTask } from "../support/task.ts";
import { atTerminal, startOnTerminal } from "../support/terminal.ts";

// Runs the command like an operator, on a directory.

const DAY = parseDay("2025-12-28")!;
const [OLD, NEW] = ["00001", "00002"].map((name) => partIn(bronzePrefix(DAY), 1, name).key) as [
  string,
  string,
];

/** Creates a day and two unreferenced parts, one of them old. */
async function withLeftovers(): Promise<TemporaryLake> {
  const lake = await temporaryLake();
  await publish(lake, DAY, 10);
  for (const key of [OLD, NEW]) await lake.put(key, new Uint8Array(100));
  const past = new Date(Date.now() - ABANDONED_AFTER - 60_000);
  await Deno.utime(lake.file(OLD), past, past);
  return lake;
}

function environmentOf({ path }: TemporaryLake) {
  return { LAKE_URL: `file://${path}` };
}

async function has(lake: TemporaryLake, key: string): Promise<boolean> {
  return await lake.get(key) !== undefined;
}

Deno.test("clean --yes: removes old parts and keeps new ones, and a second run has nothing to do", async () => {
  await using lake = await withLeftovers();
  const env = environmentOf(lake);
  const { code, stdout, stderr } = await runTask("clean", [DAY, "--yes"], env);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, new RegExp(`leftover +${OLD}, 100 bytes, 24 hours old`));
  assertMatch(stdout, new RegExp(`left +${NEW}, .*: a run may be in progress until 2`));
  assertStringIncludes(stdout, "removed 1 object, 100 bytes");
  assertEquals([await has(lake, OLD), await has(lake, NEW)], [false, true]);

  const again = await runTask("clean", [DAY, "--yes"], env);
  assertEquals(again.code, 0);
  assertStringIncludes(again.stdout, "nothing to remove");
});

Deno.test("clean --dry-run: shows the same plan, and changes nothing", async () => {
  await using lake = await withLeftovers();
  const before = await lake.contents();
  const { code, stdout } = await runTask("clean", [DAY, "--dry-run"], environmentOf(lake));
  assertEquals(code, 0);
  assertStringIncludes(stdout, OLD);
  assertStringIncludes(stdout, "nothing was removed");
  assertEquals(await lake.contents(), before);
});

Deno.test("clean: without a terminal and --yes, exits with 2, names --yes, and removes nothing", async () => {
  await using lake = await withLeftovers();
  const { code, stdout, stderr } = await runTask("clean", [DAY], environmentOf(lake));
  assertEquals(code, 2);
  assertStringIncludes(stdout, OLD);
  assertStringIncludes(stderr, "Add --yes");
  assert(await has(lake, OLD));
});

Deno.test("clean --output json: prints a line per object, and a total", async () => {
  await using lake = await withLeftovers();
  const args = [DAY, "--yes", "--output", "json"];
  const { code, stdout } = await runTask("clean", args, environmentOf(lake));
  assertEquals(code, 0);
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ step, key }) => [step, key]), [
    ["left", NEW],
    ["leftover", OLD],
    ["clean", undefined],
  ]);
  assertEquals(lines.at(-1).removed, [OLD]);
});

Deno.test("clean: exits with 1 for an unusable marker, and removes nothing", async () => {
  await using lake = await withLeftovers();
  await lake.put(bronzeMarkerKey(DAY), new TextEncoder().encode("{"));
  const { code, stderr } = await runTask("clean", [DAY, "--yes"], environmentOf(lake));
  assertEquals(code, 1);
  assertStringIncludes(stderr, "Cannot use the commit marker");
  assert(await has(lake, OLD));
});

Deno.test("clean: keeps a day without a marker, and prints the command that publishes the day", async () => {
  await using lake = await withLeftovers();
  await lake.remove(bronzeMarkerKey(DAY));
  const { code, stdout } = await runTask("clean", [DAY, "--yes"], environmentOf(lake));
  assertEquals(code, 0);
  assertStringIncludes(stdout, "3 parts of bronze: 2025-12-28 has no commit marker,");
  assertStringIncludes(stdout, "deno task run --date 2025-12-28");
  assert(await has(lake, OLD));
});

atTerminal(Deno.test)("clean: asks at a terminal, and exits with 130 on no", async () => {
  await using lake = await withLeftovers();
  const no = startOnTerminal("clean", [DAY], environmentOf(lake));
  await no.until("Remove 1 object, 100 bytes from");
  await no.type("n\r");
  await no.until("nothing was removed");
  assertEquals(await no.outcome, { code: 130, restored: true });
  assert(await has(lake, OLD));

  const yes = startOnTerminal("clean", [DAY], environmentOf(lake));
  await yes.until("[y/N]");
  await yes.type("y\r");
  await yes.until("removed 1 object");
  assertEquals(await yes.outcome, { code: 0, restored: true });
  assertEquals([await has(lake, OLD), await has(lake, NEW)], [false, true]);
});
