import { createHash } from "node:crypto";

/** What a faulty store or network does to one request. */
export type S3Fault = (typeof TRANSIENT)[number] | (typeof LIES)[number];

/** Transient faults: the request failed, or its result is unknown. */
export const TRANSIENT = [
  /** The connection is closed before the store receives the request. */
  "cut-before",
  /** The store serves the request, and the connection is closed before the response. */
  "cut-after",
  /** The connection is closed in the middle of the response. */
  "cut-within",
  /** Status 500; the request had no effect. */
  "error-before",
  /** Status 500, although the request took effect. */
  "error-after",
  /** Status 503, SlowDown. */
  "slow-down",
  /** Status 502 with the HTML page of a gateway. */
  "bad-gateway",
  /** Status 429. */
  "too-many",
  /** Status 400, RequestTimeout. */
  "request-timeout",
  /** Status 409, OperationAborted. */
  "aborted",
  /** The response is late. */
  "stall",
  /** The request arrives twice; the client receives the second response. */
  "twice",
] as const;

/** Faults with a false response. */
export const LIES = [
  /** Status 200 with an ETag for a put or a delete that had no effect. Reads are correct. */
  "no-effect",
  /** An object without its last bytes, with a matching length. */
  "truncated",
  /** An object with one flipped bit. */
  "flipped",
  /** The ETag of a different object. */
  "wrong-etag",
  /** The correct ETag as a weak one. */
  "weak-etag",
  /** No ETag. */
  "no-etag",
  /** The previous listing. */
  "stale-list",
  /** The page of a captive portal with status 200. */
  "portal",
  /** Status 307 to an address where no server listens. */
  "redirect",
  /** Status 403, RequestTimeTooSkewed. */
  "clock-off",
] as const;

/** Returns true if a fault is transient. */
export function isTransient(fault: S3Fault): boolean {
  return (TRANSIENT as readonly string[]).includes(fault);
}

/** A response from the store or from a proxy in between. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Returns the fault for the request with this number in its run, counted from 0. */
export type FaultPlan = (request: S3Request, number: number) => S3Fault | undefined;

/** A request to the store. */
export interface S3Request {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
}

/** Returns the key of a request. The path begins with the bucket. */
export function keyOf({ target }: S3Request): string {
  const [, , ...key] = new URL(target, "http://store").pathname.split("/");
  return decodeURIComponent(key.join("/"));
}

/** Returns a response that the proxy sends in place of the store's. */
export function refusal(fault: S3Fault): Answer | undefined {
  switch (fault) {
    case "error-before":
    case "error-after":
      return problem(500, "InternalError");
    case "slow-down":
      return problem(503, "SlowDown");
    case "bad-gateway":
      return page(502, "<html><body>Bad Gateway</body></html>");
    case "too-many":
      return problem(429, "TooManyRequests");
    case "request-timeout":
      return problem(400, "RequestTimeout");
    case "aborted":
      return problem(409, "OperationAborted");
    case "portal":
      return page(200, "<html><body>Please log in</body></html>");
    case "redirect":
      return problem(307, "TemporaryRedirect", { location: "http://127.0.0.1:9/" });
    case "clock-off":
      return problem(403, "RequestTimeTooSkewed");
    default:
      return undefined;
  }
}

/** Alters the response of the store. */
export function alter(fault: S3Fault, { method }: S3Request, answer: Answer): Answer {
  const { body, headers } = answer;
  const withEtag = (etag: string) => ({ ...answer, headers: { ...headers, etag } });
  switch (fault) {
    case "truncated":
      return method === "GET" ? { ...answer, body: body.slice(0, body.length >> 1) } : answer;
    case "flipped": {
      if (method !== "GET" || body.length === 0) return answer;
      const other = body.slice();
      other[other.length >> 1]! ^= 1;
      return { ...answer, body: other };
    }
    case "wrong-etag":
      return headers.etag === undefined ? answer : withEtag('"00000000000000000000000000000000"');
    case "weak-etag":
      return headers.etag === undefined ? answer : withEtag(`W/${headers.etag}`);
    case "no-etag": {
      const { etag: _, ...others } = headers;
      return { ...answer, headers: others };
    }
    default:
      return answer;
  }
}

/** Returns a response that claims success although the store did nothing. The ETag is made up. */
export function pretended(
  { method }: S3Request,
  sent: Uint8Array,
): Answer | undefined {
  const body = new Uint8Array();
  if (method === "DELETE") return { status: 204, headers: {}, body };
  // The ETag that the object would have. The client would detect any other.
  const etag = `"${createHash("md5").update(sent).digest("hex")}"`;
  return method === "PUT" ? { status: 200, headers: { etag }, body } : undefined;
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Answer {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code></Error>`;
  const body = new TextEncoder().encode(text);
  return { status, headers: { "content-type": "application/xml", ...headers }, body };
}

function page(status: number, text: string): Answer {
  return { status, headers: { "content-type": "text/html" }, body: new TextEncoder().encode(text) };
}
