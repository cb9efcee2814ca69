import { Failure } from "../../pipeline/errors.ts";

/** What a reading knows at a moment. */
export interface Known<T> {
  /** The value of the last reading; undefined if it failed, is too old, or has not ended yet. */
  readonly value: T | undefined;
  /** When the reading of the value began, in milliseconds since 1970. */
  readonly began?: number;
  /** Seconds that the reading of the value took. */
  readonly seconds?: number;
  /** Number of readings that succeeded, and that failed, since the start. */
  readonly succeeded: number;
  readonly failed: number;
}

/** How a {@linkcode Reading} reads. */
export interface ReadingOptions<T> {
  /** What is read, to follow "Cannot": `read the lake`. */
  readonly task: string;
  /**
   * Reads the value.
   *
   * @param signal aborts at the time limit
   */
  readonly read: (signal: AbortSignal) => Promise<T>;
  /** The least milliseconds between the starts of two readings. */
  readonly interval: number;
  /** The time limit of a reading in milliseconds. */
  readonly timeout: number;
  /** Receives the error of each reading that fails, and the error of its time limit. */
  readonly onFailure: (error: unknown) => void;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** The result of a reading that ended. */
type Ended<T> = { readonly value: T; readonly began: number; readonly seconds: number } | "failed";

/**
 * A value that is read when a caller asks for it, and not more often than once per interval. While a
 * reading runs, no other one begins. A value older than the interval and the time limit is not
 * returned, because it may no longer be true.
 */
export class Reading<T> {
  readonly #options: ReadingOptions<T>;
  readonly #now: () => number;
  #last: Ended<T> | undefined;
  /** When the last reading began. */
  #began = -Infinity;
  #running: Promise<void> | undefined;
  #succeeded = 0;
  #failed = 0;

  constructor(options: ReadingOptions<T>) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Returns what is known, and begins a reading if one is due.
   *
   * @param patience milliseconds to wait for a reading that runs
   */
  async ask(patience: number): Promise<Known<T>> {
    const isDue = this.#now() - this.#began >= this.#options.interval;
    if (isDue && this.#running === undefined) this.#begin();
    if (this.#running !== undefined && patience > 0) await atMost(patience, this.#running);
    return this.#known();
  }

  #known(): Known<T> {
    const counts = { succeeded: this.#succeeded, failed: this.#failed };
    const last = this.#last;
    if (last === undefined || last === "failed") return { value: undefined, ...counts };
    const { interval, timeout } = this.#options;
    if (this.#now() - last.began > interval + timeout) return { value: undefined, ...counts };
    return { ...last, ...counts };
  }

  #begin(): void {
    const { task, read, timeout, onFailure } = this.#options;
    const began = this.#now();
    this.#began = began;
    const late = new AbortController();
    let isOver = false;
    const end = (ended: Ended<T>) => {
      if (isOver) return false;
      isOver = true;
      clearTimeout(timer);
      this.#last = ended;
      if (ended === "failed") this.#failed++;
      else this.#succeeded++;
      return true;
    };
    const timer = setTimeout(() => {
      const error = new Failure({
        kind: "unreachable",
        task,
        problem: `it took longer than ${timeout / 1000} s`,
        remedy: "Find out what is slow, or increase the limit with --timeout.",
      });
      if (end("failed")) onFailure(error);
      late.abort(error);
    }, timeout);
    // A reading that ignores its time limit still counts as running, so that readings do not pile up.
    this.#running = read(late.signal).then(
      (value) => {
        end({ value, began, seconds: (this.#now() - began) / 1000 });
      },
      (error) => {
        if (end("failed")) onFailure(error);
      },
    ).finally(() => this.#running = undefined);
  }
}

/** Waits for a promise that never rejects, but not longer than some milliseconds. */
async function atMost(milliseconds: number, promise: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
