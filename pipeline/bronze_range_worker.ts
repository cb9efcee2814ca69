import type { DatabaseConfig } from "./config.ts";
import type { Window } from "./contract/window.ts";
import { Failure, type FailureParts } from "./errors.ts";
import type { PartBody } from "./lake/parts.ts";
import { connect, type Connection } from "./outbox/connection.ts";
import {
  copyRange,
  joinSnapshot,
  type SeqRange,
  type SharedSnapshot,
} from "./outbox/window_rows.ts";
import { createEventParts, RefusedEvent } from "./pages/event_parts.ts";
import { onServerRequest, type ServerRequest } from "./server_requests.ts";
import type { Work } from "./progress.ts";

// A worker that copies ranges of a window, in its own session and in the snapshot of the run. It
// can reach the database, and nothing else.

/** The session and the window of a worker. */
export interface RangeSession {
  /** The outbox's database. */
  readonly database: DatabaseConfig;
  /** Milliseconds that the database may send nothing while a response is pending. */
  readonly silence: number | undefined;
  /** The snapshot to read. */
  readonly snapshot: SharedSnapshot;
  /** The day. */
  readonly window: Window;
  /** The number of rows of a full range. */
  readonly rangeRows: number;
}

/** A range to copy. */
export interface RangeToCopy extends SeqRange {
  /** The number of rows. */
  readonly rows: number;
}

/** A message to the worker. The first one opens the session. */
export type ToRangeWorker =
  | { readonly open: RangeSession }
  | { readonly copy: RangeToCopy }
  /** The run has taken a part. */
  | "taken"
  | "end";

/** A message from the worker. */
export type FromRangeWorker =
  /** The session is open, and reads the snapshot. */
  | "ready"
  /** The session is closed. */
  | "ended"
  | { readonly progress: number }
  | { readonly request: ServerRequest }
  | { readonly work: Work }
  | { readonly part: PartBody }
  | { readonly copied: RangeToCopy; readonly eventTypes: ReadonlyMap<string, number> }
  | { readonly failure: FailureParts; readonly refused: boolean }
  | { readonly error: Error };

/** The worker stops while the run has not taken this number of its parts. */
const MOST_WAITING = 2;

function serveRanges(): void {
  const parent = self as unknown as Worker;
  const post = (message: FromRangeWorker, transfer: Transferable[] = []) =>
    parent.postMessage(message, transfer);
  onServerRequest((request) => post({ request }));
  let session: RangeSession;
  let connection: Connection;
  let waiting = 0;
  let wake = () => {};
  let work = Promise.resolve();

  async function open(): Promise<void> {
    const { database, silence, snapshot, window } = session;
    connection = await connect(database, { silence });
    await joinSnapshot(connection, window, snapshot);
    post("ready");
  }

  async function copy(range: RangeToCopy): Promise<void> {
    let read = 0;
    const onGroup = (rows: number) => {
      post({ progress: rows - read });
      read = rows;
    };
    const onWork = (work: Work) => post({ work });
    const { rows } = range;
    const encoder = createEventParts({ rows, rangeRows: session.rangeRows, onGroup, onWork });
    for await (const part of encoder.read(copyRange(connection, session.window, range))) {
      while (waiting >= MOST_WAITING) await new Promise<void>((resolve) => wake = resolve);
      waiting++;
      post({ part }, [part.body.buffer]);
    }
    post({ copied: range, eventTypes: encoder.eventTypes });
  }

  async function end(): Promise<void> {
    await connection.endSnapshot();
    await connection.close();
    post("ended");
  }

  /** Does one thing after the other, up to the first failure. */
  function enqueue(step: () => Promise<void>): void {
    work = work.then(step);
    work.catch((error) => post(describeError(error)));
  }

  parent.onmessage = ({ data }: MessageEvent<ToRangeWorker>) => {
    if (data === "taken") {
      waiting--;
      wake();
    } else if (data === "end") enqueue(end);
    else if ("open" in data) {
      session = data.open;
      enqueue(open);
    } else enqueue(() => copy(data.copy));
  };
}

/** Copies an error without its cause, because not every cause can be sent to another thread. */
function describeError(error: unknown): FromRangeWorker {
  if (!(error instanceof Failure)) {
    const { message, stack = message } = error as Error;
    return { error: Object.assign(new Error(message), { stack }) };
  }
  const { kind, task, problem, remedy } = error;
  return { failure: { kind, task, problem, remedy }, refused: error instanceof RefusedEvent };
}

serveRanges();
