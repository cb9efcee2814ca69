import type { Access } from "./access.ts";
import { networkFailure } from "./network_failure.ts";
import { type HttpSession, openSession } from "./session.ts";
import { shared, unlessAborted } from "./shared.ts";

/** What is asked of an API server. */
export interface Request {
  /** What it is for, as in `list Pod objects in the namespace robson`. */
  readonly what: string;
  /** Such as `GET`. */
  readonly method: string;
  /** From the slash after the server's address on, with the query. */
  readonly path: string;
  /** What is sent, as JSON. */
  readonly body?: unknown;
  /** What kind of JSON that is, if not the usual. */
  readonly contentType?: string;
  /** Ends the request when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** What came back, all of it. */
export interface Answer {
  /** The HTTP status. */
  readonly status: number;
  /** The headers. */
  readonly headers: Headers;
  /** The body. */
  readonly text: string;
  /** What the request was sent with. */
  readonly session: HttpSession;
}

/** A way to an API server. */
export interface Connection {
  /** Where it leads, and as whom. */
  readonly access: Access;
  /** Aborts when it is closed. */
  readonly closed: AbortSignal;
  /**
   * Sends a request, and waits for the whole answer, whatever it says.
   *
   * @throws {Failure} unreachable: there is no answer; configuration: nobody can log in
   */
  send(request: Request): Promise<Answer>;
  /** What requests are sent with; it logs in where that was not done yet. */
  session(signal: AbortSignal): Promise<HttpSession>;
  /** Ends it, and all that is under way. */
  close(): void;
}

/** Milliseconds that a request may take. */
const DEADLINE = 60_000;
/** How often a request is sent that the server has no time for. */
const ATTEMPTS = 3;
/** The longest that a server may ask us to wait, in seconds. */
const LONGEST_WAIT = 10;

/** Makes a connection. Logging in is left to the first request. */
export function connect(access: Access): Connection {
  const closing = new AbortController();
  const clients: Deno.HttpClient[] = [];
  const session = shared(async () => {
    const opened = await openSession(access, closing.signal);
    if (closing.signal.aborted) opened.client.close();
    else clients.push(opened.client);
    return opened;
  }, ({ renew }) => Date.now() < renew);
  return {
    access,
    closed: closing.signal,
    session,
    async send(request) {
      const wanted = AbortSignal.any([closing.signal, ...(request.signal ? [request.signal] : [])]);
      const signal = AbortSignal.any([wanted, AbortSignal.timeout(DEADLINE)]);
      try {
        for (let attempt = 1;; attempt++) {
          const answer = await fetchAll(access.server, request, await session(signal), signal);
          const wait = answer.status === 429 ? secondsToWait(answer.headers) : undefined;
          if (wait === undefined || attempt === ATTEMPTS) return answer;
          await pause(wait * 1000, signal);
        }
      } catch (error) {
        throw networkFailure(error, request.what, access, wanted);
      }
    },
    close() {
      closing.abort();
      for (const client of clients.splice(0)) client.close();
    },
  };
}

async function fetchAll(
  server: string,
  { method, path, body, contentType = "application/json" }: Request,
  session: HttpSession,
  signal: AbortSignal,
): Promise<Answer> {
  const { client, headers: login } = session;
  const response = await fetch(server + path, {
    ...{ method, signal, client },
    headers: [
      ...login,
      ...[["accept", "application/json"], ["user-agent", "deep-storage"]],
      ...(body === undefined ? [] : [["content-type", contentType]]),
    ] as [string, string][],
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: "manual", // what leads elsewhere is no API server, and gets no login of ours
  });
  const { status, headers } = response;
  return { status, headers, text: await response.text(), session };
}

/** How long a server that is busy asks us to wait; undefined where that is too long. */
function secondsToWait(headers: Headers): number | undefined {
  const seconds = Number(headers.get("retry-after") ?? 1);
  return seconds <= LONGEST_WAIT ? Math.max(seconds, 0) : undefined;
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise((resolve) => timer = setTimeout(resolve, milliseconds));
  try {
    await unlessAborted(over, signal);
  } finally {
    clearTimeout(timer);
  }
}
