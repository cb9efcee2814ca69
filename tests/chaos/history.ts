import { deleteSql, type Event, insertSql, updateSql } from "./outbox.ts";

/**
 * What happened to the outbox: which events it holds, and every value that each event ever had.
 * Those who change the outbox say so here: `may` before a change that can come to be seen, and
 * `did` once it is certain.
 */
export interface History {
  /** The events that are certainly in the outbox, as they are now. */
  readonly current: ReadonlyMap<string, Event>;
  /** When each event was committed, on the clock of the test. */
  committedAt(id: string): number | undefined;
  /** Whether an event had that value at some time, or may have had it. */
  everHad(id: string, version: number): boolean;
  /** A change may be seen from now on. */
  may(change: Change): void;
  /** A change is committed. */
  did(change: Change, at: number): void;
  /** A copy, to go on from more than once. */
  copy(): History;
}

/** One change of the outbox. */
export type Change =
  | { readonly kind: "insert"; readonly events: readonly Event[] }
  | { readonly kind: "update"; readonly event: Event }
  | { readonly kind: "delete"; readonly ids: readonly string[] };

/** A change as SQL. */
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

/** An empty history. */
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
