import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { environment, runTask } from "../support/task.ts";
import { atTerminal, startOnTerminal } from "../support/terminal.ts";

// Runs the command like an operator, on a directory that a real run filled.

const DAY = "2025-12-28";

async function filled(events: readonly string[] = [RUNBOOK_EVENTS]) {
  await using db = await outbox({ events });
  const lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  for (const layer of ["bronze", "silver"]) {
    assertEquals((await runTask(layer, [DAY], env)).code, 0);
  }
  // With a day, show needs only the lake.
  const show = (...args: string[]) => runTask("show", args, { LAKE_URL: `file://${lake.path}` });
  return { lake, show, [Symbol.asyncDispose]: () => lake[Symbol.asyncDispose]() };
}

Deno.test("show: prints one row column by column, with every digit", async () => {
  await using here = await filled();
  const before = await here.lake.contents();
  const { code, stdout, stderr } = await here.show("silver", DAY);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^ {2}fill_price {8}87398\.10000000$/m);
  assertMatch(stdout, /^ {2}executed_at {7}2025-12-28T14:03:11\.873046Z$/m);
  assertMatch(stdout, /^ {2}submitted_at {6}null$/m);
  assertEquals(stdout.trim().split("\n").at(-1), "silver 2025-12-28, sealed: 1 row");
  assertEquals(await here.lake.contents(), before);
});

Deno.test("show: prints several rows as a table, with their total number", async () => {
  await using here = await filled();
  const args = ["bronze", "--date", DAY, "--columns", "source,event_seq,fill_price"];
  const { code, stdout } = await here.show(...args);
  assertEquals(code, 0);
  assertEquals(stdout.split("\n"), [
    "source  event_seq      fill_price",
    "ws              1            null",
    "ws              2  87398.10000000",
    "bronze 2025-12-28, sealed: 2 rows",
    "",
  ]);
  const limited = await here.show(...args, "--limit", "1");
  assertStringIncludes(limited.stdout, "2 rows; 1 shown, see more with --limit");
});

Deno.test("show --where: matches rows by value, not by spelling", async () => {
  await using here = await filled([RUNBOOK_EVENTS, generatedEvents(300)]);
  const where = ["--where", "fill_price=87398.1", "--where", "event_type=EXECUTED"];
  const { code, stdout } = await here.show("bronze", DAY, ...where, "--columns", "event_id");
  assertEquals(code, 0);
  assertStringIncludes(stdout, "6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a002");
  assertStringIncludes(stdout, "302 rows, 1 match");
  const none = await here.show("bronze", DAY, "--where", "symbol=NONE");
  assertEquals([none.code, none.stdout], [
    0,
    "bronze 2025-12-28, sealed: 302 rows, 0 match\n",
  ]);
});

Deno.test("show --output json: prints one object per row, without numbers that a reader would round", async () => {
  await using here = await filled();
  const { code, stdout } = await here.show("bronze", DAY, "--output", "json");
  assertEquals(code, 0);
  const [first] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals([first.event_seq, first.stop_price, first.occurred_at, first.fill_price], [
    "1",
    "87500.00000000",
    "2025-12-28T14:03:11.204518Z",
    null,
  ]);
});

Deno.test("show quarantine: prints events that no file can hold, with their problems and full text", async () => {
  await using here = await filled([
    RUNBOOK_EVENTS,
    "UPDATE stop_events SET fill_price = 'NaN' WHERE event_type = 'EXECUTED'",
  ]);
  const { code, stdout } = await here.show("quarantine", DAY);
  assertEquals(code, 0);
  assertMatch(stdout, /^6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a002$/m);
  assertMatch(stdout, /^ {2}problem: fill_price /m);
  assertMatch(stdout, /^ {2}fill_price +NaN$/m);
  assertEquals(stdout.trim().split("\n").at(-1), "quarantine 2025-12-28: 1 event");
  const json = await here.show("quarantine", DAY, "--output", "json");
  const [event] = json.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals([event.problems[0].column, event.row.fill_price], ["fill_price", "NaN"]);
});

Deno.test("show: exits with 2 for invalid arguments, and lists the valid ones", async () => {
  await using here = await filled();
  const refused: [string[], string][] = [
    [[], "the command needs bronze, silver or quarantine"],
    [["gold", DAY], '"gold"'],
    [["bronze", "2025-12-32"], "2025-12-32"],
    [["bronze", DAY, "extra"], "takes one layer and one day"],
    [
      ["bronze", DAY, "--columns", "event_id,price"],
      "Its columns are event_id, event_seq, occurred_at",
    ],
    [["bronze", DAY, "--columns", "source,source"], "source is there twice"],
    [["silver", DAY, "--where", "event_seq=1"], 'silver has no column "event_seq"'],
    [
      ["bronze", DAY, "--where", "event_seq=one"],
      "event_seq is INT64: the value must be a whole number",
    ],
    [["bronze", DAY, "--where", "event_seq"], "Write column=value"],
    [["quarantine", DAY, "--where", "event_seq=1"], "its events are shown whole"],
    [["bronze", DAY, "--limit", "1.5"], "it is not a whole number of rows"],
  ];
  for (const [args, words] of refused) {
    const { code, stdout, stderr } = await here.show(...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, words);
  }
});

Deno.test("show: exits with 1 for an unpublished day, and names the command that publishes the day", async () => {
  await using lake = await temporaryLake();
  const { code, stderr } = await runTask("show", ["bronze", DAY], {
    LAKE_URL: `file://${lake.path}`,
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "deno task run --date 2025-12-28");
});

atTerminal(Deno.test)(
  "show: prints rows column by column on a terminal that is too narrow for a table",
  async () => {
    await using here = await filled();
    const task = startOnTerminal("show", ["bronze", DAY], { LAKE_URL: `file://${here.lake.path}` });
    await task.until("row 1");
    await task.until("row 2");
    await task.until("2 rows");
    assertEquals((await task.outcome).code, 0);
  },
);
