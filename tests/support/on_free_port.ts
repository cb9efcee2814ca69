import { freePort } from "../../tasks/demo/free_port.ts";
import type { ServerProcess } from "../../tasks/demo/server_process.ts";
import { until } from "../cluster/until.ts";

/** A server ended before it answered. */
class Ended extends Error {}

const TRIES = 3;

/**
 * Starts a server on a free port of 127.0.0.1. A server that ends before it answers is started again
 * on another port, because another process can take a free port first.
 *
 * @param start starts the server, and waits with {@linkcode untilAnswers}
 */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await start(freePort());
    } catch (error) {
      const { cause } = error as Error;
      if (!(cause instanceof Ended) || tries === TRIES) throw error;
    }
  }
}

/** Waits until a server answers, or has ended, which is an error. */
export async function untilAnswers(
  server: ServerProcess,
  answers: () => Promise<boolean>,
): Promise<void> {
  let hasEnded = false;
  server.ended.then(() => hasEnded = true);
  await until("the server answers", async () => hasEnded || await answers());
  if (hasEnded) throw new Ended("The server has ended.");
}

/** Waits until a server listens on a port of this machine, and stops it if it does not. */
export async function untilListens(server: ServerProcess, port: number): Promise<void> {
  try {
    await untilAnswers(server, async () => {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    });
  } catch (cause) {
    await server.stop();
    throw new Error(`no server listens on port ${port}`, { cause });
  }
}
