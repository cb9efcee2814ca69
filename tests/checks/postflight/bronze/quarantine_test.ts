import { Failure } from "../../../../pipeline/errors.ts";
import type { UnfitEvent } from "../../../../pipeline/outbox/survey.ts";
import { renderQuarantine } from "../../../../pipeline/quarantine.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertOnly,
  BRONZE,
  compared,
  DAY,
  facts,
  HEALTHY,
  judge,
  recommit,
  resultOf,
  SOURCE,
  unpublished,
} from "../../healthy/day.ts";

const ID = "quarantine";
const AMEND = "deno task amend --date 2025-12-28";

function unfit(number: number, column = "fill_price", problem = "is NaN"): UnfitEvent {
  const event_id = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
  return { event_id, problems: [{ column, problem }], row: { event_id, [column]: "NaN" } };
}

/** A bronze whose marker names events in quarantine. */
function quarantined(events: readonly UnfitEvent[], state: "open" | "sealed" = "sealed") {
  const { link } = renderQuarantine({ day: DAY, events })!;
  return { ...recommit(BRONZE, { state, quarantine: link }), quarantine: events };
}

const one = quarantined([unfit(8)]);
const object = one.marker.commit.quarantine!.key;

Deno.test("quarantine passes if the marker has no quarantine", async () => {
  const { verdict, examined } = await resultOf(ID, HEALTHY);
  assertEquals([verdict, examined], ["pass", `${BRONZE.markerKey} names no event in quarantine`]);
});

Deno.test("quarantine fails for an event that the contract cannot hold, with the statement to correct it", async () => {
  const still = { compared: compared({ unfit: [unfit(8)] }) };
  for (const source of [still, { compared: undefined as never }]) {
    const results = (await judge(facts({ source, bronze: one }))).find(({ id }) => id === ID)!;
    assertEquals(results.findings.map(({ why: _, ...finding }) => finding), [{
      severity: "fail",
      object,
      problem: `1 event that the contract cannot hold: ${unfit(8).event_id} (fill_price is NaN)`,
      fix: "Correct them in the outbox, each as in: UPDATE stop_events SET fill_price = <value> " +
        `WHERE event_id = '${unfit(8).event_id}'; Then run: ${AMEND}`,
    }]);
  }
});

Deno.test("quarantine suggests a run for corrected events of an open day", async () => {
  const events = [unfit(8)];
  const given = facts({
    source: { compared: compared({ unfit: events }) },
    bronze: quarantined(events, "open"),
  });
  const [finding] = (await resultOf(ID, given)).findings;
  assertStringIncludes(finding!.fix, "Then run: deno task run --date 2025-12-28");
});

Deno.test("quarantine lists five of many events, and counts the rest", async () => {
  const events = Array.from({ length: 7 }, (_, i) => unfit(i));
  const source = { compared: compared({ unfit: events }) };
  const { findings } = await assertOnly(ID, facts({ source, bronze: quarantined(events) }), [{}]);
  assertStringIncludes(findings[0]!.problem, "7 events that the contract cannot hold");
  assertStringIncludes(findings[0]!.problem, `${unfit(4).event_id} (fill_price is NaN) and 2 more`);
});

Deno.test("quarantine fails for new unfit events that no marker records yet", async () => {
  const events = [unfit(8)];
  const source = { compared: compared({ unfit: events, newlyUnfit: events }) };
  await assertOnly(ID, facts({ source }), [{ object: BRONZE.markerKey }]);
});

Deno.test("quarantine reports a corrected event, and row-counts does not", async () => {
  const source = { compared: compared({ late: new Set([unfit(8).event_id!]) }) };
  await assertOnly(ID, facts({ source, bronze: one }), [{
    severity: "fail",
    object,
    problem: `1 event that the outbox has corrected: ${unfit(8).event_id} (fill_price is NaN)`,
    fix: AMEND,
  }]);
});

Deno.test("quarantine reports an event that was removed from the outbox, and the place of its text", async () => {
  const { findings } = await assertOnly(ID, facts({ bronze: one }), [{ severity: "fail", object }]);
  assertStringIncludes(findings[0]!.problem, "1 event that the outbox no longer has on this day");
  assertStringIncludes(
    findings[0]!.fix,
    "deno task show quarantine --date 2025-12-28 Then run: deno task amend",
  );
});

Deno.test("quarantine fails for events without a day, even if the day was not published", async () => {
  const survey = { ...SOURCE.survey!, strays: [unfit(9).event_id!], strayCount: 7 };
  const expected = {
    severity: "fail",
    object: "stop_events in reader@db:5432/rbsdb",
    field: "occurred_at",
    problem: "7 events on no day, because occurred_at is null or infinite: " +
      `${unfit(9).event_id} and 6 more`,
    fix: "Correct them in the outbox, each as in: UPDATE stop_events SET occurred_at = '<time>' " +
      `WHERE event_id = '${unfit(9).event_id}'; Then run the days that they fall on.`,
  } as const;
  await assertOnly(ID, facts({ source: { survey } }), [expected]);
  const given = { ...facts({ source: { survey } }), bronze: unpublished(BRONZE) };
  const [finding] = (await resultOf(ID, given)).findings;
  assertEquals(finding!.problem, expected.problem);
});

Deno.test("quarantine fails if the document is damaged, and row-counts refers to it", async () => {
  const { quarantine: _, ...bronze } = one;
  const { compared: __, ...source } = SOURCE;
  const refusal = {
    opened: false,
    name: "marker",
    failure: new Failure({
      kind: "data",
      task: "use the marker",
      problem: "damaged",
      remedy: "Restore.",
    }),
  } as const;
  const given = {
    ...facts({ bronze: { ...bronze, quarantine: undefined as never, quarantineProblem: "gone" } }),
    source: { ...source, refusal },
  };
  const { findings, others } = await assertOnly(ID, given, [{ object, problem: "gone" }]);
  assertStringIncludes(findings[0]!.fix, `Restore ${object} from a backup`);
  assertEquals(others, { "row-counts": "skip" });
});
