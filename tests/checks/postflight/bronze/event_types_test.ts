import { assertEquals } from "../../../support/assert.ts";
import { assertOnly, BRONZE, facts, HEALTHY, resultOf } from "../../healthy/day.ts";

const ID = "event-types";

Deno.test("event-types passes, and reports the counts", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, "7 events of 4 types");
});

Deno.test("event-types warns of unknown types, with their counts", async () => {
  const eventTypes = new Map([...BRONZE.eventTypes, ["PARTIAL_FILL", 2], ["EXECUTED\n", 1]]);
  await assertOnly(ID, facts({ bronze: { eventTypes: new Map(eventTypes) } }), [{
    severity: "warn",
    object: "bronze/events/date=2025-12-28/",
    field: "event_type",
    problem: 'the contract does not know "EXECUTED\\n" (1 event), "PARTIAL_FILL" (2 events)',
  }]);
});
