/** Counts what happened, by what it is about. */
export interface Tally {
  /** Counts one more. */
  count(about: string, what: string): void;
  /** How often, by what it is about and what it was. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Makes a tally in which nothing is counted yet. */
export function createTally(): Tally {
  const counts = new Map<string, Map<string, number>>();
  return {
    counts,
    count(about, what) {
      const group = counts.get(about) ?? new Map<string, number>();
      counts.set(about, group);
      group.set(what, (group.get(what) ?? 0) + 1);
    },
  };
}

/** A tally as lines: what it is about, how many in all, and each with its count. */
export function renderTally({ counts }: Tally): string {
  return [...counts].map(([about, group]) => {
    const sum = [...group.values()].reduce((a, b) => a + b, 0);
    const each = [...group].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, n]) => `${what} ${n}`);
    return `${about}: ${sum} (${each.join(", ")})`;
  }).join("\n");
}
