import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { ObjectStore } from "./object_store.ts";
import { sha256, signature, signedFetch } from "./sigv4.ts";

/** Options of the strict server. */
export interface StrictS3Options {
  /** Most keys per page of a listing. */
  readonly pageSize?: number;
  /**
   * Responds instead of the server, optionally after the server has served the request (`serve`).
   */
  readonly fault?: (
    request: Request,
    serve: () => Promise<Response>,
    connection: Deno.ServeHandlerInfo,
  ) => Response | Promise<Response> | undefined;
}

interface Stored {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  readonly modified: Date;
}

type Bucket = Map<string, Stored>;

const USER = {
  region: "us-east-1",
  accessKeyId: "STRICTKEY",
  secretAccessKey: "strict/secret+key",
};
/** Allowed clock skew of a client in milliseconds. */
const CLOCK_SKEW = 15 * 60 * 1000;

/**
 * Starts an in-memory S3 server that rejects what a real server rejects: wrong signatures and
 * digests, failed conditions, uploads without a length. Unlike a real server, it also rejects an
 * object without Content-MD5, and can inject faults.
 */
export function startStrictS3({ pageSize = 1000, fault }: StrictS3Options = {}): ObjectStore {
  const buckets = new Map<string, Bucket>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request, connection) => {
      const serve = () => answer(request, buckets, pageSize);
      return fault?.(request, serve, connection) ?? serve();
    },
  );
  const config = { endpoint: `http://127.0.0.1:${server.addr.port}`, ...USER };
  return {
    name: "the strict S3 server",
    config,
    async createBucket(bucket) {
      const made = await signedFetch(config, "PUT", new URL(`${config.endpoint}/${bucket}`));
      const text = await made.text();
      if (!made.ok) throw new Error(`Cannot create the bucket ${bucket}: ${text}`);
      return { kind: "s3", bucket, ...config };
    },
    stop: () => server.shutdown(),
  };
}

async function answer(
  request: Request,
  buckets: Map<string, Bucket>,
  pageSize: number,
): Promise<Response> {
  if (request.method === "PUT" && !request.headers.has("content-length")) {
    await request.body?.cancel();
    return refusal(411, "MissingContentLength");
  }
  const body = await request.bytes();
  const refused = refusedForItsHeaders(request, body);
  if (refused !== undefined) return refused;

  const url = new URL(request.url);
  const path = decodeURIComponent(url.pathname).slice(1);
  const slash = path.indexOf("/");
  const [name, key] = slash < 0 ? [path, ""] : [path.slice(0, slash), path.slice(slash + 1)];
  if (request.method === "PUT" && key === "" && name !== "") {
    if (!buckets.has(name)) buckets.set(name, new Map());
    return new Response();
  }
  const bucket = buckets.get(name);
  if (bucket === undefined) return refusal(404, "NoSuchBucket");
  if (key === "") {
    const list = request.method === "GET" && url.searchParams.get("list-type") === "2";
    return list
      ? listing(name, bucket, url.searchParams, pageSize)
      : refusal(501, "NotImplemented");
  }
  switch (request.method) {
    case "GET":
    case "HEAD":
      return object(bucket.get(key), request);
    case "PUT":
      return request.headers.has("content-md5")
        ? put(bucket, key, body, request.headers)
        : refusal(400, "InvalidRequest");
    case "DELETE":
      bucket.delete(key);
      return new Response(null, { status: 204 });
    default:
      return refusal(405, "MethodNotAllowed");
  }
}

function refusedForItsHeaders(request: Request, body: Uint8Array): Response | undefined {
  const { method, headers } = request;
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=(\w+)$/;
  const [, keyId, scope, names, signed] = pattern.exec(headers.get("authorization") ?? "") ?? [];
  if (!keyId || !scope || !names) return refusal(403, "AccessDenied");
  // Like AWS, the response quotes the key ID, so tests can see whether a client prints it.
  if (keyId !== USER.accessKeyId) return refusal(403, "InvalidAccessKeyId", keyId);

  const signedHeaders = names.split(";");
  const mustBeSigned = ["host", ...[...headers.keys()].filter((name) => /^x-amz-/.test(name))];
  if (!mustBeSigned.every((name) => signedHeaders.includes(name))) {
    return refusal(403, "AccessDenied");
  }
  const time = headers.get("x-amz-date") ?? "";
  const iso = time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  if (!(Math.abs(Date.now() - Date.parse(iso)) < CLOCK_SKEW)) {
    return refusal(403, "RequestTimeTooSkewed");
  }
  const goodScope = `${time.slice(0, 8)}/${USER.region}/s3/aws4_request`;
  if (scope !== goodScope) return refusal(400, "AuthorizationHeaderMalformed");
  const asSigned = { method, url: new URL(request.url), headers, signedHeaders };
  if (signed !== signature(asSigned, scope, USER.secretAccessKey)) {
    return refusal(403, "SignatureDoesNotMatch", keyId);
  }
  if (headers.get("x-amz-content-sha256") !== sha256(body)) {
    return refusal(400, "XAmzContentSHA256Mismatch");
  }
  const md5 = headers.get("content-md5");
  if (md5 !== null && md5 !== createHash("md5").update(body).digest("base64")) {
    return refusal(400, "BadDigest");
  }
}

function put(
  bucket: Bucket,
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
  headers: Headers,
): Response {
  const before = bucket.get(key);
  const [noneMatch, match] = [headers.get("if-none-match"), headers.get("if-match")];
  if (noneMatch !== null && noneMatch !== "*") return refusal(501, "NotImplemented");
  if (noneMatch !== null && before !== undefined) return refusal(412, "PreconditionFailed");
  if (match !== null) {
    if (before === undefined) return refusal(404, "NoSuchKey");
    if (match.replaceAll('"', "") !== before.etag) return refusal(412, "PreconditionFailed");
  }
  const etag = createHash("md5").update(bytes).digest("hex");
  bucket.set(key, { bytes, etag, modified: new Date() });
  return new Response(null, { headers: { etag: `"${etag}"` } });
}

function object(stored: Stored | undefined, { method, headers }: Request): Response {
  if (stored === undefined) return refusal(404, "NoSuchKey");
  const { bytes, etag, modified } = stored;
  const about = { etag: `"${etag}"`, "last-modified": modified.toUTCString() };
  if (method === "HEAD") {
    return new Response(null, { headers: { ...about, "content-length": `${bytes.length}` } });
  }
  const range = headers.get("range");
  if (range === null) return new Response(bytes, { headers: about });
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  const first = from === "" ? Math.max(0, bytes.length - Number(to)) : Number(from);
  const last = from === "" || to === "" ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1);
  if (from + to === "" || first > last) return refusal(416, "InvalidRange");
  const place = { "content-range": `bytes ${first}-${last}/${bytes.length}` };
  const part = bytes.subarray(first, last + 1);
  return new Response(part, { status: 206, headers: { ...about, ...place } });
}

function listing(
  bucketName: string,
  bucket: Bucket,
  query: URLSearchParams,
  pageSize: number,
): Response {
  const prefix = query.get("prefix") ?? "";
  const token = query.get("continuation-token");
  const after = token === null ? "" : decodeURIComponent(token);
  const most = Math.min(pageSize, Number(query.get("max-keys") ?? pageSize));
  const delimiter = query.get("delimiter");
  const folderOf = (key: string) => {
    const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    return end < 0 ? undefined : key.slice(0, end + delimiter!.length);
  };
  const inside = [...bucket.keys()].filter((key) => key.startsWith(prefix));
  const names = [...new Set(inside.map((key) => folderOf(key) ?? key))].sort(byUtf8)
    .filter((name) => after === "" || byUtf8(name, after) > 0);
  const page = names.slice(0, most);
  const truncated = names.length > page.length;
  const contents = page.map((name) => {
    if (folderOf(name) !== undefined) {
      return `<CommonPrefixes><Prefix>${xml(name)}</Prefix></CommonPrefixes>`;
    }
    const { bytes, etag, modified } = bucket.get(name)!;
    return `<Contents><Key>${
      xml(name)
    }</Key><LastModified>${modified.toISOString()}</LastModified>` +
      `<ETag>&quot;${etag}&quot;</ETag><Size>${bytes.length}</Size></Contents>`;
  });
  const next = truncated
    ? `<NextContinuationToken>${xml(encodeURIComponent(page.at(-1)!))}</NextContinuationToken>`
    : "";
  return document(
    200,
    `<ListBucketResult><Name>${xml(bucketName)}</Name><Prefix>${xml(prefix)}</Prefix>` +
      `<KeyCount>${page.length}</KeyCount><MaxKeys>${most}</MaxKeys>` +
      `<IsTruncated>${truncated}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`,
  );
}

/** Returns an S3 error response. Faults use it too. */
export function refusal(status: number, code: string, keyId = ""): Response {
  const quoted = keyId && `<AWSAccessKeyId>${xml(keyId)}</AWSAccessKeyId>`;
  const message = `<Message>${xml(`Refused ${keyId}`)}</Message>`;
  return document(status, `<Error><Code>${code}</Code>${message}${quoted}</Error>`);
}

function document(status: number, content: string): Response {
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n${content}`, {
    status,
    headers: { "content-type": "application/xml" },
  });
}

/** Compares keys in UTF-8 order. JavaScript's string order differs for characters above U+FFFF. */
function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function xml(text: string): string {
  return text.replace(/[&<>"'\r]/g, (c) => `&#${c.charCodeAt(0)};`);
}
