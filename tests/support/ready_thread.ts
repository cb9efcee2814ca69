import { type PageThread, startPageThread } from "../../pipeline/page_thread.ts";

/** Starts a second thread for pages, and waits until it is ready. */
export async function readyThread(): Promise<PageThread> {
  const thread = startPageThread();
  await thread.ready;
  if (!thread.isReady) throw new Error("The thread does not start.");
  return thread;
}
