import { createHash } from "node:crypto";
import { unlessAborted } from "../errors.ts";

// The client side of a WebSocket (RFC 6455). docs/decisions/web-socket.md explains why the toolkit
// has its own client.

/** A WebSocket. A message is read from the connection only when `receive` is called. */
export interface WebSocketConnection {
  /** Sends a message. Messages are sent in order. */
  send(message: Uint8Array): Promise<void>;
  /** Returns the next message, or undefined if the server has closed the WebSocket. */
  receive(): Promise<Uint8Array | undefined>;
  /** Closes the connection immediately. */
  close(): void;
}

/** The server, and the credentials. */
export interface WebSocketTarget {
  /** An address that begins with `https:` or `http:`. */
  readonly url: URL;
  /** The headers of the first request. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The subprotocol. */
  readonly protocol: string;
  /** PEM certificates to verify the server with, in addition to those that Deno trusts. */
  readonly ca: string | undefined;
  /** The PEM client certificate. */
  readonly cert: string | undefined;
  /** The key of the client certificate. */
  readonly key: string | undefined;
}

/**
 * Opens a WebSocket.
 *
 * @param signal closes the WebSocket when it aborts
 * @throws {Error} the server cannot be reached, or refuses the WebSocket
 */
export async function openWebSocket(
  target: WebSocketTarget,
  signal: AbortSignal,
): Promise<WebSocketConnection> {
  const dialing = dial(target);
  const conn = await unlessAborted(dialing, signal).catch((error) => {
    dialing.then((late) => late.close(), () => {});
    throw error;
  });
  const close = () => {
    signal.removeEventListener("abort", close);
    try {
      conn.close();
    } catch {
      // The connection is already closed.
    }
  };
  signal.addEventListener("abort", close);
  try {
    const input = inputOf(conn);
    const nonce = crypto.getRandomValues(new Uint8Array(16)).toBase64();
    await writeAll(conn, new TextEncoder().encode(request(target, nonce)));
    await checkAnswer(input, target.protocol, nonce);
    return overConnection(conn, input, close);
  } catch (error) {
    close();
    throw error;
  }
}

function dial({ url, ca, cert, key }: WebSocketTarget): Promise<Deno.Conn> {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol === "http:") return Deno.connect({ hostname, port: Number(url.port || 80) });
  return Deno.connectTls({
    hostname,
    port: Number(url.port || 443),
    ...(ca === undefined ? {} : { caCerts: [ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
}

function request({ url, headers, protocol }: WebSocketTarget, nonce: string): string {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${nonce}`,
    `sec-websocket-protocol: ${protocol}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

async function checkAnswer(input: Input, protocol: string, nonce: string): Promise<void> {
  const [first = "", ...lines] = (await input.head()).split("\r\n");
  const status = first.match(/^HTTP\/1\.1 (\d{3})\b/)?.[1];
  const fields = new Map(lines.map((line) => {
    const [, name = "", value = ""] = line.match(/^([^:]*):\s*(.*?)\s*$/) ?? [];
    return [name.toLowerCase(), value];
  }));
  if (status !== "101") {
    const length = Math.min(Number(fields.get("content-length") ?? 0) || 0, LONGEST);
    const body = await input.exactly(length).catch(() => undefined);
    throw new Error(`${status ?? "not HTTP"}: ${statusMessage(body)}`);
  }
  const proof = createHash("sha1").update(`${nonce}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  if (fields.get("sec-websocket-accept") !== proof.digest("base64")) {
    throw new Error("the server did not accept the WebSocket");
  }
  if (fields.get("sec-websocket-protocol") !== protocol) {
    throw new Error(`the server does not support ${protocol}`);
  }
}

/** Returns the message of an API server's Status. The body of another server is not shown. */
function statusMessage(body: Uint8Array | undefined): string {
  try {
    const { kind, message } = JSON.parse(new TextDecoder().decode(body));
    if (kind === "Status" && typeof message === "string") return message;
  } catch {
    // The response is not a Status.
  }
  return "no connection to the pod";
}

function overConnection(
  conn: Deno.Conn,
  input: Input,
  close: () => void,
): WebSocketConnection {
  let sending = Promise.resolve();
  const send = (opcode: number, payload: Uint8Array) => {
    const frame = maskedFrame(opcode, payload);
    return sending = sending.then(() => writeAll(conn, frame));
  };
  return {
    send: (message) => send(OPCODE.BINARY, message),
    receive: () => readMessage(input, (payload) => send(OPCODE.PONG, payload)),
    close,
  };
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/**
 * The longest accepted head, body or message, in bytes. Messages of port forwards have about 10,000
 * bytes.
 */
const LONGEST = 16 * 1024 * 1024;

/** The kinds of frames. */
const OPCODE = { CONTINUATION: 0x0, BINARY: 0x2, CLOSE: 0x8, PING: 0x9, PONG: 0xa } as const;

/**
 * Reads a message, which can consist of several frames.
 *
 * @param onPing answers a ping of the server
 * @returns undefined if the server has closed the WebSocket
 * @throws {Error} the connection was closed within a message, or the message is too long
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
    if (message.length + payload.length > LONGEST) throw messageTooLong();
    message = concatenate(message, payload);
    if (isLast) return message;
  }
}

interface Frame {
  readonly isLast: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** Reads a frame. Servers do not mask frames. */
async function readFrame(input: Input): Promise<Frame | undefined> {
  const start = await input.exactly(2);
  if (start === undefined) return undefined;
  const [first, second] = [start[0]!, start[1]!];
  const length = await lengthOf(second & 0x7f, input);
  if (length > LONGEST) throw messageTooLong();
  const payload = await input.exactly(length);
  if (payload === undefined) throw connectionCut();
  return { isLast: (first & 0x80) !== 0, opcode: first & 0x0f, payload };
}

async function lengthOf(short: number, input: Input): Promise<number> {
  if (short < 126) return short;
  const bytes = await input.exactly(short === 126 ? 2 : 8);
  if (bytes === undefined) throw connectionCut();
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** Encodes a frame. Clients mask each frame with new random bytes. */
function maskedFrame(opcode: number, payload: Uint8Array): Uint8Array {
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

/** A reader of a connection that returns exact numbers of bytes. */
export interface Input {
  /**
   * Reads `length` bytes. Returns undefined at the end of the connection, and throws if the
   * connection ends within these bytes.
   */
  exactly(length: number): Promise<Uint8Array | undefined>;
  /** Reads the lines before the first empty line. */
  head(): Promise<string>;
}

/** Returns a reader of a connection. */
export function inputOf(conn: Deno.Conn): Input {
  let rest = new Uint8Array(0);
  const more = async (): Promise<boolean> => {
    const chunk = new Uint8Array(64 * 1024);
    const length = await conn.read(chunk);
    if (length !== null) rest = concatenate(rest, chunk.subarray(0, length));
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
        throw connectionCut();
      }
      return take(length);
    },
    async head() {
      const text = () => new TextDecoder("latin1").decode(rest);
      while (!text().includes("\r\n\r\n")) {
        if (rest.length > LONGEST || !await more()) throw new Error("the answer is not HTTP");
      }
      const length = text().indexOf("\r\n\r\n");
      return new TextDecoder("latin1").decode(take(length + 4)).trimEnd();
    },
  };
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function connectionCut(): Error {
  return new Error("the connection was closed within a message");
}

function messageTooLong(): Error {
  return new Error("a message is too long");
}
