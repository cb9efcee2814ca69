import { Failure } from "../../../../pipeline/errors.ts";
import type { Finding } from "../../../../checks/finding.ts";
import type { Refusal } from "../../../../checks/facts/refusal.ts";
import { exitCode } from "../../../../tasks/cli/exit_code.ts";
import { acknowledge } from "../../../../pipeline/lake/marker.ts";
import type { BronzeDifferences } from "../../../../pipeline/bronze_window.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertOnly,
  BRONZE,
  compared,
  facts,
  HEALTHY,
  judge,
  recommit,
  resultOf,
  SILVER,
  SOURCE,
  withFirst,
} from "../../healthy/day.ts";

const ID = "row-counts";
const object = "bronze/events/date=2025-12-28/_commit.json";
const field = "event_id";
const RUN = "deno task run --date 2025-12-28";
const AMEND = "deno task amend --date 2025-12-28";
const open = {
  bronze: recommit(BRONZE, { state: "open" }),
  silver: recommit(SILVER, { state: "open" }),
};

/** An outbox that lost two events, gained three, and altered one. */
const LATE = new Set(["e8", "e9", "e10"]);
const LOST = new Set(["e1", "e2"]);
const ALTERED: Pick<BronzeDifferences, "altered" | "named"> = {
  altered: new Set(["e3"]),
  named: {
    late: [],
    lost: [],
    altered: [{
      id: "e3",
      text: "event e3 has a different fill_price",
      values: [{ column: "fill_price", source: "1.00000000", layer: "2.00000000" }],
    }],
  },
};
const SAID = "event e3: fill_price is 1.00000000 in the outbox and 2.00000000 in bronze";

function source(changes: Partial<BronzeDifferences>) {
  return { source: { compared: compared(changes) } };
}

/** A bronze whose last amendment acknowledged so much. */
function amended(
  lost: ReadonlySet<string>,
  altered: ReadonlySet<string>,
  state = "sealed" as const,
) {
  const previous = { key: "history", sha256: "0".repeat(64) };
  const past = { version: 1, previous, lost: acknowledge(lost), altered: acknowledge(altered) };
  return { bronze: recommit(BRONZE, { state, amended: past }) };
}

Deno.test("row-counts passes if bronze equals the outbox", async () => {
  const { verdict, examined } = await resultOf(ID, HEALTHY);
  assertEquals([verdict, examined], ["pass", "7 events, each compared with the outbox"]);
});

Deno.test("row-counts warns of new events of an open day", async () => {
  const given = facts({ ...open, ...source({ late: LATE }) });
  await assertOnly(ID, given, [{
    severity: "warn",
    object,
    field,
    problem: "3 events were added since the last run: e8, e9, e10",
    fix: RUN,
  }]);
  const results = await judge(given);
  assertEquals([exitCode(results), exitCode(results, { strict: true })], [0, 1]);
});

Deno.test("row-counts names a single late event in the singular", async () => {
  await assertOnly(ID, facts(source({ late: new Set(["e8"]) })), [{
    severity: "fail",
    object,
    field,
    fix: AMEND,
    problem: "1 event was added after the day was sealed: e8",
  }]);
});

Deno.test("row-counts fails for late events of a sealed day", async () => {
  await assertOnly(ID, facts(source({ late: LATE })), [{
    severity: "fail",
    object,
    field,
    fix: AMEND,
    problem: "3 events were added after the day was sealed: e8, e9, e10",
  }]);
});

Deno.test("row-counts fails for lost events, even if there are more new ones", async () => {
  const lost: Partial<Finding> = {
    severity: "fail",
    object,
    field,
    fix: AMEND,
    problem: "the outbox no longer has 2 events of bronze: e1, e2",
  };
  const late = { severity: "fail", fix: AMEND } as const;
  await assertOnly(ID, facts(source({ late: LATE, lost: LOST })), [late, lost]);
  await assertOnly(ID, facts(source({ lost: LOST })), [lost]);
  // A run refuses an open day that lost events, so an amendment is the whole remedy.
  await assertOnly(ID, facts({ ...open, ...source({ late: LATE, lost: LOST }) }), [
    { severity: "warn", fix: AMEND },
    lost,
  ]);
});

Deno.test("row-counts fails for altered events of a sealed day, with both values", async () => {
  await assertOnly(ID, facts(source(ALTERED)), [{
    severity: "fail",
    object,
    field,
    fix: AMEND,
    problem: `the outbox has other values in 1 event of bronze: ${SAID}`,
  }]);
});

Deno.test("row-counts lets a run copy altered events of an open day again, unless it was amended", async () => {
  await assertOnly(ID, facts({ ...open, ...source(ALTERED) }), [{ severity: "warn", fix: RUN }]);
  const none = new Set<string>();
  const { bronze } = amended(none, none, "open" as never);
  await assertOnly(ID, facts({ silver: open.silver, bronze, ...source(ALTERED) }), [
    { severity: "fail", fix: AMEND },
  ]);
});

Deno.test("row-counts accepts exactly the acknowledged differences, and reports them", async () => {
  const known = amended(LOST, ALTERED.altered);
  const given = facts({ ...known, ...source({ ...ALTERED, lost: LOST }) });
  const { verdict, examined } = await resultOf(ID, given);
  assertEquals(
    [verdict, examined],
    [
      "pass",
      "7 events, each compared with the outbox; bronze keeps 2 events that the outbox lost; " +
      "bronze keeps the values of 1 event that the outbox altered",
    ],
  );
  // One event more is not acknowledged, and one event fewer is not either.
  const more = source({ ...ALTERED, lost: new Set([...LOST, "e4"]) });
  await assertOnly(ID, facts({ ...known, ...more }), [{
    severity: "fail",
    problem:
      "the outbox no longer has 3 events of bronze: e1, e2, e4; the last amendment recorded 2",
    fix: AMEND,
  }]);
  await assertOnly(ID, facts({ ...known, ...source({}) }), [
    {
      problem: "the outbox has the events of bronze again, and the marker records 2 events as lost",
      fix: AMEND,
    },
    {
      problem:
        "the outbox has the values of bronze again, and the marker records 1 event as altered",
      fix: AMEND,
    },
  ]);
});

Deno.test("row-counts fails if a run could not copy the outbox", async () => {
  const refusal: Refusal = {
    opened: false,
    name: "stop_events in reader@db:5432/rbsdb",
    failure: new Failure({
      kind: "data",
      task: "export the day",
      problem: "two rows have the same event_id",
      remedy: "Correct them.",
    }),
  };
  const given = { ...HEALTHY, source: { day: SOURCE.day, name: SOURCE.name, refusal } };
  const { others } = await assertOnly(ID, given, [{
    severity: "fail",
    object: refusal.name,
    problem: refusal.failure.summary,
    fix: refusal.failure.remedy,
  }]);
  assertEquals(others, { "quarantine": "skip" });
});

Deno.test("row-counts fails if a footer has other rows than the marker", async () => {
  const { footer, part } = BRONZE.parts[0]!;
  const parts = withFirst(BRONZE.parts, { footer: { ...footer!, rows: 3 } });
  const { findings } = await assertOnly(ID, facts({ bronze: { parts, events: 6 } }), [{
    object: part.key,
    field: "rows",
    problem: "its footer says 3 rows, but the commit marker says 4",
  }]);
  assertStringIncludes(findings[0]!.fix, `Restore ${object} from a backup`);
});

Deno.test("row-counts fails for a repeated event in bronze, and does not report it as lost", async () => {
  const id = "00000000-0000-4000-8000-000000000003";
  const bronze = { events: 6, repeated: [id] };
  await assertOnly(ID, facts({ ...source({ lost: new Set([id]) }), bronze }), [{
    object,
    field,
    problem: `its 7 rows have 6 different event_ids; there more than once: ${id}`,
  }]);
  await assertOnly(ID, facts({ ...open, bronze: { ...open.bronze, ...bronze } }), [{ fix: RUN }]);
});

Deno.test("row-counts is skipped if a part is unreadable, and refers to the check that reports it", async () => {
  const { compared: _, ...uncompared } = SOURCE;
  const refusal = {
    opened: false,
    name: object,
    failure: new Failure({
      kind: "data",
      task: "use the marker",
      problem: "damaged",
      remedy: "Restore it.",
    }),
  } as const;
  const parts = withFirst(BRONZE.parts, { stored: { bytes: 1, same: false }, collected: false });
  const given = {
    ...facts({ bronze: { parts } }),
    source: { ...uncompared, refusal },
  };
  const { verdict, reason } = await resultOf(ID, given);
  assertEquals([verdict, reason], [
    "skip",
    `${BRONZE.parts[0]!.part.key} could not be read (see bronze-parts)`,
  ]);
  // If no other check detects the fault, this check reports it.
  await assertOnly(ID, { ...HEALTHY, source: { ...uncompared, refusal } }, [
    { object, problem: "Cannot use the marker: damaged", fix: "Restore it." },
  ]);
});

Deno.test("row-counts does not judge a bronze that was published during the run", async () => {
  const { differences } = compared();
  const given = facts({ source: { compared: { sha256: "0".repeat(64), differences } } });
  const { verdict, reason } = await resultOf(ID, given);
  assertEquals(verdict, "error");
  assertStringIncludes(reason!, "Run postflight again");
});
