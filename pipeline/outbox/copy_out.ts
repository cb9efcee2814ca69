import type { CopyBlock, CopySink, CopyTap, Socket } from "./copy_tap.ts";

/** A query object that a `pg` client sends as COPY and passes the responses to. */
export interface CopySource {
  /** The copied messages. A block is valid until the next one is requested. */
  blocks(): AsyncIterable<CopyBlock>;
}

/** The part of the inner connection of a `pg` client that is used here. */
interface Wire {
  query(sql: string): void;
  readonly stream: Pick<Socket, "pause" | "resume">;
}

/** The socket is paused while this number of blocks waits for the consumer. */
const MOST_WAITING = 2;
/** Larger arrays are not kept for another block. */
const MOST_KEPT_BYTES = 1 << 20;

/**
 * A COPY TO STDOUT as a query object of `pg`: the driver calls the `handle…` methods for each
 * message of the server, except for the data. The tap delivers the data in blocks. The socket is
 * paused while blocks wait for the consumer.
 */
export function createCopy(sql: string, tap: CopyTap): CopySource & Record<string, unknown> {
  let wire: Wire | undefined; // there is none before our turn comes in the connection's queue
  const full: CopyBlock[] = [];
  const free: Uint8Array<ArrayBuffer>[] = [];
  let done = false;
  let failure: unknown;
  let wake = () => {};

  const sink: CopySink = {
    allocate(bytes) {
      const array = free.pop();
      return array !== undefined && array.length >= bytes ? array : new Uint8Array(bytes);
    },
    take(block) {
      full.push(block);
      if (full.length >= MOST_WAITING) wire!.stream.pause();
      wake();
    },
  };
  const end = (error?: unknown) => {
    failure ??= error;
    done = true;
    wire?.stream.resume(); // the server's last words may have come while it was paused
    wake();
  };
  return {
    submit(connection: Wire) {
      wire = connection;
      tap.begin(sink);
      connection.query(sql);
    },
    handleError: end,
    handleReadyForQuery: () => end(),
    handleCopyData: () => end(new Error("the server sent bytes that are not a message")),
    handleCopyOutResponse() {},
    handleCommandComplete() {},
    handleRowDescription() {},
    handleDataRow() {},
    handlePortalSuspended() {},
    handleEmptyQuery() {},
    async *blocks() {
      for (;;) {
        const next = full.shift();
        if (next !== undefined) {
          yield next;
          const { bytes } = next;
          if (free.length < MOST_WAITING && bytes.length <= MOST_KEPT_BYTES) {
            free.push(bytes as Uint8Array<ArrayBuffer>);
          }
        } else if (failure !== undefined) {
          throw failure;
        } else if (done) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
            wire?.stream.resume();
          });
        }
      }
    },
  };
}
