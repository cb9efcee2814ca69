import { tunnel } from "../../../pipeline/cluster/port_forward.ts";
import { openWebSocket, type WebSocketConnection } from "../../../pipeline/cluster/web_socket.ts";
import { until } from "../../cluster/until.ts";
import { assert, assertEquals, assertRejects } from "../../support/assert.ts";

// Behaviour that nodes of kwok do not show: closing the pod's side first, pings, fragmented
// messages and invalid frames. Deno's WebSocket server produces some of these, and the tests write
// the other bytes themselves.

const PROTOCOL = "v4.channel.k8s.io";
const long = () => AbortSignal.timeout(180_000);

function target(port: number) {
  const url = new URL(`http://127.0.0.1:${port}/portforward?ports=80`);
  return {
    url,
    protocol: PROTOCOL,
    headers: [["authorization", "Bearer t"]] as [string, string][],
    ca: undefined,
    cert: undefined,
    key: undefined,
  };
}

const bytes = (...values: number[]) => new Uint8Array(values);
const text = (message: Uint8Array | undefined) => new TextDecoder().decode(message);
const encode = (message: string) => new TextEncoder().encode(message);

/** The server side of a WebSocket, by Deno. */
function denoServer(onSocket: (socket: WebSocket, headers: Headers) => void) {
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const server = Deno.serve(options, (request) => {
    const headers = new Headers([...request.headers, ["url", request.url]]);
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: PROTOCOL });
    socket.binaryType = "arraybuffer";
    socket.onopen = () => onSocket(socket, headers);
    return response;
  });
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** A server that answers the first request with these bytes, `ACCEPT` filled in, and then waits. */
function byHand(...answers: (string | Uint8Array)[]) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using conn = await listener.accept();
    const buffer = new Uint8Array(4096);
    const head = text(buffer.subarray(0, await conn.read(buffer) ?? 0));
    const key = head.match(/sec-websocket-key: (\S+)/)![1]!;
    const proof = encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    const accept = new Uint8Array(await crypto.subtle.digest("SHA-1", proof)).toBase64();
    for (const answer of answers) {
      await conn.write(
        typeof answer === "string" ? encode(answer.replace("ACCEPT", accept)) : answer,
      );
    }
    conn.closeWrite();
    const heard: number[] = [];
    for (;;) {
      const length = await conn.read(buffer).catch(() => null);
      if (length === null) return heard;
      heard.push(...buffer.subarray(0, length));
    }
  })();
  return {
    port: listener.addr.port,
    /** Returns the bytes after the first request, when the other side has closed the connection. */
    heard: serving,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
  `Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: ${PROTOCOL}\r\n\r\n`;

async function opened(port: number): Promise<WebSocketConnection & Disposable> {
  const socket = await openWebSocket(target(port), long());
  return { ...socket, [Symbol.dispose]: socket.close };
}

Deno.test("openWebSocket: messages of every length arrive in order, both ways", async () => {
  await using server = denoServer((socket) => socket.onmessage = ({ data }) => socket.send(data));
  using socket = await opened(server.port);
  const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_003];
  const messages = lengths.map((length) => new Uint8Array(length).map((_, i) => i * 7 + length));
  await Promise.all(messages.map((message) => socket.send(message)));
  for (const message of messages) {
    const received = await socket.receive();
    assertEquals(received?.length, message.length);
    assertEquals(received?.every((byte, i) => byte === message[i]), true);
  }
});

Deno.test("openWebSocket: sends the headers and the subprotocol", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<Headers>();
  await using server = denoServer((socket, headers) => (resolve(headers), socket.close()));
  using socket = await opened(server.port);
  const headers = await asked;
  assertEquals(new URL(headers.get("url")!).search, "?ports=80");
  assertEquals(headers.get("authorization"), "Bearer t");
  assertEquals(headers.get("sec-websocket-protocol"), PROTOCOL);
  assertEquals(await socket.receive(), undefined);
});

Deno.test("openWebSocket: reads fragmented messages, pings, and frames that come with the answer", async () => {
  await using server = byHand(
    ...[SWITCH, bytes(0x02, 2, 1, 2, 0x89, 1, 9, 0x00, 1, 3), bytes(0x80, 1, 4)],
    ...[bytes(0x8a, 0), bytes(0x82, 1), bytes(5), bytes(0x88, 2, 3, 232)],
  );
  using socket = await opened(server.port);
  assertEquals(await socket.receive(), bytes(1, 2, 3, 4));
  assertEquals(await socket.receive(), bytes(5));
  assertEquals(await socket.receive(), undefined);
  socket.close();
  const [opcode, length, ...pong] = await server.heard;
  assertEquals([opcode, length], [0x8a, 0x81]); // one byte, masked by the four before it
  assertEquals(pong[4]! ^ pong[0]!, 9);
});

const CUT = [
  ["in a head", bytes(0x82)],
  ["in a length", bytes(0x82, 126, 0)],
  ["in a message", bytes(0x82, 5, 1, 2)],
  ["with a message that is too long", bytes(0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0)],
] as const;
for (const [where, frame] of CUT) {
  Deno.test(`openWebSocket: an end ${where} is an error`, async () => {
    await using server = byHand(SWITCH, frame);
    using socket = await opened(server.port);
    await assertRejects(() => socket.receive(), Error);
  });
}

const STATUS = JSON.stringify({ kind: "Status", message: "error dialing backend: refused" });
const ANSWERS: readonly (readonly [what: string, answer: string, words: string])[] = [
  ["nothing", "", "the answer is not HTTP"],
  ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"],
  [
    "a refusal",
    `HTTP/1.1 502 No\r\ncontent-length: ${STATUS.length}\r\n\r\n${STATUS}`,
    "502: error dialing backend: refused",
  ],
  ["a page", "HTTP/1.1 403 No\r\ncontent-length: 6\r\n\r\nsecret", "403: no connection to the pod"],
  ["a truncated refusal", "HTTP/1.1 500 No\r\ncontent-length: 99\r\n\r\n{", "500: no connection"],
  [
    "a WebSocket with another accept key",
    SWITCH.replace("ACCEPT", "x"),
    "did not accept the WebSocket",
  ],
  [
    "a WebSocket with another subprotocol",
    SWITCH.replace("v4.", "v9."),
    `does not support ${PROTOCOL}`,
  ],
];
for (const [what, answer, words] of ANSWERS) {
  Deno.test(`openWebSocket: refuses an answer that is not a WebSocket: ${what}`, async () => {
    await using server = byHand(answer);
    await assertRejects(() => openWebSocket(target(server.port), long()), Error, words);
  });
}

Deno.test("openWebSocket: the signal ends waiting for a server", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const attempt = openWebSocket(target(listener.addr.port), AbortSignal.timeout(100));
  await assertRejects(() => attempt);
  (await accepted).close();
  const done = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => openWebSocket(target(listener.addr.port), done), Error, "enough");
  (await listener.accept()).close();
});

/** Both ends of a local connection. */
async function pair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const options = { hostname: "127.0.0.1", port: listener.addr.port };
  return await Promise.all([Deno.connect(options), listener.accept()]);
}

const PREAMBLE = [bytes(0, 80, 0), bytes(1, 80, 0)];

Deno.test("tunnel: ends after the last byte when the pod closes", async () => {
  await using server = denoServer((socket) => {
    for (const message of [...PREAMBLE, encode("\0Hello, "), encode("\0world")]) {
      socket.send(message as Uint8Array<ArrayBuffer>);
    }
    socket.close();
  });
  const [mine, theirs] = await pair();
  const done = tunnel(theirs, await openWebSocket(target(server.port), long()), () => {});
  assertEquals(text(await new Response(mine.readable).bytes()), "Hello, world");
  await done;
});

Deno.test("tunnel: separates errors from data", async () => {
  await using server = denoServer((socket) => {
    const messages = [...PREAMBLE, bytes(1), encode("\x01connection refused"), encode("\x07?")];
    for (const message of messages) socket.send(message as Uint8Array<ArrayBuffer>);
    socket.close();
  });
  const [mine, theirs] = await pair();
  const errors: string[] = [];
  const pod = await openWebSocket(target(server.port), long());
  const done = tunnel(theirs, pod, (says) => errors.push(says));
  assertEquals(text(await new Response(mine.readable).bytes()), "");
  await done;
  assertEquals(errors, ["connection refused"]);
});

Deno.test("tunnel: delivers the answer after the local side has sent everything", async () => {
  await using server = denoServer((socket) => {
    for (const message of PREAMBLE) socket.send(message);
    let heard = "";
    socket.onmessage = ({ data }) => {
      heard += text(new Uint8Array(data).subarray(1));
      if (!heard.endsWith("?")) return;
      socket.send(encode(`\0You said ${heard}`) as Uint8Array<ArrayBuffer>);
      socket.close();
    };
  });
  const [mine, theirs] = await pair();
  const done = tunnel(theirs, await openWebSocket(target(server.port), long()), () => {});
  await mine.write(encode("Hello?"));
  await mine.closeWrite();
  assertEquals(text(await new Response(mine.readable).bytes()), "You said Hello?");
  await done;
});

Deno.test("tunnel: closes the pod's side when the local side breaks off", async () => {
  let closed = false;
  await using server = denoServer((socket) => {
    for (const message of PREAMBLE) socket.send(message);
    const sending = setInterval(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send(new Uint8Array(1000));
    }, 10);
    socket.onclose = () => {
      closed = true;
      clearInterval(sending);
    };
    socket.onerror = () => {};
  });
  const [mine, theirs] = await pair();
  const done = tunnel(theirs, await openWebSocket(target(server.port), long()), () => {});
  mine.close();
  await done;
  await until("the server has seen the end", () => Promise.resolve(closed));
  assert(closed);
});
