import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { bronze, event, markerOf, silver, visible } from "../support/days.ts";
import { temporaryLake } from "../support/lakes.ts";
import { validLines } from "../support/line_schema.ts";
import { outbox } from "../support/postgres.ts";
import { environment, runTask } from "../support/task.ts";
import { atTerminal, startOnTerminal } from "../support/terminal.ts";

Deno.test("amend: adds late events, updates silver, and names the next command", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  await db.query(event(2));
  const env = environment(db.config, lake.path);
  const before = await lake.contents();

  const unasked = await runTask("amend", ["2025-12-28"], env);
  assertEquals(unasked.code, 2, unasked.stderr);
  assertStringIncludes(unasked.stderr, "--yes");
  const dry = await runTask("amend", ["2025-12-28", "--dry-run"], env);
  assertEquals(dry.code, 0, dry.stderr);
  assertStringIncludes(dry.stdout, "would publish 2 parts, sealed");
  assertEquals(await lake.contents(), before);

  const { code, stdout, stderr } = await runTask("amend", ["2025-12-28", "--yes"], env);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "number 1: 1 late event in 1 additional part");
  assertStringIncludes(stdout, "deno task postflight --date 2025-12-28");
  assertEquals((await markerOf(lake, "bronze")).commit.rows, 2);
  assertEquals((await visible(lake, "silver")).length, 2);

  const again = await runTask("amend", ["--date", "2025-12-28", "--yes", "--output", "json"], env);
  assertEquals(again.code, 0, again.stderr);
  const lines = validLines(again.stdout);
  assertEquals(lines.at(-1), {
    version: 1,
    command: "amend",
    step: "done",
    date: "2025-12-28",
    outcome: "unchanged",
  });
  assert(lines.every(({ command }) => command === "amend" || command === "silver"));
});

Deno.test("amend --output json: names the events that came late and that the outbox lost", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const ids = async () =>
    (await db.query("SELECT event_id::text AS id FROM stop_events")).map(({ id }) => id);
  const [lost] = await ids();
  await db.query("DELETE FROM stop_events");
  await db.query(event(2));
  const [late] = await ids();
  const args = ["2025-12-28", "--dry-run", "--output", "json"];
  const { code, stdout } = await runTask("amend", args, environment(db.config, lake.path));
  assertEquals(code, 0, stdout);
  const found = validLines(stdout).filter(({ step }) => step === "late" || step === "lost");
  assertEquals(found.map(({ step, events, event_ids }) => [step, events, event_ids]), [
    ["late", 1, [late]],
    ["lost", 1, [lost]],
  ]);
});

Deno.test("amend: requires a day", async () => {
  const { code, stderr } = await runTask("amend", ["--yes"], { LAKE_URL: "file:///tmp/none" });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "deno task amend 2025-12-28");
});

const terminalTest = atTerminal((name, run) => Deno.test(name, run));

for (const [answer, code, rows] of [["n", 130, 1], ["y", 0, 2]] as const) {
  terminalTest(`amend: asks at a terminal and follows the answer ${answer}`, async () => {
    await using db = await outbox({ events: [event(1)] });
    await using lake = await temporaryLake();
    await bronze(db, lake);
    await db.query(event(2));
    const task = startOnTerminal("amend", ["2025-12-28"], environment(db.config, lake.path));
    await task.until("Amend 2025-12-28: add 1 late event? [y/N]");
    await task.type(`${answer}\r`);
    assertEquals((await task.outcome).code, code, task.shown());
    assertEquals((await markerOf(lake, "bronze")).commit.rows, rows);
  });
}

terminalTest("amend: changes nothing if interrupted at its question", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query(event(2));
  const before = await lake.contents();
  const task = startOnTerminal("amend", ["2025-12-28"], environment(db.config, lake.path));
  await task.until("[y/N]");
  await task.type("\x03");
  assertEquals((await task.outcome).code, 130, task.shown());
  assertEquals(await lake.contents(), before);
});
