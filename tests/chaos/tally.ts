import { plural } from "../../pipeline/progress.ts";

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

/** The state of a long run. */
export interface RunState {
  /** The windows that have ended. */
  readonly done: number;
  /** The windows in total. */
  readonly of: number;
  /** The windows that broke a guarantee. */
  readonly broken: number;
  /** Milliseconds since the start. */
  readonly elapsed: number;
}

/** Formats one line of progress, as in `7 of 20 windows, 41 runs, 9 faults, 0 broken, 1 min 5 s`. */
export function renderProgress({ counts }: Tally, { done, of, broken, elapsed }: RunState): string {
  const total = (about: string) =>
    [...counts.get(about)?.values() ?? []].reduce((a, b) => a + b, 0);
  const [minutes, seconds] = [Math.floor(elapsed / 60_000), Math.floor(elapsed / 1000) % 60];
  const [runs, faults] = [plural(total("runs"), "run"), plural(total("faults"), "fault")];
  return `${done} of ${plural(of, "window")}, ${runs}, ${faults}, ${broken} broken, ` +
    `${minutes > 0 ? `${minutes} min ` : ""}${seconds} s`;
}
