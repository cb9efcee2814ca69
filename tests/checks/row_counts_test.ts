import { exitCode } from "../../checks/runner.ts";
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import {
  assertOnly,
  BRONZE,
  facts,
  HEALTHY,
  judge,
  recommit,
  resultOf,
  SILVER,
} from "./healthy.ts";
import { withFirst } from "./healthy.ts";

const ID = "row-counts";
const object = "bronze/events/date=2025-12-28/_commit.json";
const open = {
  bronze: recommit(BRONZE, { state: "open" }),
  silver: recommit(SILVER, { state: "open" }),
};

Deno.test("row-counts passes where all four counts agree", async () => {
  const { verdict, examined } = await resultOf(ID, HEALTHY);
  assertEquals([verdict, examined], ["pass", "7 events, counted four ways"]);
});

Deno.test("row-counts warns of events that have come to an open day since", async () => {
  const given = facts({ ...open, source: { rows: 9, events: 9 } });
  await assertOnly(ID, given, [{
    severity: "warn",
    object,
    problem: "2 events have come since; run bronze again",
    fix: "deno task bronze --date 2025-12-28 && deno task silver --date 2025-12-28",
  }]);
  const results = await judge(given);
  assertEquals([exitCode(results), exitCode(results, { strict: true })], [0, 1]);
});

Deno.test("row-counts fails for events that came to a sealed day", async () => {
  await assertOnly(ID, facts({ source: { rows: 8, events: 8 } }), [{
    severity: "fail",
    object,
    problem: "the outbox has 1 event more than the sealed day: 8 and 7",
  }]);
});

Deno.test("row-counts fails where the outbox has fewer events than bronze, open or sealed", async () => {
  const source = { rows: 5, events: 5 };
  const problem = "the outbox has 2 events fewer than bronze: 5 and 7";
  const sealed = await assertOnly(ID, facts({ source }), [{ severity: "fail", object, problem }]);
  assertStringIncludes(sealed.findings[0]!.fix, "reader@db:5432/rbsdb is the outbox");
  await assertOnly(ID, facts({ ...open, source }), [{ severity: "fail", object, problem }]);
});

Deno.test("row-counts fails where the outbox is empty, and bronze is not", async () => {
  await assertOnly(ID, facts({ source: { rows: 0, events: 0 } }), [{ severity: "fail" }]);
});

Deno.test("row-counts fails where the outbox has an event_id twice", async () => {
  await assertOnly(ID, facts({ source: { events: 6 } }), [{
    object: "stop_events in reader@db:5432/rbsdb",
    field: "event_id",
    problem: "7 rows have 6 different event_ids",
  }]);
});

Deno.test("row-counts fails where a footer has other rows than the marker", async () => {
  const { footer, part } = BRONZE.parts[0]!;
  const parts = withFirst(BRONZE.parts, { footer: { ...footer!, rows: 3 } });
  await assertOnly(ID, facts({ bronze: { parts, events: 6 } }), [{
    object: part.key,
    field: "rows",
    problem: "its footer says 3 rows, and the commit marker says 4",
  }]);
});

Deno.test("row-counts fails where bronze has an event twice, and names it", async () => {
  const id = "00000000-0000-4000-8000-000000000003";
  await assertOnly(ID, facts({ bronze: { events: 6, repeated: [id] } }), [{
    object,
    field: "event_id",
    problem: `its 7 rows have 6 different event_ids; there more than once: ${id}`,
  }]);
});

Deno.test("row-counts does not pass, nor only warn, where a part could not be read", async () => {
  const parts = withFirst(BRONZE.parts, { stored: { bytes: 1, same: false }, collected: false });
  for (const rows of [7, 9]) {
    const given = facts({
      source: { rows, events: rows },
      bronze: { ...open.bronze, parts },
      silver: open.silver,
    });
    const { verdict, reason } = await resultOf(ID, given);
    assertEquals([verdict, reason], [
      "skip",
      `${BRONZE.parts[0]!.part.key} could not be read (see bronze-parts)`,
    ]);
  }
});
