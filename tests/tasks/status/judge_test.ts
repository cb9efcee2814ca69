import { parseDay, windowOf } from "../../../pipeline/contract/window.ts";
import { absentDay, type LakeDay, type LayerDay } from "../../../pipeline/days.ts";
import { ABANDONED_AFTER } from "../../../pipeline/lake/lifetimes.ts";
import {
  type BronzeCommit,
  renderMarker,
  type SilverCommit,
} from "../../../pipeline/lake/marker.ts";
import { type DayFacts, type DayStatus, judgeDay } from "../../../tasks/status/judge.ts";
import { assertEquals } from "../../support/assert.ts";
import {
  amendedBy,
  bronzeCommit,
  digestOf,
  quarantineOf,
  silverCommit,
} from "../../support/published_days.ts";

const DAY = parseDay("2025-12-28")!;
const { start, end } = windowOf(DAY);
const GRACE = 900_000_000n;
const OVER = end + GRACE;

function published<C extends BronzeCommit | SilverCommit>(commit: C): LayerDay<C> {
  return { state: "published", commit, sha256: digestOf(renderMarker(commit)), stored: 0 };
}

/** Returns a day with ten events that is published in both layers. */
function day(more: Partial<BronzeCommit> = {}): LakeDay {
  const bronze = bronzeCommit(DAY, 10, more);
  const silver = silverCommit(bronze, 5);
  return { day: DAY, bronze: published(bronze), silver: published(silver), unnamed: [] };
}

const UNUSABLE = { state: "unusable", problem: "it is not JSON", stored: 0 } as const;
const UNREADABLE = { ...UNUSABLE, state: "unreadable" } as const;

function judge(lake: LakeDay, more: Partial<DayFacts> = {}): DayStatus {
  return judgeDay({ lake, now: OVER, grace: GRACE, ...more });
}

/** Returns the states of both layers, the surplus of the outbox, and the verb of the next command. */
function brief({ bronze, silver, outbox, next }: DayStatus) {
  const [, verb] = /^deno task (\w+) --date 2025-12-28$/.exec(next ?? "") ?? [];
  return [bronze.state, silver.state, outbox?.difference, verb ?? next];
}

const CASES: [string, LakeDay, Partial<DayFacts>, unknown[]][] = [
  ["a sealed day needs nothing", day(), {}, ["sealed", "sealed", undefined, undefined]],
  ["a sealed day with all events in bronze needs nothing", day(), { events: 10 }, [
    "sealed",
    "sealed",
    0,
    undefined,
  ]],
  ["late events of a sealed day: amend", day(), { events: 12 }, ["sealed", "sealed", 2, "amend"]],
  ["events that the outbox lost: amend", day(), { events: 9 }, ["sealed", "sealed", -1, "amend"]],
  ["events that the outbox lost, on an open day: amend", day({ state: "open" }), {
    events: 9,
    now: start,
  }, ["open", "open", -1, "amend"]],
  ["new events of an open day that is over: run", day({ state: "open" }), { events: 12 }, [
    "open",
    "open",
    2,
    "run",
  ]],
  ["an open day that is not over needs nothing", day({ state: "open" }), {
    events: 12,
    now: OVER - 1n,
  }, ["open", "open", 2, undefined]],
  ["no layer, and over: run", absentDay(DAY), {}, ["missing", "missing", undefined, "run"]],
  ["no layer and no events, and over: run", absentDay(DAY), { events: 0 }, [
    "missing",
    "missing",
    undefined,
    "run",
  ]],
  ["no layer, and not over: nothing", absentDay(DAY), { now: OVER - 1n }, [
    "missing",
    "missing",
    undefined,
    undefined,
  ]],
  ["no silver: run", { ...day(), silver: { state: "missing" } }, {}, [
    "sealed",
    "missing",
    undefined,
    "run",
  ]],
  [
    "silver from another bronze: run",
    {
      ...day(),
      silver: published(silverCommit(bronzeCommit(DAY, 9), 5)),
    },
    {},
    ["sealed", "stale", undefined, "run"],
  ],
  ["an unusable marker: postflight", { ...day(), silver: UNUSABLE }, { events: 12 }, [
    "sealed",
    "unusable",
    2,
    "postflight",
  ]],
  ["an unreadable marker: no command", { ...day(), bronze: UNREADABLE }, {
    events: 12,
  }, [
    "unreadable",
    "sealed",
    undefined,
    undefined,
  ]],
  [
    "events in quarantine are accounted for: postflight",
    day({ quarantine: quarantineOf(DAY, 2) }),
    {
      events: 12,
    },
    ["sealed", "sealed", 0, "postflight"],
  ],
  ["lost events that an amendment acknowledged: nothing", day({ amended: amendedBy(DAY, 1, 3) }), {
    events: 7,
  }, ["sealed", "sealed", 0, undefined]],
  ["one more lost event after an amendment: amend", day({ amended: amendedBy(DAY, 1, 3) }), {
    events: 6,
  }, [
    "sealed",
    "sealed",
    -1,
    "amend",
  ]],
];

for (const [what, lake, more, expected] of CASES) {
  Deno.test(`judgeDay: ${what}`, () => assertEquals(brief(judge(lake, more)), expected));
}

Deno.test("judgeDay: a day from another source is not compared with the outbox: postflight", () => {
  const source = { database: "rbsdb", schema: "public", table: "stop_events" };
  const lake = day({ source: { ...source, table: "other" } });
  assertEquals(brief(judge(lake, { events: 3, sources: [source] })), [
    "sealed",
    "sealed",
    undefined,
    "postflight",
  ]);
});

Deno.test("judgeDay: counts unreferenced parts once no run can publish them", () => {
  const part = { key: "bronze/events/date=2025-12-28/part-x.parquet", bytes: 1, modified: 0 };
  const aged = (age: number) => {
    const modified = Number(OVER / 1000n) - age;
    return brief(judge({ ...day(), unnamed: [{ ...part, modified }] })).at(-1);
  };
  assertEquals(aged(ABANDONED_AFTER + 1), "clean");
  assertEquals(aged(ABANDONED_AFTER), undefined);
});

Deno.test("judgeDay: reports until when a day is open, and what holds it open after that", () => {
  const open = day({ state: "open" });
  assertEquals(judge(open, { now: end }).notes, ["open until 2025-12-29T00:15:00Z"]);
  assertEquals(judge(open, { held: { reasons: ["transaction of robson (pid 7)"] } }).notes, [
    "transaction of robson (pid 7)",
  ]);
});

Deno.test("judgeDay: the next command of a day that is held open explains how to end what holds it", () => {
  const held = { reasons: ["prepared transaction slow of robson"] };
  const open = day({ state: "open" });
  assertEquals(judge(open, { held }).next, "deno task explain late-writers");
  assertEquals(judge(open).next, "deno task run --date 2025-12-28");
  // Late events of another day, or an unusable marker, come first.
  assertEquals(brief(judge(open, { held, events: 9 })).at(-1), "amend");
});

Deno.test("judgeDay: reports an empty day, and why a marker is unusable", () => {
  const bronze = bronzeCommit(DAY, 0);
  const empty = { ...day(), bronze: published(bronze), silver: published(silverCommit(bronze, 0)) };
  assertEquals([judge(empty).isSettled, judge(empty).notes], [true, ["no events"]]);
  assertEquals(judge({ ...day(), bronze: UNUSABLE }).notes, ["bronze: it is not JSON"]);
  const other = day({ contract: `sha256:${"0".repeat(64)}` });
  assertEquals(judge(other).notes, ["bronze has another contract"]);
});

Deno.test("judgeDay: reports quarantined events, and the events that amendments kept", () => {
  const { notes, quarantined, amended } = judge(
    day({ quarantine: quarantineOf(DAY, 1), amended: amendedBy(DAY, 2, 3, 4) }),
  );
  assertEquals(notes, [
    "1 event in quarantine",
    "amended 2 times",
    "keeps 3 lost events",
    "keeps 4 altered events",
  ]);
  assertEquals([quarantined, amended], [1, { version: 2, lost: 3, altered: 4 }]);
});

Deno.test("judgeDay: counts rows, bytes and parts", () => {
  const { bronze, silver } = judge(day());
  assertEquals(bronze, { state: "sealed", rows: 10, bytes: 1000, parts: 1, stored: 0 });
  assertEquals(silver, { state: "sealed", rows: 5, bytes: 1000, parts: 1, stored: 0 });
});

Deno.test("judgeDay: a day that no run can seal without a grant has the grant beside its command", () => {
  const grant = "GRANT pg_read_all_stats TO robson";
  const held = { reasons: [`session of backup (pid 7) cannot be inspected; ${grant}`], grant };
  const next = "deno task run --date 2025-12-28";
  const steps = (status: ReturnType<typeof judge>) => [status.grant, status.next];
  assertEquals(steps(judge(day({ state: "open" }), { held })), [grant, next]);
  assertEquals(steps(judge(day({ state: "open" }), { held: { reasons: ["a"] } })), [
    undefined,
    "deno task explain late-writers",
  ]);
  const late = judge(day(), { held, events: 12 });
  const amend = "deno task amend --date 2025-12-28";
  assertEquals(steps(late), [undefined, amend], "an amendment needs no fence");
});
