import type { Lake } from "../../pipeline/lake/lake.ts";

/** One operation of a run on its lake. */
export interface Operation {
  readonly kind: "get" | "put" | "list" | "remove" | "confirm";
  /** The key, or the prefix of a listing. */
  readonly key: string;
}

/** A run whose lake operations are released one by one. */
export interface SteppedRun<T> {
  /**
   * Releases this many operations, one at a time, or all that remain.
   *
   * @returns when the run waits before its next operation or has ended
   */
  advance(operations: number): Promise<void>;
  /** Returns true if the run has ended. */
  ended(): boolean;
  /** The operations performed so far. */
  readonly done: readonly Operation[];
  /** The result of the run. */
  readonly outcome: Promise<T>;
}

/**
 * Starts a run on a lake that waits before each operation. Concurrent operations of the run are
 * performed one after the other, in the order in which the run began them.
 *
 * @param before called right before each operation, while nothing else happens
 * @param after called right after each operation, while nothing else happens
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
  const announceChange = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };

  async function step<R>(operation: Operation, work: () => Promise<R>): Promise<R> {
    const over = Promise.withResolvers<void>();
    await new Promise<void>((go) => {
      waiting.push({ operation, go, over: over.promise });
      announceChange();
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
    announceChange();
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
