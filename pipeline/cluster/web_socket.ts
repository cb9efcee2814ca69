import { createHash } from "node:crypto";
import { unlessAborted } from "./shared.ts";

/** Messages both ways over one connection. Each is only read when somebody wants it. */
export interface WebSocketConnection {
  /** Sends a message, once those before it are on their way. */
  send(message: Uint8Array): Promise<void>;
  /** The next message; undefined where the other side has ended. */
  receive(): Promise<Uint8Array | undefined>;
  /** Ends it at once. */
  close(): void;
}

/** Whom to connect to, and with what. */
export interface WebSocketTarget {
  /** Begins with `https:` or `http:`. */
  readonly url: URL;
  /** What the first request carries. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The protocol that is spoken within. */
  readonly protocol: string;
  /** PEM certificates that the server's is checked with, beside those that Deno knows. */
  readonly ca: string | undefined;
  /** Our PEM certificate. */
  readonly cert: string | undefined;
  /** Its key. */
  readonly key: string | undefined;
}

/** The longest head, answer or message, in bytes. Those of port forwards have some ten thousand. */
const LIMIT = 16 * 1024 * 1024;

const [CONTINUATION, BINARY, CLOSE, PING, PONG] = [0x0, 0x2, 0x8, 0x9, 0xa] as const;

/**
 * Opens a WebSocket (RFC 6455) that can be read as slowly as one likes. Deno's own takes in what the
 * other side sends as fast as it comes: a database that is read through it fills the memory.
 *
 * @param signal closes it when it aborts
 * @throws {Error} no connection, or an answer that is none to a WebSocket
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
      // It is closed already.
    }
  };
  signal.addEventListener("abort", close);
  try {
    const input = bytesOf(conn);
    const nonce = base64(crypto.getRandomValues(new Uint8Array(16)));
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
    ...{ hostname, port: Number(url.port || 443) },
    ...(ca === undefined ? {} : { caCerts: [ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
}

function request({ url, headers, protocol }: WebSocketTarget, nonce: string): string {
  const lines = [
    ...[`GET ${url.pathname}${url.search} HTTP/1.1`, `host: ${url.host}`],
    ...["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"],
    ...[`sec-websocket-key: ${nonce}`, `sec-websocket-protocol: ${protocol}`],
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
    const length = Math.min(Number(fields.get("content-length") ?? 0) || 0, LIMIT);
    throw new Error(`${status ?? "no HTTP"}: ${sentenceIn(await input.exactly(length))}`);
  }
  const proof = createHash("sha1").update(`${nonce}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  if (fields.get("sec-websocket-accept") !== proof.digest("base64")) {
    throw new Error("the answer was none to a WebSocket");
  }
  if (fields.get("sec-websocket-protocol") !== protocol) {
    throw new Error(`the server does not speak ${protocol}`);
  }
}

/** What an API server says in a Status; of what others say nothing is told. */
function sentenceIn(body: Uint8Array | undefined): string {
  try {
    const { kind, message } = JSON.parse(new TextDecoder().decode(body));
    if (kind === "Status" && typeof message === "string") return message;
  } catch {
    // It is no Status.
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
    const frame = masked(opcode, payload);
    return sending = sending.then(() => writeAll(conn, frame));
  };
  return {
    send: (message) => send(BINARY, message),
    async receive() {
      const parts: Uint8Array[] = [];
      for (;;) {
        const frame = await readFrame(input);
        if (frame === undefined || frame.opcode === CLOSE) return undefined;
        if (frame.opcode === PING) await send(PONG, frame.payload);
        if (frame.opcode !== BINARY && frame.opcode !== CONTINUATION) continue;
        parts.push(frame.payload);
        if (parts.reduce((sum, { length }) => sum + length, 0) > LIMIT) throw tooLong();
        if (frame.isLast) return joined(parts);
      }
    },
    close,
  };
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
  if (length > LIMIT) throw tooLong();
  const payload = await input.exactly(length);
  if (payload === undefined) throw new Error("the connection was cut within a message");
  return { isLast: (first & 0x80) !== 0, opcode: first & 0x0f, payload };
}

async function lengthOf(short: number, input: Input): Promise<number> {
  if (short < 126) return short;
  const bytes = await input.exactly(short === 126 ? 2 : 8);
  if (bytes === undefined) throw new Error("the connection was cut within a message");
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** A frame of a client, which has to mask each with other random bytes. */
function masked(opcode: number, payload: Uint8Array): Uint8Array {
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
interface Input {
  /** So many bytes; undefined where the connection ended before. */
  exactly(length: number): Promise<Uint8Array | undefined>;
  /** The lines before the first empty one. */
  head(): Promise<string>;
}

function bytesOf(conn: Deno.Conn): Input {
  let rest = new Uint8Array(0);
  const more = async (): Promise<boolean> => {
    const chunk = new Uint8Array(64 * 1024);
    const length = await conn.read(chunk);
    if (length !== null) rest = joined([rest, chunk.subarray(0, length)]);
    return length !== null;
  };
  const take = (length: number) => {
    const taken = rest.subarray(0, length);
    rest = rest.subarray(length);
    return taken;
  };
  return {
    async exactly(length) {
      while (rest.length < length) if (!await more()) return undefined;
      return take(length);
    },
    async head() {
      const text = () => new TextDecoder("latin1").decode(rest);
      while (!text().includes("\r\n\r\n")) {
        if (rest.length > LIMIT || !await more()) throw new Error("the answer was none of HTTP");
      }
      const length = text().indexOf("\r\n\r\n");
      return new TextDecoder("latin1").decode(take(length + 4)).trimEnd();
    },
  };
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function tooLong(): Error {
  return new Error("a message is too long");
}
