import type { Scenario } from "./interleavings.ts";
import { CENTURY, type Run } from "./runs.ts";
import type { StartName } from "./scene.ts";

/** A bronze run before the day can be sealed. */
const OPEN: Run = { kind: "bronze", grace: CENTURY };
/** A bronze run that may seal the day. It verifies a day that is already sealed. */
const SEAL: Run = { kind: "bronze" };
const SILVER: Run = { kind: "silver" };
const AMEND: Run = { kind: "amend" };
const KEEP: Run = { kind: "amend", keepAltered: true };

/** A clean run. Every object of the start is old enough to remove. */
const CLEAN: Run = { kind: "clean" };

type Between = Scenario["between"];

function scenario(start: StartName, a: Run, between: Between, b: Run): Scenario {
  return { start, a, between, b };
}

function each(
  starts: readonly StartName[],
  pairs: readonly (readonly [Run, Run])[],
  between: readonly Between[],
): Scenario[] {
  return starts.flatMap((start) =>
    pairs.flatMap(([a, b]) => between.map((steps) => scenario(start, a, steps, b)))
  );
}

/** A silver run has replayed an old bronze, and lists the day after another run stored its part. */
export const OLD_SILVER: Scenario = scenario("open", SILVER, ["insert", OPEN], SILVER);
/** A row is deleted while a run is about to publish it, and another run finds the day unchanged. */
export const DELETED_ROW: Scenario = scenario("open, behind", OPEN, ["delete"], OPEN);
/** Two runs publish, and only one of them has the new event. */
export const BOTH_PUBLISH: Scenario = scenario("open, behind", OPEN, ["insert"], OPEN);
/** A run verifies sealed silver while an amendment is about to replace it. */
export const SILVER_UNDER_AMENDMENT: Scenario = scenario("late", SILVER, [], AMEND);
/** A run verifies sealed bronze while an amendment adds to it. */
export const BRONZE_UNDER_AMENDMENT: Scenario = scenario("late", SEAL, ["insert"], AMEND);

/** A run stores the part of a killed run again while `clean` removes it. */
export const CLEANED_UP: Scenario = scenario("open, left behind", OPEN, [], CLEAN);
/** An amendment stores the part of a killed amendment again while `clean` removes it. */
export const AMENDMENT_CLEANED_UP: Scenario = scenario("late, left behind", AMEND, [], CLEAN);

/** Three runs of a kind: two are stopped while the third one runs to its end. */
export const THREE_RUNS: Readonly<Record<string, readonly Scenario[]>> = {
  "three bronze runs": [
    { ...BOTH_PUBLISH, then: ["update", OPEN] },
    { ...DELETED_ROW, then: ["insert", SEAL] },
  ],
  "three silver runs": [
    // Another run publishes the same events that the stopped run is about to publish. Of the three
    // new events, the last one belongs to the client of the stopped run.
    scenario("open, silver behind", SILVER, [SILVER, "insert", "insert", "insert", OPEN], SILVER),
    { ...OLD_SILVER, then: ["update", OPEN, SILVER] },
  ],
  "three amendments": [{ ...scenario("late", AMEND, ["insert"], AMEND), then: ["insert", AMEND] }],
};

/** The scenarios that the test suite runs: the most revealing ones of each pair of runs. */
export const REVEALING: Readonly<Record<string, readonly Scenario[]>> = {
  "bronze and bronze": [
    DELETED_ROW,
    scenario("empty", OPEN, ["insert"], SEAL),
    scenario("open, behind", SEAL, ["update"], OPEN),
    scenario("open, behind", OPEN, ["delete", "insert"], SEAL),
    scenario("open, behind", SEAL, ["insert"], SEAL),
  ],
  "silver and silver": [
    OLD_SILVER,
    scenario("open, silver behind", SILVER, ["insert", SEAL], SILVER),
    scenario("sealed, silver behind", SILVER, ["insert", AMEND], SILVER),
  ],
  "bronze and silver": [
    scenario("empty", SEAL, [], SILVER),
    scenario("open, behind", SILVER, ["insert"], SEAL),
    scenario("open, silver behind", SEAL, ["insert"], SILVER),
  ],
  "amend and bronze": [
    BRONZE_UNDER_AMENDMENT,
    scenario("lost", SEAL, [], AMEND),
    scenario("late", SEAL, ["update"], KEEP),
    scenario("open, behind", AMEND, ["delete"], SEAL),
  ],
  "amend and amend": [
    scenario("late", AMEND, ["insert"], AMEND),
    scenario("lost", AMEND, ["update"], KEEP),
  ],
  "amend and silver": [
    SILVER_UNDER_AMENDMENT,
    scenario("sealed, silver behind", AMEND, ["insert"], SILVER),
  ],
  "clean and others": [CLEANED_UP, AMENDMENT_CLEANED_UP],
};

/** Changes of the outbox that can happen between two runs. */
const CHANGED: readonly Between[] = [[], ["insert"], ["delete"], ["update"], ["delete", "insert"]];
const REPUBLISHED: readonly Between[] = [[], ["insert", OPEN], ["insert", SEAL], ["update", OPEN]];
const GROWN: readonly Between[] = [[], ["insert"]];

/** Every pair of runs on a day, with the changes between them, and three runs at once. */
export const ALL: Readonly<Record<string, readonly Scenario[]>> = {
  "bronze and bronze": [
    ...each(["empty", "open, behind"], [[OPEN, OPEN], [OPEN, SEAL], [SEAL, OPEN]], CHANGED),
    ...each(["empty", "open, behind"], [[SEAL, SEAL]], [["insert"], ["delete"]]),
    ...each(["sealed", "late"], [[SEAL, SEAL]], GROWN),
  ],
  "silver and silver": [
    ...each(["open", "open, silver behind"], [[SILVER, SILVER]], REPUBLISHED),
    ...each(["sealed", "sealed, silver behind"], [[SILVER, SILVER]], [[], ["insert", AMEND]]),
  ],
  "bronze and silver": [
    ...each(
      ["empty", "open, behind", "open, silver behind"],
      [[SEAL, SILVER], [SILVER, SEAL]],
      GROWN,
    ),
    scenario("late", SEAL, [AMEND], SILVER),
  ],
  "amend and bronze": [
    ...each(["late", "lost"], [[AMEND, SEAL], [SEAL, AMEND]], [...GROWN, ["delete"]]),
    ...each(["late"], [[AMEND, SEAL], [SEAL, KEEP]], [["update"]]),
    ...each(
      ["open, behind"],
      [[AMEND, OPEN], [OPEN, AMEND], [AMEND, SEAL], [SEAL, AMEND]],
      [[], ["delete"]],
    ),
  ],
  "amend and amend": [
    ...each(["late"], [[AMEND, AMEND]], [...GROWN, ["delete"]]),
    ...each(["lost"], [[AMEND, KEEP], [KEEP, AMEND]], [...GROWN, ["update"]]),
  ],
  "amend and silver": each(
    ["late", "sealed, silver behind"],
    [[AMEND, SILVER], [SILVER, AMEND]],
    GROWN,
  ),
  "clean and others": [
    ...each(["open, left behind"], [[OPEN, CLEAN], [CLEAN, OPEN], [SEAL, CLEAN]], GROWN),
    ...each(["late, left behind"], [[AMEND, CLEAN], [CLEAN, AMEND], [SEAL, CLEAN]], GROWN),
    ...each(["open, silver behind"], [[SILVER, CLEAN], [CLEAN, SILVER]], [[]]),
  ],
  ...THREE_RUNS,
};

/** Describes a scenario in words. */
export function describe({ start, a, between, b, then = [] }: Scenario): string {
  const run = ({ kind, grace, keepAltered }: Run) =>
    kind + (grace === CENTURY ? " (open)" : "") + (keepAltered ? " --keep-altered" : "");
  const steps = (taken: Between) =>
    taken.map((step) => typeof step === "string" ? step : run(step));
  const meanwhile = [...steps(between), run(b)].join(", ");
  const last = then.length === 0 ? "" : `, and while both are stopped ${steps(then).join(", ")}`;
  return `from ${start}: ${run(a)}, meanwhile ${meanwhile}${last}`;
}
