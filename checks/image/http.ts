import { Failure, interruption } from "../../pipeline/errors.ts";
import { withRequest } from "../../pipeline/server_requests.ts";

/** Options for HTTP requests. */
export interface HttpOptions {
  /** The task for error messages, as in `read the image ghcr.io/ldamasio/rbs-spark:3.5.8`. */
  readonly task: string;
  /** CA certificates in PEM, in addition to those of the system. */
  readonly caCertificates: readonly string[];
  /** True if unencrypted HTTP to this machine is allowed. */
  readonly plain: boolean;
  /** Aborts all requests. */
  readonly signal: AbortSignal | undefined;
  /** Milliseconds without any data after which a request fails. */
  readonly silence?: number;
}

/**
 * The default of {@linkcode HttpOptions.silence}. A layer may take minutes, but bytes must keep
 * coming.
 */
const SILENCE = 20_000;

/** An HTTP client for GET requests. */
export interface Http {
  /**
   * Requests a URL, and follows redirects. The header `authorization` is sent only to the origin of
   * the URL.
   *
   * @throws {Failure} unreachable: the server does not respond
   */
  get(url: URL, headers: Readonly<Record<string, string>>): Promise<Response>;
  /** Streams the body of a response. */
  body(response: Response): AsyncGenerator<Uint8Array>;
  /** Closes all connections. */
  close(): void;
}

const MOST_REDIRECTS = 5;

/** Opens a client for one image. */
export function openHttp(options: HttpOptions): Http {
  const { task, caCertificates, signal, silence = SILENCE } = options;
  const client = Deno.createHttpClient({ caCerts: [...caCertificates] });

  /** Waits for a server, at most `silence` milliseconds. */
  async function heard<T>(saying: Promise<T>, { host }: URL): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const given = new Promise<never>((_, reject) => {
      const seconds = silence / 1000;
      const problem = `${host} sent nothing for ${seconds} s`;
      timer = setTimeout(() => reject(unreachableRegistry(task, problem)), silence);
    });
    try {
      return await Promise.race([saying, given]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function send(url: URL, headers: Record<string, string>): Promise<Response> {
    const giving = new AbortController();
    const ends = AbortSignal.any([giving.signal, ...(signal === undefined ? [] : [signal])]);
    const answer = withRequest(
      "registry",
      `GET ${url.host}${url.pathname}`,
      () => fetch(url, { client, headers, redirect: "manual", signal: ends }),
      ({ status }) => status,
    );
    try {
      return await heard(answer, url);
    } catch (error) {
      giving.abort();
      throw networkFailure(error, url, options);
    }
  }

  return {
    async get(url, headers) {
      let at = url;
      // Digests are of the stored bytes, so the server must not compress them for the transfer.
      let sent: Record<string, string> = { ...headers, "accept-encoding": "identity" };
      for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
        requireSafe(at, options);
        const response = await send(at, sent);
        const location = response.headers.get("location");
        if (location === null || !/^30[12378]$/.test(String(response.status))) return response;
        await response.body?.cancel();
        const next = URL.parse(location, at);
        if (next === null) {
          throw unreachableRegistry(task, `${at.host} redirects to an invalid address`);
        }
        if (next.origin !== at.origin) {
          const { authorization: _, ...others } = sent;
          sent = others;
        }
        at = next;
      }
      throw unreachableRegistry(task, `${url.host} redirects too often`);
    },
    async *body(response) {
      if (response.body === null) return;
      const reader = response.body.getReader();
      const url = new URL(response.url);
      try {
        for (;;) {
          const { value } = await heard(reader.read(), url);
          if (value === undefined) return;
          yield value;
        }
      } catch (error) {
        throw networkFailure(error, url, options);
      } finally {
        await reader.cancel().catch(() => {});
      }
    },
    close: () => client.close(),
  };
}

/** Returns whether a host is this machine, where TLS is not required. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
}

/** Returns whether a request failed because the server does not use TLS. */
export function speaksPlain(error: unknown): boolean {
  return error instanceof Failure && error.cause === PLAIN;
}

const PLAIN = "no TLS";

function requireSafe({ protocol, host }: URL, { task, plain }: HttpOptions): void {
  if (protocol === "https:" || protocol === "http:" && plain && isLoopback(host)) return;
  throw unreachableRegistry(task, `the registry refers to ${host} without TLS`);
}

function networkFailure(error: unknown, { host }: URL, { task, signal }: HttpOptions): unknown {
  if (signal?.aborted) return interruption(task, signal);
  if (error instanceof Deno.errors.NotCapable) {
    return new Failure({
      kind: "configuration",
      task,
      problem: "Deno has no permission to connect",
      remedy: `Run the command with --allow-net=${host}.`,
    });
  }
  if (!(error instanceof TypeError)) return error;
  // The error itself is not shown: it quotes the URL, and the URL of a blob can contain a
  // signature.
  const words = `${error.message} ${(error.cause as Error | undefined)?.message ?? ""}`;
  const certificate = /invalid peer certificate: (\w+)/.exec(words);
  if (certificate !== null) {
    return new Failure({
      kind: "unreachable",
      task,
      problem: `the certificate of ${host} is not trusted (${certificate[1]})`,
      remedy: "Pass the CA's certificate with --registry-ca.",
    });
  }
  if (/corrupt message/.test(words)) {
    return unreachableRegistry(task, `${host} does not speak TLS`, { cause: PLAIN });
  }
  const known = ([
    [/connection refused/i, `${host} refused the connection`],
    [/dns error|lookup address/i, `the host name of ${host} does not exist`],
    [/timed out/i, `${host} did not answer in time`],
    [/unreachable/i, `there is no route to ${host}`],
  ] as const).find(([pattern]) => pattern.test(words));
  return unreachableRegistry(task, known?.[1] ?? `the connection to ${host} was closed`);
}

function unreachableRegistry(task: string, problem: string, options?: ErrorOptions): Failure {
  const remedy = "Check the registry and the network, or run again later";
  return new Failure({
    kind: "unreachable",
    task,
    problem,
    remedy: `${remedy}.`,
    ...options,
  });
}
