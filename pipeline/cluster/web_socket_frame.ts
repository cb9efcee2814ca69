/** The longest head, answer or message, in bytes. Those of port forwards have some ten thousand. */
export const LONGEST = 16 * 1024 * 1024;

/** What a frame can be. */
export const OPCODE = { CONTINUATION: 0x0, BINARY: 0x2, CLOSE: 0x8, PING: 0x9, PONG: 0xa } as const;

/**
 * Reads a message, which may come in several frames.
 *
 * @param onPing answers whoever asks whether we are there
 * @returns undefined where the other side has ended
 * @throws {Error} the connection was cut, or the message is too long
 */
export async function readMessage(
  input: Input,
  onPing: (payload: Uint8Array) => Promise<void>,
): Promise<Uint8Array | undefined> {
  let message = new Uint8Array(0);
  for (;;) {
    const frame = await readFrame(input);
    if (frame === undefined || frame.opcode === OPCODE.CLOSE) return undefined;
    const { isLast, opcode, payload } = frame;
    if (opcode === OPCODE.PING) await onPing(payload);
    if (opcode !== OPCODE.BINARY && opcode !== OPCODE.CONTINUATION) continue;
    if (message.length + payload.length > LONGEST) throw tooLong();
    message = joined(message, payload);
    if (isLast) return message;
  }
}

interface Frame {
  readonly isLast: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** Reads a frame of a server, which masks none. */
async function readFrame(input: Input): Promise<Frame | undefined> {
  const start = await input.exactly(2);
  if (start === undefined) return undefined;
  const [first, second] = [start[0]!, start[1]!];
  const length = await lengthOf(second & 0x7f, input);
  if (length > LONGEST) throw tooLong();
  const payload = await input.exactly(length);
  if (payload === undefined) throw cut();
  return { isLast: (first & 0x80) !== 0, opcode: first & 0x0f, payload };
}

async function lengthOf(short: number, input: Input): Promise<number> {
  if (short < 126) return short;
  const bytes = await input.exactly(short === 126 ? 2 : 8);
  if (bytes === undefined) throw cut();
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** A frame of a client, which has to mask each with other random bytes. */
export function maskedFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const long = length > 0xffff;
  const head = length < 126 ? 2 : long ? 10 : 4;
  const frame = new Uint8Array(head + 4 + length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, 0x80 | opcode);
  view.setUint8(1, 0x80 | (length < 126 ? length : long ? 127 : 126));
  if (long) view.setBigUint64(2, BigInt(length));
  else if (length >= 126) view.setUint16(2, length);
  const mask = crypto.getRandomValues(frame.subarray(head, head + 4));
  const rest = frame.subarray(head + 4);
  for (let i = 0; i < length; i++) rest[i] = payload[i]! ^ mask[i & 3]!;
  return frame;
}

/** What a connection brings, in the pieces that are wanted. */
export interface Input {
  /** So many bytes; undefined where the connection has ended, and an error where it ends within. */
  exactly(length: number): Promise<Uint8Array | undefined>;
  /** The lines before the first empty one. */
  head(): Promise<string>;
}

/** Reads a connection. */
export function inputOf(conn: Deno.Conn): Input {
  let rest = new Uint8Array(0);
  const more = async (): Promise<boolean> => {
    const chunk = new Uint8Array(64 * 1024);
    const length = await conn.read(chunk);
    if (length !== null) rest = joined(rest, chunk.subarray(0, length));
    return length !== null;
  };
  const take = (length: number) => {
    const taken = rest.subarray(0, length);
    rest = rest.subarray(length);
    return taken;
  };
  return {
    async exactly(length) {
      while (rest.length < length) {
        if (await more()) continue;
        if (rest.length === 0) return undefined;
        throw cut();
      }
      return take(length);
    },
    async head() {
      const text = () => new TextDecoder("latin1").decode(rest);
      while (!text().includes("\r\n\r\n")) {
        if (rest.length > LONGEST || !await more()) throw new Error("the answer was none of HTTP");
      }
      const length = text().indexOf("\r\n\r\n");
      return new TextDecoder("latin1").decode(take(length + 4)).trimEnd();
    },
  };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function cut(): Error {
  return new Error("the connection was cut within a message");
}

function tooLong(): Error {
  return new Error("a message is too long");
}
