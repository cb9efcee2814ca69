import type { History } from "./history.ts";
import type { Judge } from "./view_judge.ts";

/**
 * Returns the reasons why the outbox and bronze cannot converge without an amendment; empty if they
 * can.
 */
export function disagreements(
  { history, judge }: { readonly history: History; readonly judge: Judge },
): string[] {
  const bronze = judge.bronze();
  if (bronze === undefined) return [];
  const sealed = bronze.commit.state === "sealed";
  // An open day is copied again from the outbox, unless an amendment keeps deleted events.
  const fixed = sealed || bronze.commit.amended !== undefined;
  const found: string[] = [];
  for (const id of judge.published) {
    const event = history.current.get(id);
    if (event === undefined) found.push(`lost ${id}`);
    else if (fixed && event.version !== bronze.rows.get(id)) found.push(`altered ${id}`);
  }
  if (sealed) {
    for (const id of history.current.keys()) if (!bronze.rows.has(id)) found.push(`late ${id}`);
  }
  return found;
}
