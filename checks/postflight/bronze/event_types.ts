import { bronzePrefix } from "../../../pipeline/contract/keys.ts";
import { KNOWN_EVENT_TYPES } from "../../../pipeline/contract/tables.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import { naming } from "../../list_names.ts";
import { whyNotCollected } from "../../skip_reasons.ts";

/** Warns about events of unknown types. Bronze keeps these events, and silver ignores them. */
export const eventTypes: Check<"bronze"> = check({
  id: "event-types",
  title: "every event is of a known type",
  phase: "after",
  needs: ["bronze"],
  run({ bronze }) {
    const skip = whyNotCollected(bronze);
    if (skip !== undefined) return { skip };
    const counts = bronze.eventTypes;
    if (counts.size === 0) return { examined: `no events on ${bronze.day}`, findings: [] };
    const rows = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const examined = `${plural(rows, "event")} of ${plural(counts.size, "type")}`;
    const unknown = [...counts].filter(([type]) => !KNOWN_EVENT_TYPES.has(type)).sort();
    if (unknown.length === 0) return { examined, findings: [] };
    const list = unknown.map(([type, count]) =>
      `${JSON.stringify(type)} (${plural(count, "event")})`
    );
    const finding: Finding = {
      severity: "warn",
      object: bronzePrefix(bronze.day),
      field: "event_type",
      problem: `the contract does not know ${naming(list)}`,
      why: "silver ignores unknown types: if one of them ends or changes an " +
        "execution, silver does not show it",
      fix: "Find out which service writes the type. If the type changes an execution, add it to " +
        "silver.statuses in contract.json; if the type is valid and changes none, add it to " +
        "otherEventTypes there.",
    };
    return { examined, findings: [finding] };
  },
});
