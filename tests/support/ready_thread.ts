import { type ColumnThread, startColumnThread } from "../../pipeline/column_thread.ts";

/** Starts a second thread for columns, and waits until it is ready. */
export async function readyThread(): Promise<ColumnThread> {
  const thread = startColumnThread();
  await thread.ready;
  if (!thread.isReady) throw new Error("The thread does not start.");
  return thread;
}
