import {
  type CompressionThread,
  startCompressionThread,
} from "../../pipeline/lake/compression_thread.ts";

const START_DEADLINE = 60_000;

/** A thread that was asked for results. */
export interface ReadyThread extends CompressionThread {
  /** The number of times that the thread gave results. */
  readonly used: number;
}

/** Starts a second thread for compression, and waits until it is ready. */
export async function readyThread(): Promise<ReadyThread> {
  const thread = startCompressionThread();
  const deadline = Date.now() + START_DEADLINE;
  while (await thread.run("compress", [], []) === undefined) {
    if (Date.now() > deadline) throw new Error("The thread does not start.");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  let used = 0;
  return {
    get used() {
      return used;
    },
    async run(task, bodies, options) {
      const results = await thread.run(task, bodies, options);
      if (results !== undefined) used++;
      return results;
    },
    [Symbol.dispose]: () => thread[Symbol.dispose](),
  };
}
