import http from "node:http";
import https from "node:https";
import type { S3Config } from "../config.ts";
import { withRequest } from "../server_requests.ts";
import type { ObjectMemory } from "./object_memory.ts";

/**
 * Time limit for the start of a response, in milliseconds. It is short, because the S3 client waits
 * longer when it sends the request again.
 */
const ANSWER_TIMEOUT = 5_000;
/** Time limit for a connection that receives no data within a response, in milliseconds. */
const DATA_TIMEOUT = 30_000;
/** The S3 client reads larger objects, in bytes. No part is that large. */
const LARGEST = 1 << 30;

/** An object of the store as it arrived. */
export interface ReceivedObject {
  /** The whole content. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The tag in the response. */
  readonly etag: string | undefined;
  /** Whether the store encrypted the object. The tag of such an object can be any text. */
  readonly encrypted: boolean;
}

/** The answer to a request: an object, that it is missing, or anything else. */
export type Answer = ReceivedObject | "missing" | undefined;

/** The parts of a request that its signature covers. */
export interface UnsignedRequest {
  /** The method. */
  readonly method: "GET";
  /** `http:` or `https:`. */
  readonly protocol: string;
  /** The host without its port. */
  readonly hostname: string;
  /** The path, with escapes. */
  readonly path: string;
  /** The headers. */
  readonly headers: Record<string, string>;
}

/** Returns the headers of the request, with its signature. */
export type Sign = (request: UnsignedRequest) => Promise<Record<string, string>>;

/** Reads objects with requests of its own. */
export interface ObjectReader {
  /**
   * Reads an object with one request.
   *
   * @returns undefined if the answer is neither a whole object nor that the object is missing. The
   *   reason is not known: the caller repeats the request with the S3 client, which explains errors
   */
  get(key: string): Promise<Answer>;
  /** Closes the connections. */
  close(): void;
}

/**
 * Creates a reader of a bucket. Its requests take half of the CPU time of the S3 client, which
 * counts when a command reads thousands of markers.
 *
 * @param connections the most connections, which the reader keeps alive
 * @param memory allocates the arrays
 * @param signal aborts the requests
 */
export function createObjectReader(
  { endpoint, bucket }: S3Config,
  sign: Sign,
  connections: number,
  memory: ObjectMemory,
  signal?: AbortSignal,
): ObjectReader {
  const { protocol, hostname, host, port } = new URL(endpoint);
  const { Agent, request } = protocol === "https:" ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  // The brackets of an IPv6 address are not part of it.
  const address = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port || undefined };

  function send(path: string, headers: Record<string, string>): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const sent = request({ ...address, path, headers, agent });
    const fail = () => {
      sent.destroy();
      resolve(undefined);
    };
    let timer = setTimeout(fail, ANSWER_TIMEOUT);
    signal?.addEventListener("abort", fail);
    sent.on("error", fail);
    sent.on("response", (answer) => {
      const length = Number(answer.headers["content-length"] ?? NaN);
      const isSized = Number.isSafeInteger(length) && length >= 0 && length <= LARGEST;
      const hasTime = Number.isFinite(Date.parse(answer.headers["last-modified"] ?? ""));
      const isObject = answer.statusCode === 200 && hasTime;
      if (!isSized || !isObject && answer.statusCode !== 404) return fail();
      const bytes = memory.array(length);
      let arrived = 0;
      answer.on("error", fail);
      answer.on("data", (chunk: Uint8Array) => {
        clearTimeout(timer);
        timer = setTimeout(fail, DATA_TIMEOUT);
        if (arrived + chunk.length > length) return fail();
        bytes.set(chunk, arrived);
        arrived += chunk.length;
      });
      answer.on("end", () => {
        if (arrived !== length) return fail();
        if (!isObject) return resolve(saysMissing(bytes) ? "missing" : undefined);
        const { etag } = answer.headers;
        const encrypted = ENCRYPTED.some((name) => answer.headers[name] !== undefined);
        resolve({ bytes, etag, encrypted });
      });
    });
    sent.end();
    return promise.finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", fail);
    });
  }

  return {
    async get(key) {
      const path = `/${[bucket, ...key.split("/")].map(escape).join("/")}`;
      const unsigned = { method: "GET", protocol, hostname, path, headers: { host } } as const;
      if (signal?.aborted) return undefined;
      try {
        const headers = await sign(unsigned);
        return await withRequest(
          "s3",
          `GET /${bucket}/${key}`,
          () => send(path, headers),
          (answer) => answer === "missing" ? 404 : answer === undefined ? undefined : 200,
        );
      } catch {
        return undefined; // the process may not have the permission for the host
      }
    },
    close: () => agent.destroy(),
  };
}

/** The headers of an encrypted object. */
const ENCRYPTED = [
  "x-amz-server-side-encryption",
  "x-amz-server-side-encryption-customer-algorithm",
];

/** Returns whether an answer with status 404 says that the object is missing. */
function saysMissing(body: Uint8Array): boolean {
  return new TextDecoder().decode(body).includes("<Code>NoSuchKey</Code>");
}

/** Escapes a segment of a path as the signature requires. */
function escape(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
