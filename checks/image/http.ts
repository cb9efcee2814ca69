import { Failure, interruption } from "../../pipeline/errors.ts";

/** How requests are sent. */
export interface HttpOptions {
  /** What is being done, as in `look into ghcr.io/ldamasio/rbs-spark:3.5.8`. */
  readonly task: string;
  /** More CA certificates in PEM, besides the system's. */
  readonly caCertificates: readonly string[];
  /** Whether plain HTTP is allowed, to this machine alone. */
  readonly plain: boolean;
  /** Aborts all requests. */
  readonly signal: AbortSignal | undefined;
  /** How long a server may say nothing before it is given up, in milliseconds. */
  readonly silence?: number;
}

/** The default for {@linkcode HttpOptions.silence}. A layer may take minutes, but not without any bytes. */
const SILENCE = 20_000;

/** Sends requests that read. */
export interface Http {
  /**
   * Asks for a URL, through redirects. What an `authorization` says is told to the origin of the URL
   * and to no other.
   *
   * @throws {Failure} unreachable: no answer
   */
  get(url: URL, headers: Readonly<Record<string, string>>): Promise<Response>;
  /** The body of an answer, as it comes. */
  body(response: Response): AsyncGenerator<Uint8Array>;
  /** Ends all connections. */
  close(): void;
}

const MOST_REDIRECTS = 5;

/** Opens a client for one image. */
export function openHttp(options: HttpOptions): Http {
  const { task, caCertificates, signal, silence = SILENCE } = options;
  const client = Deno.createHttpClient({ caCerts: [...caCertificates] });

  /** What a server says next. */
  async function heard<T>(saying: Promise<T>, { host }: URL): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const given = new Promise<never>((_, reject) => {
      const seconds = silence / 1000;
      const problem = `${host} sent nothing for ${seconds} s`;
      timer = setTimeout(() => reject(unreachable(task, problem)), silence);
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
    const answer = fetch(url, { client, headers, redirect: "manual", signal: ends });
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
      // Digests are of the bytes as they are stored, so nothing may be packed on the way.
      let told: Record<string, string> = { ...headers, "accept-encoding": "identity" };
      for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
        requireSafe(at, options);
        const response = await send(at, told);
        const location = response.headers.get("location");
        if (location === null || !/^30[12378]$/.test(String(response.status))) return response;
        await response.body?.cancel();
        const next = URL.parse(location, at);
        if (next === null) throw unreachable(task, `${at.host} redirects to an invalid address`);
        if (next.origin !== at.origin) {
          const { authorization: _, ...others } = told;
          told = others;
        }
        at = next;
      }
      throw unreachable(task, `${url.host} redirects too often`);
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

/** Whether a host is this machine, which needs no TLS. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
}

/** Whether an error says that a server was asked for TLS and does not speak it. */
export function speaksPlain(error: unknown): boolean {
  return error instanceof Failure && error.cause === PLAIN;
}

const PLAIN = "no TLS";

function requireSafe({ protocol, host }: URL, { task, plain }: HttpOptions): void {
  if (protocol === "https:" || protocol === "http:" && plain && isLoopback(host)) return;
  throw unreachable(task, `it refers to ${host} without TLS, which is not safe`);
}

function networkFailure(error: unknown, { host }: URL, { task, signal }: HttpOptions): unknown {
  if (signal?.aborted) return interruption(task, signal);
  if (error instanceof Deno.errors.NotCapable) {
    return new Failure({
      kind: "configuration",
      task,
      problem: "Deno was not given the permission",
      remedy: `Run it with --allow-net=${host}.`,
    });
  }
  if (!(error instanceof TypeError)) return error;
  // The words around it name the URL, and that of a blob can have a signature in it.
  const words = `${error.message} ${(error.cause as Error | undefined)?.message ?? ""}`;
  const certificate = /invalid peer certificate: (\w+)/.exec(words);
  if (certificate !== null) {
    return new Failure({
      kind: "unreachable",
      task,
      problem: `the certificate of ${host} is not trusted (${certificate[1]})`,
      remedy: "Give the CA's certificate with --registry-ca.",
    });
  }
  if (/corrupt message/.test(words)) {
    return unreachable(task, `${host} does not speak TLS`, { cause: PLAIN });
  }
  const known = ([
    [/connection refused/i, `nothing accepts connections at ${host}`],
    [/dns error|lookup address/i, `the host name of ${host} is not known`],
    [/timed out/i, `${host} did not answer in time`],
    [/unreachable/i, `there is no way to ${host}`],
  ] as const).find(([pattern]) => pattern.test(words));
  return unreachable(task, known?.[1] ?? `the connection to ${host} was cut`);
}

function unreachable(task: string, problem: string, options?: ErrorOptions): Failure {
  const remedy = "Check the registry and the network, or run again later";
  return new Failure({
    kind: "unreachable",
    task,
    problem,
    remedy: `${remedy}.`,
    ...options,
  });
}
