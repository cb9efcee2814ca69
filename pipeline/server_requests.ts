// Requests to servers, for an operator who asks what a command does. They are events of this thread,
// so no module keeps a list, and a command that does not ask pays almost nothing.

/** A kind of server. */
export type ServerKind = "postgres" | "s3" | "kubernetes" | "registry";

/** A request that has ended. It has no secret: no header, no body and no value of a statement. */
export interface ServerRequest {
  /** The server that was asked. */
  readonly server: ServerKind;
  /** The request: `GET /bucket/key`, or the first words of a statement. */
  readonly what: string;
  /** The time until the response, or until its first block. */
  readonly milliseconds: number;
  /** The status of the response, as in `404`; `failed` for a request without one; or an empty text. */
  readonly result: string;
}

const EVENT = "deep-storage:request";

/**
 * Sends a request, and announces it to the listeners of {@linkcode onServerRequest}.
 *
 * @param statusOf returns the status of the response, if the protocol has one
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { onServerRequest, withRequest } from "./server_requests.ts";
 * const seen: string[] = [];
 * onServerRequest(({ server, what }) => seen.push(`${server} ${what}`));
 * await withRequest("s3", "GET /rbs/key", () => Promise.resolve());
 * assertEquals(seen, ["s3 GET /rbs/key"]);
 * ```
 */
export async function withRequest<T>(
  server: ServerKind,
  what: string,
  send: () => Promise<T>,
  statusOf: (response: T) => number | undefined = () => undefined,
): Promise<T> {
  const started = performance.now();
  let result = "failed";
  try {
    const response = await send();
    result = String(statusOf(response) ?? "");
    return response;
  } catch (error) {
    result = String(statusOfError(error) ?? result);
    throw error;
  } finally {
    const milliseconds = performance.now() - started;
    announceRequest({ server, what, milliseconds, result });
  }
}

/**
 * Announces a request to the listeners of this thread. A thread that starts a worker announces the
 * requests of the worker.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { announceRequest, onServerRequest } from "./server_requests.ts";
 * const seen: string[] = [];
 * onServerRequest(({ what }) => seen.push(what));
 * announceRequest({ server: "postgres", what: "COPY", milliseconds: 1, result: "" });
 * assertEquals(seen, ["COPY"]);
 * ```
 */
export function announceRequest(detail: ServerRequest): void {
  globalThis.dispatchEvent(new CustomEvent(EVENT, { detail }));
}

/** The status that an error of the S3 client has. */
function statusOfError(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata
    ?.httpStatusCode;
}

/**
 * Calls a function with each request of this thread from now on.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { onServerRequest, withRequest } from "./server_requests.ts";
 * const results: string[] = [];
 * onServerRequest(({ result }) => results.push(result));
 * await withRequest("kubernetes", "GET /version", () => Promise.resolve(200), (status) => status);
 * await assertRejects(() => withRequest("postgres", "SELECT", () => Promise.reject(new Error())));
 * assertEquals(results, ["200", "failed"]);
 * ```
 */
export function onServerRequest(listener: (request: ServerRequest) => void): void {
  globalThis.addEventListener(EVENT, (event) => listener((event as CustomEvent).detail));
}

/**
 * Returns the first words of statements, without any value.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { firstWords } from "./server_requests.ts";
 * assertEquals(firstWords("SELECT a,\n  b FROM t WHERE name = 'secret'"), "SELECT a, b FROM t WHERE name =");
 * assertEquals(firstWords("COPY (SELECT 1) TO STDOUT"), "COPY (SELECT) TO STDOUT");
 * ```
 */
export function firstWords(statements: string): string {
  const [beforeValue = ""] = statements.split(/['"$]/);
  const words = beforeValue.replace(/\b\d+(\.\d+)?\b/g, "").replace(/\s+/g, " ")
    .replaceAll(" )", ")").trim();
  return words.length <= LONGEST ? words : `${words.slice(0, LONGEST).trimEnd()} …`;
}

/** The number of characters of a statement to show. */
const LONGEST = 70;
