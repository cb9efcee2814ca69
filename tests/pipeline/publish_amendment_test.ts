import { unacknowledgedDifferences } from "../../pipeline/publish_amendment.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { acknowledge, type Amended } from "../../pipeline/lake/marker.ts";
import { assertEquals } from "../support/assert.ts";
import { amendedBy, bronzeCommit } from "../support/published_days.ts";

const DAY = parseDay("2025-12-28")!;

/** Returns whether lost and altered events are new to a marker that acknowledges other events. */
function areNew(found: readonly string[], acknowledged: readonly string[] | undefined) {
  const ids = new Set(found);
  const known = acknowledged && acknowledge(new Set(acknowledged));
  const amended: { amended?: Amended } = known === undefined
    ? {}
    : { amended: { ...amendedBy(DAY, 1), lost: known, altered: known } };
  const differences = {
    late: new Set<string>(),
    lost: ids,
    altered: ids,
    named: { late: [], lost: [], altered: [] },
    newlyUnfit: [],
    unfit: [],
    gone: [],
  };
  const { lost, altered } = unacknowledgedDifferences(differences, bronzeCommit(DAY, 10, amended));
  return [lost, altered];
}

for (
  const [name, found, acknowledged, isNew] of [
    ["no event, without an amendment", [], undefined, false],
    ["an event, without an amendment", ["a"], undefined, true],
    ["no event, after an amendment without one", [], [], false],
    ["the acknowledged events, in another order", ["b", "a"], ["a", "b"], false],
    ["one event more than acknowledged", ["a", "b"], ["a"], true],
    ["the acknowledged number of events, but other events", ["b"], ["a"], true],
    ["fewer events than acknowledged", [], ["a"], true],
  ] as const
) {
  Deno.test(`unacknowledgedDifferences: ${name}`, () => {
    assertEquals(areNew(found, acknowledged), [isNew, isNew]);
  });
}
