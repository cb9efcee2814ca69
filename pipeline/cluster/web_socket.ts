import { createHash } from "node:crypto";
import { unlessAborted } from "./shared.ts";
import {
  type Input,
  inputOf,
  LONGEST,
  maskedFrame,
  OPCODE,
  readMessage,
} from "./web_socket_frame.ts";

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
    const length = Math.min(Number(fields.get("content-length") ?? 0) || 0, LONGEST);
    const body = await input.exactly(length).catch(() => undefined);
    throw new Error(`${status ?? "no HTTP"}: ${sentenceIn(body)}`);
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
