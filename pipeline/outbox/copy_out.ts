/** A query object that a `pg` client sends as COPY and passes the responses to. */
export interface CopySource {
  /** The copied bytes, in blocks that are not written to any more. */
  blocks(): AsyncIterable<Uint8Array>;
}

/** The part of the inner connection of a `pg` client that is used here. */
interface Wire {
  query(sql: string): void;
  readonly stream: { pause(): void; resume(): void };
}

const BLOCK_BYTES = 1 << 20;

/**
 * A COPY TO STDOUT as a query object of `pg`: the driver calls the `handle…` methods for each
 * message of the server. The bytes of a message are valid only during that call, because the driver
 * reads the next message into the same buffer. Therefore, they are copied at once. The socket is
 * paused until the current block is consumed.
 */
export function createCopy(sql: string): CopySource & Record<string, unknown> {
  let wire: Wire | undefined; // there is none before our turn comes in the connection's queue
  let block = new Uint8Array(BLOCK_BYTES);
  let filled = 0;
  const full: Uint8Array[] = [];
  let done = false;
  let failure: unknown;
  let wake = () => {};

  const push = () => {
    if (filled > 0) full.push(block.subarray(0, filled));
    filled = 0;
  };
  const end = (error?: unknown) => {
    failure ??= error;
    done = true;
    push();
    wire?.stream.resume(); // the server's last words may have come while it was paused
    wake();
  };
  return {
    submit(connection: Wire) {
      wire = connection;
      connection.query(sql);
    },
    handleCopyData({ chunk }: { chunk: Uint8Array }) {
      if (filled + chunk.length > block.length) {
        push();
        block = new Uint8Array(Math.max(BLOCK_BYTES, chunk.length));
        wire?.stream.pause();
        wake();
      }
      block.set(chunk, filled);
      filled += chunk.length;
    },
    handleError: end,
    handleReadyForQuery: () => end(),
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
