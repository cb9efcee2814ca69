import { Buffer } from "node:buffer";

/** Whole CopyData messages of the wire, one after the other, each with its head of five bytes. */
export interface CopyBlock {
  /** The messages begin at 0 and end at `length`. At least {@linkcode SLACK} bytes follow. */
  readonly bytes: Uint8Array;
  /** A view of `bytes`. */
  readonly view: DataView;
  /** The number of bytes of the messages. */
  readonly length: number;
}

/** The number of bytes after a block that a reader may read. Their values mean nothing. */
export const SLACK = 8;
/** The number of bytes before the body of a message: its code, and its length as an int32. */
export const MESSAGE_HEAD = 5;
/** The code of a message with data of a COPY. */
export const COPY_DATA = 0x64;
const READY_FOR_QUERY = 0x5a;

/** The part of a socket that is used here. */
export interface Socket {
  /** Stops the events. */
  pause(): void;
  /** Continues the events. */
  resume(): void;
  /** The functions that receive the bytes. */
  listeners(event: "data"): ((chunk: Uint8Array) => void)[];
  /** Removes these functions. */
  removeAllListeners(event: "data"): void;
  /** Adds a function that receives the bytes. */
  on(event: "data", listener: (chunk: Uint8Array) => void): void;
}

/** Receives the data of a COPY. */
export interface CopySink {
  /** Returns an array of at least this number of bytes. The array may have been used before. */
  allocate(bytes: number): Uint8Array<ArrayBuffer>;
  /** Receives a block. The array of the block is not written to any more. */
  take(block: CopyBlock): void;
}

/** Takes the data of a COPY from a socket before the driver sees them. */
export interface CopyTap {
  /** Sends the CopyData of the next query to `sink`, until the server is ready for another query. */
  begin(sink: CopySink): void;
}

/** A block is complete when it has this number of bytes. */
const BLOCK_BYTES = 256 << 10;

/**
 * Stands between a socket and the driver that reads it. The driver would create an object for each
 * message, which costs more than all other work on a row. During a COPY, the tap keeps the CopyData
 * messages; every other message goes to the driver byte for byte. Outside a COPY, every byte goes to
 * the driver, and the tap only counts, so that it knows where a message begins.
 *
 * If the bytes are not messages of the protocol, all following bytes go to the driver, which then
 * reports the error.
 *
 * @param socket a socket whose only reader is the driver, before it has received any byte
 */
export function tapSocket(socket: Socket): CopyTap {
  const driver = socket.listeners("data");
  socket.removeAllListeners("data");
  socket.on("data", receive);

  /** The head of the message that the driver has received in part. */
  const head = new DataView(new ArrayBuffer(MESSAGE_HEAD));
  let headFilled = 0;
  /** The number of bytes that this message still needs. */
  let missing = 0;
  let lost = false;

  let sink: CopySink | undefined;
  let bytes = new Uint8Array(0);
  let view = new DataView(bytes.buffer);
  let filled = 0;
  /** The end of the whole messages in `bytes`, which are all CopyData. */
  let whole = 0;

  function forward(chunk: Uint8Array): void {
    for (const listener of driver) listener(chunk);
  }

  function receive(chunk: Uint8Array): void {
    if (lost || sink === undefined) {
      if (!lost) count(chunk, false);
      return forward(chunk);
    }
    const begun = headFilled > 0 || missing > 0 ? count(chunk, true) : 0;
    if (begun > 0) forward(chunk.subarray(0, begun));
    if (begun < chunk.length) collect(chunk.subarray(begun));
  }

  /**
   * Follows the messages of a chunk that the driver receives.
   *
   * @param one true to stop at the end of the message that has begun
   * @returns the number of bytes that were followed
   */
  function count(chunk: Uint8Array, one: boolean): number {
    let at = 0;
    while (at < chunk.length) {
      if (missing > 0) {
        const step = Math.min(missing, chunk.length - at);
        missing -= step;
        at += step;
      } else {
        head.setUint8(headFilled++, chunk[at++]!);
        if (headFilled < MESSAGE_HEAD) continue;
        headFilled = 0;
        missing = head.getInt32(1) - 4;
        if (missing < 0) {
          lost = true;
          return chunk.length;
        }
      }
      if (one && missing === 0 && headFilled === 0) break;
    }
    return at;
  }

  /** Appends a chunk, keeps its CopyData and forwards its other messages. */
  function collect(chunk: Uint8Array): void {
    reserve(chunk.length);
    bytes.set(chunk, filled);
    filled += chunk.length;
    while (whole + MESSAGE_HEAD <= filled) {
      const length = view.getInt32(whole + 1);
      if (length < 4) return giveUp();
      const next = whole + 1 + length;
      if (next > filled) break;
      if (bytes[whole] === COPY_DATA) {
        whole = next;
        continue;
      }
      const message = Buffer.from(bytes.slice(whole, next).buffer);
      push(next);
      if (message[0] === READY_FOR_QUERY) return end(message);
      forward(message);
    }
    if (whole >= BLOCK_BYTES) push(whole);
  }

  /** Makes room for more bytes. */
  function reserve(more: number): void {
    if (filled + more + SLACK <= bytes.length) return;
    push(whole);
    const needed = filled + more + SLACK;
    if (needed > bytes.length) replace(Math.max(2 * bytes.length, needed), 0);
  }

  /** Continues in another array with the bytes from `from` on. */
  function replace(size: number, from: number): void {
    const rest = bytes.subarray(from, filled);
    bytes = sink!.allocate(Math.max(size, 2 * BLOCK_BYTES));
    view = new DataView(bytes.buffer);
    bytes.set(rest);
    filled = rest.length;
  }

  /** Gives the whole messages to the sink, and continues after `next`. */
  function push(next: number): void {
    if (whole > 0) {
      sink!.take({ bytes, view, length: whole });
      replace(filled - next + BLOCK_BYTES + SLACK, next);
    } else if (next > 0) {
      bytes.copyWithin(0, next, filled);
      filled -= next;
    }
    whole = 0;
  }

  /** Gives the last message to the driver, and all following bytes. */
  function end(last: Uint8Array): void {
    const rest = Buffer.from(bytes.slice(0, filled).buffer);
    release();
    forward(last);
    if (rest.length > 0) receive(rest);
  }

  /** Gives bytes that are no message to the driver. */
  function giveUp(): void {
    push(whole);
    const rest = Buffer.from(bytes.slice(0, filled).buffer);
    lost = true;
    release();
    forward(rest);
  }

  function release(): void {
    sink = undefined;
    bytes = new Uint8Array(0);
    view = new DataView(bytes.buffer);
    filled = whole = 0;
  }

  return {
    begin(next) {
      sink = next;
    },
  };
}
