import type { WindowRun } from "./bronze_window.ts";
import { OUTBOX_TABLE } from "./contract/events.ts";
import { silverMarkerKey } from "./contract/executions.ts";
import { Failure } from "./errors.ts";
import { isPart } from "./lake/commit.ts";
import { openPart } from "./lake/parquet_reader.ts";
import { missingEvents } from "./outbox/presence.ts";
import { NAMED, plural } from "./progress.ts";

/**
 * Confirms that no event is lost if a day without a commit marker is published as for the first time. A
 * day that silver was made from, or that was amended, was published before, so its marker was removed.
 * Its parts may hold events that the outbox has lost since, and a run would remove them as leftovers.
 *
 * @throws {Failure} data: a part that lies there has events that the outbox has lost, or cannot be read
 */
export async function confirmNothingLost(
  { connection, window, publication, observer }: WindowRun,
): Promise<void> {
  const { lake, previous, listed } = publication;
  if (previous !== undefined || !await wasPublished(publication, window.day)) return;
  const lost = new Set<string>();
  const unreadable: string[] = [];
  for (const { key } of listed.filter((entry) => isPart(entry.key))) {
    const stored = await lake.get(key);
    if (stored === undefined) continue;
    try {
      for await (const { columns } of openPart(stored.bytes).groups(["event_id"])) {
        const missing = await missingEvents(connection, window, columns[0] as string[]);
        missing.forEach((id) => lost.add(id));
      }
    } catch (error) {
      if (error instanceof Failure) throw error;
      unreadable.push(key);
    }
  }
  if (lost.size > 0 || unreadable.length > 0) throw removed(window.day, lost, unreadable);
  observer.step({
    step: "marker",
    says:
      "the commit marker is gone, though the day was published before; the outbox still has every " +
      "event of the parts that lie there, so the day is published again",
    data: { key: publication.key },
    warning: true,
  });
}

async function wasPublished(
  { lake, listed }: WindowRun["publication"],
  day: string,
): Promise<boolean> {
  if (listed.some(({ key }) => key.includes("/_history/"))) return true;
  return await lake.get(silverMarkerKey(day)) !== undefined;
}

function removed(
  day: string,
  lost: ReadonlySet<string>,
  unreadable: readonly string[],
): Failure {
  const ids = [...lost].slice(0, NAMED).join(", ");
  const more = lost.size > NAMED ? ` and ${lost.size - NAMED} more` : "";
  const events = lost.size === 0
    ? []
    : [`${plural(lost.size, "event")} that ${OUTBOX_TABLE} no longer has: ${ids}${more}`];
  const parts = unreadable.map((key) => `${key}, which cannot be read`);
  return new Failure({
    kind: "data",
    task: `export ${day}`,
    problem: "the day was published before, and its commit marker is gone. The parts that lie " +
      `there hold ${[...events, ...parts].join("; ")}. Nothing was changed`,
    remedy: "Restore the commit marker from a backup.",
  });
}
