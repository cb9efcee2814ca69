import { unlessAborted } from "../errors.ts";
import { type Access, invalidKubeconfig } from "./kubeconfig.ts";
import { type Login, logIn } from "./login.ts";
import { type Answer, networkFailure } from "./request_errors.ts";
import { withRequest } from "../server_requests.ts";

/** A request to an API server. */
export interface Request {
  /** The task, which follows "Cannot" in messages: `list Pod objects in the namespace robson`. */
  readonly task: string;
  /** For example `GET`. */
  readonly method: string;
  /** The path and the query, relative to the server's address. */
  readonly path: string;
  /** A value to send as JSON. */
  readonly body?: unknown;
  /** The media type of the body, if it is not `application/json`. */
  readonly contentType?: string;
  /** Cancels the request when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** A connection to an API server. */
export interface Connection {
  /** The server, and the user. */
  readonly access: Access;
  /** Aborts when the connection is closed. */
  readonly closed: AbortSignal;
  /**
   * Sends a request, and returns the complete response for any status.
   *
   * @throws {Failure} unreachable: the server does not answer; configuration: the login fails
   */
  send(request: Request): Promise<Answer>;
  /**
   * Sends a request whose response has no end, such as a watch. Returns the response when its
   * headers arrive. The request's signal also ends the body.
   *
   * @throws {Failure} unreachable: the server does not answer; configuration: the login fails
   */
  stream(request: Request): Promise<Streamed>;
  /** Returns the current session, and logs in if there is none or it has expired. */
  session(signal: AbortSignal): Promise<HttpSession>;
  /** Closes the connection, and cancels pending requests. */
  close(): void;
}

/** A response whose body arrives over time. */
export interface Streamed {
  /** The response. */
  readonly response: Response;
  /** The credentials that the request was sent with. */
  readonly login: Login;
}

/** Milliseconds that a request may take. */
const DEADLINE = 60_000;
/** The number of attempts if the server responds with 429. */
const ATTEMPTS = 3;
/** The longest `retry-after` to wait for, in seconds. */
const LONGEST_WAIT = 10;

/** Creates a connection. The first request logs in. */
export function connect(access: Access): Connection {
  const closing = new AbortController();
  const clients: Deno.HttpClient[] = [];
  const session = shareValue(async () => {
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
          const wait = answer.status === 429 ? retryAfter(answer.headers) : undefined;
          if (wait === undefined || attempt === ATTEMPTS) return answer;
          await pause(wait * 1000, signal);
        }
      } catch (error) {
        throw networkFailure(error, request.task, access, wanted);
      }
    },
    async stream(request) {
      const wanted = AbortSignal.any([closing.signal, ...(request.signal ? [request.signal] : [])]);
      try {
        const login = await session(wanted);
        return { response: await fetchOne(access.server, request, login, wanted), login };
      } catch (error) {
        throw networkFailure(error, request.task, access, wanted);
      }
    },
    close() {
      closing.abort();
      for (const client of clients.splice(0)) client.close();
    },
  };
}

async function fetchAll(...how: Parameters<typeof fetchOne>): Promise<Answer> {
  const response = await fetchOne(...how);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, login: how[2] };
}

async function fetchOne(
  server: string,
  { method, path, body, contentType = "application/json" }: Request,
  session: HttpSession,
  signal: AbortSignal,
): Promise<Response> {
  const headers: [string, string][] = [
    ...session.headers,
    ["accept", "application/json"],
    ["user-agent", "deep-storage"],
  ];
  if (body !== undefined) headers.push(["content-type", contentType]);
  const [plainPath] = path.split("?");
  const dryRun = /[?&]dryRun=/.test(path) ? " (dry run)" : "";
  return await withRequest(
    "kubernetes",
    `${method} ${plainPath}${dryRun}`,
    () =>
      fetch(server + path, {
        method,
        headers,
        signal,
        client: session.client,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // API servers do not redirect; never send the credentials to another server.
        redirect: "manual",
      }),
    ({ status }) => status,
  );
}

/**
 * Returns the seconds to wait before the next attempt; undefined if the server asks for too long a
 * wait.
 */
function retryAfter(headers: Headers): number | undefined {
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

/**
 * Creates a value once and shares it with all callers, including callers that ask during the
 * creation. A caller that aborts does not cancel the creation for others. After a failure, and when
 * the value is no longer fresh, the next caller creates a new value.
 *
 * @param isFresh returns whether the value can still be used
 */
export function shareValue<T>(
  make: () => Promise<T>,
  isFresh: (value: T) => boolean = () => true,
): (signal: AbortSignal) => Promise<T> {
  let pending: Promise<T> | undefined;
  let last: T | undefined;
  const start = () => {
    const making = make();
    pending = making;
    making.then((value) => last = value, () => {
      if (pending === making) pending = undefined;
    });
    return making;
  };
  return (signal) => {
    if (last !== undefined && !isFresh(last)) {
      last = undefined;
      pending = undefined;
    }
    return unlessAborted(pending ?? start(), signal);
  };
}

/** A login, and an HTTP client with its certificates. */
export interface HttpSession extends Login {
  /** The client for `fetch`. */
  readonly client: Deno.HttpClient;
}

/** Logs in, and creates the HTTP client. */
async function openSession(access: Access, signal: AbortSignal): Promise<HttpSession> {
  const proxy = proxyOf(access);
  refuseUnverifiable(access);
  const login = await logIn(access, signal);
  const { ca, cert, key } = login;
  try {
    const client = Deno.createHttpClient({
      ...(ca === undefined ? {} : { caCerts: [ca] }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(proxy === undefined ? {} : { proxy }),
    });
    return { ...login, client };
  } catch {
    // The error's own message can quote the key.
    const user = `the user ${JSON.stringify(access.userName)}`;
    const problem = `client-certificate and client-key of ${user} do not match`;
    throw invalidKubeconfig(access.file, problem);
  }
}

/**
 * Throws for TLS settings that Deno does not support. Deno always verifies the certificate, against
 * the server's address.
 */
function refuseUnverifiable({ server, cluster, context, file }: Access): void {
  const url = new URL(server);
  if (url.protocol !== "https:") return;
  const place = `the cluster of the context ${JSON.stringify(context)}`;
  if (cluster["insecure-skip-tls-verify"]) {
    throw invalidKubeconfig(
      file,
      `${place} sets insecure-skip-tls-verify, but this command always verifies certificates`,
      "Set certificate-authority to the CA that signed the server's certificate instead.",
    );
  }
  const name = cluster["tls-server-name"];
  if (name !== undefined && name !== url.hostname) {
    throw invalidKubeconfig(
      file,
      `${place} sets tls-server-name ${JSON.stringify(name)}, but this command verifies ` +
        "certificates against the server's address",
      "Set server to that name, and make the name resolve to the server, for example in /etc/hosts.",
    );
  }
}

function proxyOf({ cluster, context, file }: Access): Deno.Proxy | undefined {
  const text = cluster["proxy-url"];
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  const protocol = url?.protocol ?? "";
  if (url === null || !["http:", "https:", "socks5:", "socks5h:"].includes(protocol)) {
    throw invalidKubeconfig(
      file,
      `the proxy-url of the context ${JSON.stringify(context)} is not supported`,
      "Use an address such as http://squid.example:3128 or socks5://127.0.0.1:1080.",
    );
  }
  const { username, password } = url;
  if (protocol.startsWith("socks5")) return { transport: "socks5", url: url.href };
  const basicAuth = {
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
  return { url: url.origin, ...(username === "" ? {} : { basicAuth }) };
}
