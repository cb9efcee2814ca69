import type { Lake } from "../../pipeline/lake/lake.ts";

/** Something that a run asks of its lake. */
export interface Operation {
  readonly kind: "get" | "put" | "list" | "remove" | "confirm";
  /** The key, or the prefix of a listing. */
  readonly key: string;
}

/** A run that asks its lake for something only when it is told to. */
export interface SteppedRun<T> {
  /**
   * Lets the run do so many operations of its lake, one at a time, or as many as it has.
   *
   * @returns once the run waits before its next operation, or has ended
   */
  advance(operations: number): Promise<void>;
  /** Whether the run has ended. */
  ended(): boolean;
  /** The operations that it has done. */
  readonly done: readonly Operation[];
  /** How it ended. */
  readonly outcome: Promise<T>;
}

/**
 * Starts a run on a lake that waits before each operation. Operations that a run has under way at
 * once are done one after the other, in the order in which the run began them.
 *
 * @param before happens right before each operation, while nothing else does
 * @param after happens right after each operation, while nothing else does
 */
export function startStepped<T>(
  lake: Lake,
  run: (lake: Lake) => Promise<T>,
  before: (operation: Operation) => void | Promise<void> = () => {},
  after: (operation: Operation) => void | Promise<void> = () => {},
): SteppedRun<T> {
  const waiting: { operation: Operation; go: () => void; over: Promise<void> }[] = [];
  const done: Operation[] = [];
  let ended = false;
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };

  async function step<R>(operation: Operation, work: () => Promise<R>): Promise<R> {
    const over = Promise.withResolvers<void>();
    await new Promise<void>((go) => {
      waiting.push({ operation, go, over: over.promise });
      tell();
    });
    try {
      return await work();
    } finally {
      over.resolve();
    }
  }

  const stepped: Lake = {
    ...lake,
    get: (key) => step({ kind: "get", key }, () => lake.get(key)),
    put: (key, body, condition) => step({ kind: "put", key }, () => lake.put(key, body, condition)),
    list: (key) => step({ kind: "list", key }, () => lake.list(key)),
    remove: (key) => step({ kind: "remove", key }, () => lake.remove(key)),
  };
  const outcome = run(stepped).finally(() => {
    ended = true;
    tell();
  });
  outcome.catch(() => {}); // the caller that started the run awaits it later

  async function settled(): Promise<void> {
    while (waiting.length === 0 && !ended) await changed.promise;
  }
  return {
    async advance(operations) {
      for (let i = 0; i < operations; i++) {
        await settled();
        const next = waiting.shift();
        if (next === undefined) return;
        await before(next.operation);
        next.go();
        await next.over;
        done.push(next.operation);
        await after(next.operation);
      }
      await settled();
    },
    ended: () => ended,
    done,
    outcome,
  };
}
