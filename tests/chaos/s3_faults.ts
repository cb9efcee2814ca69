import { createHash } from "node:crypto";

/** What a faulty store, or whatever lies on the way to it, does to one request. */
export type S3Fault = (typeof TRANSIENT)[number] | (typeof LIES)[number];

/** Faults that pass: the request was not served, or it is not known whether it was. */
export const TRANSIENT = [
  /** The connection ends before the store hears of the request. */
  "cut-before",
  /** The store does what it was asked, and the connection ends before it can say so. */
  "cut-after",
  /** The connection ends in the middle of the answer. */
  "cut-within",
  /** 500, and nothing was done. */
  "error-before",
  /** 500, though it was done. */
  "error-after",
  /** 503 SlowDown. */
  "slow-down",
  /** 502 with the page of a gateway. */
  "bad-gateway",
  /** 429. */
  "too-many",
  /** 400 RequestTimeout. */
  "request-timeout",
  /** 409 OperationAborted. */
  "aborted",
  /** The answer comes late. */
  "stall",
  /** The request arrives twice, and the second answer is given. */
  "twice",
] as const;

/** Faults in which a store says what is not so. */
export const LIES = [
  /** 200 with an ETag to a put or a delete, and nothing was done. Reads are answered truly. */
  "no-effect",
  /** An object of which the end is missing, with a length that agrees. */
  "truncated",
  /** An object of which a bit is another. */
  "flipped",
  /** Another ETag than the object's. */
  "wrong-etag",
  /** The object's ETag, as a weak one. */
  "weak-etag",
  /** No ETag at all. */
  "no-etag",
  /** A listing as it was before. */
  "stale-list",
  /** The page of a captive portal, with 200. */
  "portal",
  /** 307 to a place where nothing listens. */
  "redirect",
  /** 403 RequestTimeTooSkewed. */
  "clock-off",
] as const;

/** Whether a fault is one that passes. */
export function isTransient(fault: S3Fault): boolean {
  return (TRANSIENT as readonly string[]).includes(fault);
}

/** What a store answers, or what came back from it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Says which fault befalls the request of that number within its run; 0 is the first. */
export type FaultPlan = (request: S3Request, number: number) => S3Fault | undefined;

/** What is asked of the store. */
export interface S3Request {
  readonly method: string;
  /** Path and query, as they are sent. */
  readonly target: string;
}

/** The key that a request is about, in the bucket that its path begins with. */
export function keyOf({ target }: S3Request): string {
  const [, , ...key] = new URL(target, "http://store").pathname.split("/");
  return decodeURIComponent(key.join("/"));
}

/** An answer that is not the store's own. */
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

/** What becomes of the store's own answer. */
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

/** What a store says that does nothing: the ETag is made up. */
export function pretended(
  { method }: S3Request,
  sent: Uint8Array,
): Answer | undefined {
  const body = new Uint8Array();
  if (method === "DELETE") return { status: 204, headers: {}, body };
  // The very tag that the object would have: any other is found out by the client.
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
