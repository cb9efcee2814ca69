import type { WebSocketConnection } from "./web_socket.ts";

/** The channels of a port forward, which every message begins with. */
const [DATA, ERRORS] = [0, 1] as const;
/** Bytes that each channel begins with: the port's number. */
const PREAMBLE = 2;
/**
 * Milliseconds of silence after which a connection ends whose local side has said all. The protocol has
 * no way to tell the pod so: it may be waiting for more.
 */
const LINGER = 10_000;

/**
 * Passes bytes on, both ways, until either side ends or breaks, no faster than they are taken. In the
 * end both sides are closed.
 *
 * @param onError hears what the pod's node says went wrong
 */
export async function tunnel(
  local: Deno.Conn,
  pod: WebSocketConnection,
  onError: (says: string) => void,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let hasEnded = false;
  const linger = () => {
    clearTimeout(timer);
    if (hasEnded) timer = setTimeout(pod.close, LINGER);
  };
  const sent = upload(local, pod).then(() => hasEnded = true).then(linger, pod.close);
  try {
    await download(pod, local, onError, linger);
  } catch {
    // A side that breaks off cannot be told so; closing is all that the other one gets to see.
  } finally {
    hasEnded = false;
    pod.close();
    local.close();
    await sent;
    clearTimeout(timer);
  }
}

async function upload(local: Deno.Conn, pod: WebSocketConnection): Promise<void> {
  const buffer = new Uint8Array(1 + 32 * 1024);
  buffer[0] = DATA;
  for (;;) {
    const length = await local.read(buffer.subarray(1));
    if (length === null) return;
    await pod.send(buffer.subarray(0, 1 + length));
  }
}

async function download(
  pod: WebSocketConnection,
  local: Deno.Conn,
  onError: (says: string) => void,
  heard: () => void,
): Promise<void> {
  const skipped = new Map<number, number>([[DATA, 0], [ERRORS, 0]]);
  for (;;) {
    const message = await pod.receive();
    if (message === undefined) return;
    heard();
    const channel = message[0] ?? NaN;
    const before = skipped.get(channel);
    if (before === undefined) continue;
    const skip = Math.min(PREAMBLE - before, message.length - 1);
    skipped.set(channel, before + skip);
    const bytes = message.subarray(1 + skip);
    if (bytes.length === 0) continue;
    if (channel === ERRORS) onError(new TextDecoder().decode(bytes));
    else for (let at = 0; at < bytes.length;) at += await local.write(bytes.subarray(at));
  }
}
