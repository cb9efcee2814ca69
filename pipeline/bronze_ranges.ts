import type { FromRangeWorker, RangeToCopy, ToRangeWorker } from "./bronze_range_worker.ts";
import { type EncodedEvents, encodeEvents, type WindowRun } from "./bronze_window.ts";
import { hostAndPort } from "./config.ts";
import { Failure } from "./errors.ts";
import type { PartBody } from "./lake/parts.ts";
import type { Survey } from "./outbox/survey.ts";
import { nextRangeStart, type SharedSnapshot } from "./outbox/window_rows.ts";
import { RefusedEvent } from "./pages/event_parts.ts";
import { announceRequest } from "./server_requests.ts";
import type { Work } from "./progress.ts";

// A large day is copied in ranges of event_seq, which several workers read in the same snapshot. A
// part ends where a range ends, so the parts do not depend on the number of workers.

/** The workers must have their sessions within this time. A pooler lets a client wait for minutes. */
const READY_WITHIN_MS = 30_000;

/**
 * Reads the events of a window in several workers and encodes them, as {@linkcode encodeEvents} does
 * in one session. If the workers cannot read the snapshot, this thread copies the window.
 *
 * @param survey the result in the same snapshot, without unfit events
 * @param snapshot the snapshot, or the reason why workers cannot read it
 */
export function encodeRanges(
  run: WindowRun,
  survey: Survey,
  snapshot: SharedSnapshot | Failure,
): EncodedEvents {
  const whole = encodeEvents(run, survey);
  const eventTypes = new Map<string, number>();
  const count = (types: ReadonlyMap<string, number>) => {
    for (const [type, rows] of types) eventTypes.set(type, (eventTypes.get(type) ?? 0) + rows);
  };

  async function* files(): AsyncGenerator<PartBody> {
    const workers = await startWorkers(run, survey, snapshot);
    if (workers !== undefined) return yield* copyRanges(run, survey, workers, count);
    yield* whole.files;
    count(whole.eventTypes);
  }

  return { files: files(), part: whole.part, work: whole.work, eventTypes };
}

/** Divides the window among the workers, and returns their parts in the order of the window. */
async function* copyRanges(
  run: WindowRun,
  survey: Survey,
  workers: RangeWorkers,
  count: (eventTypes: ReadonlyMap<string, number>) => void,
): AsyncGenerator<PartBody> {
  let rows = 0;
  let parts = 0;
  workers.onProgress((more) => {
    rows += more;
    run.observer.progress({ rows, of: survey.rows, parts });
  });
  workers.onWork((work) => run.observer.work?.(work));
  let stopped = false;
  const divided = divide(run, survey, (range, index) => {
    workers.post(index, { copy: range });
    return !stopped;
  }).catch(workers.fail);
  try {
    for (let index = 0, last = false; !last;) {
      const message = await workers.next(index);
      if (typeof message === "string") continue;
      if ("part" in message) {
        parts++;
        yield message.part;
        workers.post(index, "taken");
      } else if ("copied" in message) {
        count(message.eventTypes);
        last = message.copied.to === undefined;
        index++;
      }
    }
    await workers.end();
  } finally {
    stopped = true;
    workers.terminate();
    await divided;
  }
}

/**
 * Finds the ranges of a window. Each range has as many rows as a range can have; the last one has the
 * rest, with the events without event_seq.
 *
 * @param give receives each range when it is found, and returns false to stop
 */
async function divide(
  { connection, window, ranges: { rows: rangeRows } }: WindowRun,
  { rows, minSeq, maxSeq }: Survey,
  give: (range: RangeToCopy, index: number) => boolean,
): Promise<void> {
  for (let from = minSeq!, index = 0;; index++) {
    const to = await nextRangeStart(connection, window, { from, to: maxSeq! }, rangeRows);
    const left = rows - index * rangeRows;
    const range = to === undefined ? { from, rows: left } : { from, to, rows: rangeRows };
    if (!give(range, index) || to === undefined) return;
    from = to;
  }
}

/** Workers that share the ranges of a window: range `i` is the turn of worker `i % size`. */
interface RangeWorkers {
  /** Starts the workers, which can reach only this host. */
  start(size: number, host: string): void;
  /** Sends a message to the worker of a range. */
  post(range: number, message: ToRangeWorker): void;
  /**
   * Waits for the next message of the worker of a range.
   *
   * @throws the first failure of any worker
   */
  next(range: number): Promise<FromRangeWorker>;
  /** Sets the function that receives the number of rows that were read. */
  onProgress(listener: (rows: number) => void): void;
  /** Sets the function that receives the work on each part. */
  onWork(listener: (work: Work) => void): void;
  /** Lets `next` fail with this error. */
  fail(error: unknown): void;
  /** Waits until the workers have closed their sessions. */
  end(): Promise<void>;
  /** Ends the workers, and their sessions with them. */
  terminate(): void;
}

/** Starts workers in the snapshot of the run; undefined if that is impossible, which is reported. */
async function startWorkers(
  { ranges, window, observer }: WindowRun,
  { rows }: Survey,
  snapshot: SharedSnapshot | Failure,
): Promise<RangeWorkers | undefined> {
  const { database, silence, rows: rangeRows } = ranges;
  const size = Math.min(ranges.workers, Math.ceil(rows / rangeRows));
  const workers = createWorkers();
  const timer = setTimeout(() => workers.fail(new Error(NOT_READY)), READY_WITHIN_MS);
  try {
    if (snapshot instanceof Failure) throw snapshot;
    workers.start(size, hostAndPort(database));
    for (let i = 0; i < size; i++) {
      workers.post(i, { open: { database, silence, snapshot, window, rangeRows } });
    }
    for (let i = 0; i < size; i++) await workers.next(i);
    return workers;
  } catch (error) {
    workers.terminate();
    const reason = error instanceof Failure ? error.summary : (error as Error).message;
    observer.step({
      step: "ranges",
      says: `one session copies the day, instead of ${size}: ${reason}`,
      data: { sessions: 1, reason },
    });
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

const NOT_READY = `not all sessions were open after ${READY_WITHIN_MS / 1000} seconds`;

function createWorkers(): RangeWorkers {
  const workers: Worker[] = [];
  const received: FromRangeWorker[][] = [];
  let failed: { readonly error: unknown } | undefined;
  let wake = () => {};
  let listener = (_rows: number) => {};
  let workListener = (_work: Work) => {};

  const fail = (error: unknown) => {
    failed ??= { error };
    wake();
  };
  const receive = (index: number, message: FromRangeWorker) => {
    if (typeof message === "string") received[index]!.push(message);
    else if ("progress" in message) listener(message.progress);
    else if ("request" in message) announceRequest(message.request);
    else if ("work" in message) workListener(message.work);
    else if ("error" in message) fail(message.error);
    else if ("failure" in message) {
      const { failure, refused } = message;
      fail(refused ? new RefusedEvent(failure) : new Failure(failure));
    } else received[index]!.push(message);
    wake();
  };
  const next = async (range: number) => {
    const messages = received[range % received.length]!;
    for (;;) {
      if (failed !== undefined) throw failed.error;
      const message = messages.shift();
      if (message !== undefined) return message;
      await new Promise<void>((resolve) => wake = resolve);
    }
  };
  return {
    start(size, host) {
      const permissions: Deno.PermissionOptionsObject = {
        net: [host],
        sys: "inherit", // includes the permission to read the machine's CA certificates
        env: "inherit", // a command has no permission for it; the driver may ask for a variable
        ffi: false,
        import: false,
        read: false,
        run: false,
        write: false,
      };
      for (let i = 0; i < size; i++) {
        const module = new URL("./bronze_range_worker.ts", import.meta.url);
        const worker = new Worker(module, { type: "module", deno: { permissions } });
        workers.push(worker);
        received.push([]);
        worker.onmessage = ({ data }: MessageEvent<FromRangeWorker>) => receive(i, data);
        worker.onerror = (event) => {
          event.preventDefault();
          fail(event.error ?? new Error(event.message));
        };
      }
    },
    post(range, message) {
      workers[range % workers.length]!.postMessage(message);
    },
    next,
    onProgress(receiver) {
      listener = receiver;
    },
    onWork(receiver) {
      workListener = receiver;
    },
    fail,
    async end() {
      for (const worker of workers) worker.postMessage("end" satisfies ToRangeWorker);
      for (let i = 0; i < workers.length; i++) await next(i);
    },
    terminate() {
      for (const worker of workers) worker.terminate();
    },
  };
}
