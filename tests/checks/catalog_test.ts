import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { exitCode } from "../../tasks/cli/exit_code.ts";
import { facts, HEALTHY, judge, recommit, unpublished } from "./healthy/day.ts";
import { BRONZE, SILVER } from "./healthy/day.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";

Deno.test("checks after a run: every id of the catalog is unique, short, and in kebab case", () => {
  const ids = POSTFLIGHT.map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
  for (const id of ids) assertMatch(id, /^[a-z]+(-[a-z]+)*$/);
});

Deno.test("checks after a run: the id of a check fits the column that the text report keeps for it", () => {
  for (const { id } of POSTFLIGHT) assert(id.length <= 16, id);
});

Deno.test("checks after a run: every check after a run has that phase, and facts that it needs", () => {
  for (const { id, phase, needs } of POSTFLIGHT) {
    assert(phase === "after" || phase === "both", id);
    assert(needs.length > 0, id);
  }
});

Deno.test("checks after a run: a healthy day passes every check, and each reports what it examined", async () => {
  const results = await judge(HEALTHY);
  assertEquals(results.map(({ verdict }) => verdict), POSTFLIGHT.map(() => "pass"));
  for (const { id, examined } of results) assert(examined, id);
  assertEquals(exitCode(results, { strict: true }), 0);
});

Deno.test("checks after a run: an open day without new events passes", async () => {
  const results = await judge(facts({
    bronze: recommit(BRONZE, { state: "open" }),
    silver: recommit(SILVER, { state: "open" }),
  }));
  assertEquals(exitCode(results, { strict: true }), 0);
});

Deno.test("checks after a run: a day without execution events passes, with a silver that has no parts", async () => {
  const eventTypes = new Map([["STALE_PRICE", 7]]);
  const empty = { parts: [], listed: [], rows: [] };
  const results = await judge(facts({
    bronze: { eventTypes, lastEvents: new Map() },
    silver: { ...recommit(SILVER, { parts: [], rows: 0 }), ...empty },
  }));
  assertEquals(exitCode(results, { strict: true }), 0);
  const says = (id: string) => results.find((result) => result.id === id)!.examined!;
  for (const id of ["silver-parts", "silver-rows", "silver-status", "fill-price"]) {
    assertMatch(says(id), /no execution/, id);
  }
});

Deno.test("checks after a run: a day without published data passes no check at all", async () => {
  const results = await judge({
    source: HEALTHY.source,
    bronze: unpublished(BRONZE),
    silver: { ...unpublished(SILVER), rows: [] },
  });
  assertEquals(results.filter(({ verdict }) => verdict === "pass"), []);
  assertEquals(results.filter(({ verdict }) => verdict === "fail").map(({ id }) => id), [
    "bronze-committed",
  ]);
});

Deno.test("checks after a run: a published empty day passes every check, and each reports that it is empty", async () => {
  const nothing = { parts: [], listed: [] };
  const results = await judge(facts({
    source: { survey: { rows: 0, unfit: [], strays: [], strayCount: 0 } },
    bronze: {
      ...recommit(BRONZE, { rows: 0, parts: [] }),
      ...nothing,
      events: 0,
      eventTypes: new Map(),
      lastEvents: new Map(),
    },
    silver: { ...recommit(SILVER, { rows: 0, parts: [] }), ...nothing, rows: [] },
  }));
  assertEquals(exitCode(results, { strict: true }), 0);
  const says = (id: string) => results.find((result) => result.id === id)!.examined!;
  for (
    const id of ["bronze-parts", "row-counts", "parquet-schema", "parquet-void", "event-types"]
  ) {
    assertMatch(says(id), /no events on 2025-12-28/, id);
  }
});
