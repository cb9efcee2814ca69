/** Counts outcomes by topic. */
export interface Tally {
  /** Adds one to a count. */
  count(about: string, what: string): void;
  /** Counts by topic, then by outcome. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Creates an empty tally. */
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

/** Formats a tally as lines: the topic, its total, and each outcome with its count. */
export function renderTally({ counts }: Tally): string {
  return [...counts].map(([about, group]) => {
    const sum = [...group.values()].reduce((a, b) => a + b, 0);
    const each = [...group].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, n]) => `${what} ${n}`);
    return `${about}: ${sum} (${each.join(", ")})`;
  }).join("\n");
}
