import { deleteSql, type Event, insertSql, updateSql } from "./outbox.ts";

/**
 * Records the changes of the outbox: its current events, and every version of each event. Code that
 * changes the outbox calls `may` before a change can become visible, and `did` once it is
 * committed.
 */
export interface History {
  /** The committed events with their current versions. */
  readonly current: ReadonlyMap<string, Event>;
  /** Returns when the event was committed, on the clock of the test. */
  committedAt(id: string): number | undefined;
  /** Returns true if the event had this version at some time, or may have had it. */
  everHad(id: string, version: number): boolean;
  /** Records that a change may become visible from now on. */
  may(change: Change): void;
  /** Records that a change is committed. */
  did(change: Change, at: number): void;
  /** Returns an independent copy, so that several schedules can continue from it. */
  copy(): History;
}

/** One change of the outbox. */
export type Change =
  | { readonly kind: "insert"; readonly events: readonly Event[] }
  | { readonly kind: "update"; readonly event: Event }
  | { readonly kind: "delete"; readonly ids: readonly string[] };

/** Returns the SQL statement of a change. */
export function sqlOf(change: Change): string {
  switch (change.kind) {
    case "insert":
      return insertSql(change.events);
    case "update":
      return updateSql(change.event);
    case "delete":
      return deleteSql(change.ids);
  }
}

interface Known {
  readonly current: Map<string, Event>;
  readonly committed: Map<string, number>;
  readonly versions: Map<string, Set<number>>;
}

/** Creates an empty history. */
export function createHistory(): History {
  return historyOf({ current: new Map(), committed: new Map(), versions: new Map() });
}

function historyOf({ current, committed, versions }: Known): History {
  const may = (change: Change) => {
    const events = change.kind === "insert"
      ? change.events
      : change.kind === "update"
      ? [change.event]
      : [];
    for (const { id, version } of events) {
      if (!versions.has(id)) versions.set(id, new Set());
      versions.get(id)!.add(version);
    }
  };
  return {
    current,
    committedAt: (id) => committed.get(id),
    everHad: (id, version) => versions.get(id)?.has(version) ?? false,
    may,
    did(change, at) {
      may(change);
      if (change.kind === "delete") { for (const id of change.ids) current.delete(id); }
      if (change.kind === "update") current.set(change.event.id, change.event);
      if (change.kind === "insert") {
        for (const event of change.events) {
          current.set(event.id, event);
          committed.set(event.id, at);
        }
      }
    },
    copy: () =>
      historyOf({
        current: new Map(current),
        committed: new Map(committed),
        versions: new Map([...versions].map(([id, had]) => [id, new Set(had)])),
      }),
  };
}
