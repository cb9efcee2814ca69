import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { bucketName, type S3Config } from "../config.ts";
import { Failure } from "../errors.ts";
import { type BucketState, conditionsRemedy, tryConditions } from "./conditions.ts";
import { type Condition, type Lake, type ObjectEntry, REQUESTS_IN_FLIGHT } from "./lake.ts";
import {
  IncompleteAnswer,
  isBadDigest,
  isBusy,
  isConflict,
  isMissingKey,
  s3Failure,
} from "./s3_errors.ts";
import { createObjectReader, type ReceivedObject, type Sign } from "./s3_get.ts";
import { newScratchFolder } from "./lifetimes.ts";
import { withRequest } from "../server_requests.ts";
import { createObjectMemory, type ObjectMemory } from "./object_memory.ts";

/** Number of attempts of a request. */
const ATTEMPTS = 4;
/** Connections of a client, which it keeps alive. Each request in flight needs one. */
const CONNECTIONS = 2 * REQUESTS_IN_FLIGHT;
/** Time limit for a connection, in milliseconds. */
const CONNECT_TIMEOUT = 5_000;
/** Time limit for the start of a response, in milliseconds. */
const ANSWER_TIMEOUT = 60_000;
/**
 * Time limit for a put, and for a connection that receives no data, in milliseconds. A put receives
 * no data until its body is sent, so the value allows a part of 64 MiB at 2 Mbit/s.
 */
const UPLOAD_TIMEOUT = 300_000;
/**
 * Time limit for reading the state of the bucket and for removing a scratch object, in
 * milliseconds.
 */
const PROBE_TIMEOUT = 5_000;

/**
 * Opens a lake in a bucket of an S3-compatible store.
 *
 * If the response to a conditional put is lost, the retry finds the object of the first attempt and
 * reports `conflict`, although the put succeeded. A caller that needs certainty reads the object
 * again.
 *
 * @param signal aborts whatever is under way; the methods then throw its reason if that is a
 *   Failure, and else one that is unreachable
 */
export function openS3(config: S3Config, signal?: AbortSignal): Lake {
  const { bucket: Bucket } = config;
  const name = bucketName(config);
  const client = s3Client(config);
  const options = signal === undefined ? {} : { abortSignal: signal };
  const memory = createObjectMemory();
  const reader = createObjectReader(config, signWith(client), CONNECTIONS, memory, signal);

  const failure = (task: string, error: unknown, conditional = false) =>
    s3Failure(error, { task: `${task} in ${name}`, config, signal, conditional });

  /** The versioning and object lock of the bucket, if the key may read them. */
  async function bucketState(): Promise<BucketState> {
    const soon = () => ({ abortSignal: AbortSignal.timeout(PROBE_TIMEOUT) });
    const [lock, versioning] = await Promise.allSettled([
      client.send(new GetObjectLockConfigurationCommand({ Bucket }), soon()),
      client.send(new GetBucketVersioningCommand({ Bucket }), soon()),
    ]);
    const locked = lock.status === "fulfilled" &&
      lock.value.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
    if (locked) return "object-locked";
    return versioning.status === "fulfilled" && versioning.value.Status ? "versioned" : undefined;
  }

  async function confirmOnce(lake: Lake): Promise<void> {
    const key = `${newScratchFolder()}conditions`;
    try {
      const problem = await tryConditions(lake, key);
      if (problem === undefined) return;
      const remedy = conditionsRemedy(await bucketState());
      throw new Failure({
        kind: "configuration",
        task: `publish in ${name}`,
        problem,
        remedy: `${remedy}.`,
      });
    } finally {
      const command = new DeleteObjectCommand({ Bucket, Key: key });
      const soon = { abortSignal: AbortSignal.timeout(PROBE_TIMEOUT) };
      await client.send(command, soon).catch(() => {}); // only the first error is reported
    }
  }

  /** The pages of a listing. */
  async function* pages(input: Omit<ListObjectsV2CommandInput, "Bucket">) {
    let token: string | undefined;
    do {
      const command: ListObjectsV2Command = new ListObjectsV2Command({
        Bucket,
        ...input,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await client.send(command, options);
      if (page.Name !== Bucket) throw new IncompleteAnswer("not a listing of the bucket");
      if (page.IsTruncated && !page.NextContinuationToken) {
        throw new IncompleteAnswer("a truncated listing");
      }
      yield page;
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** Reads an object with the S3 client, which retries failures before the body. */
  async function receive(key: string): Promise<ReceivedObject> {
    const answer = await client.send(new GetObjectCommand({ Bucket, Key: key }), options);
    const { Body, ContentLength, LastModified } = answer;
    if (!Body || ContentLength === undefined || LastModified === undefined) {
      throw new IncompleteAnswer("no length or no time");
    }
    return {
      bytes: await readBody(Body as AsyncIterable<Uint8Array>, ContentLength, memory),
      etag: answer.ETag,
      encrypted: answer.ServerSideEncryption !== undefined ||
        answer.SSECustomerAlgorithm !== undefined,
    };
  }

  let confirmed: Promise<void> | undefined;
  const lake: Lake = {
    name,
    url: (key) => `s3://${Bucket}/${key}`,

    async get(key) {
      for (let attempt = 1;; attempt++) {
        try {
          const received = attempt === 1 ? await reader.get(key) : await receive(key);
          if (received === "missing") return undefined;
          if (received === undefined) continue; // the S3 client finds out why
          const etag = unquoted(received.etag);
          confirmDigest(received.encrypted, etag, md5(received.bytes));
          return { bytes: received.bytes, etag, free: () => memory.free(received.bytes) };
        } catch (error) {
          if (isMissingKey(error)) return undefined;
          // Failures within the body are retried here.
          const again = error instanceof IncompleteAnswer && attempt < ATTEMPTS;
          if (!again || signal?.aborted) throw failure(`read ${key}`, error);
        }
      }
    },

    async put(key, body, condition, frees = false) {
      const digest = md5(body);
      for (let attempt = 1;; attempt++) {
        try {
          const answer = await client.send(
            new PutObjectCommand({
              Bucket,
              Key: key,
              Body: body,
              ContentLength: body.length,
              ContentMD5: digest.toString("base64"),
              ...preconditions(condition),
            }),
            { ...options, requestTimeout: UPLOAD_TIMEOUT },
          );
          const encrypted = answer.ServerSideEncryption !== undefined ||
            answer.SSECustomerAlgorithm !== undefined;
          confirmDigest(encrypted, unquoted(answer.ETag), digest);
          // A store can refuse an attempt before it has read the body, which is then still sent.
          const isOnly = attempt === 1 && answer.$metadata.attempts === 1;
          if (frees && isOnly) body.buffer.transfer(0);
          return "stored";
        } catch (error) {
          if (condition !== undefined && isConflict(error)) return "conflict";
          const again = isBusy(error) && attempt < ATTEMPTS && !signal?.aborted;
          if (!again) throw failure(`store ${key}`, error, condition !== undefined);
        }
      }
    },

    async list(prefix) {
      const entries: ObjectEntry[] = [];
      try {
        for await (const { Contents = [] } of pages({ Prefix: prefix })) {
          for (const { Key, Size, LastModified } of Contents) {
            const modified = LastModified?.getTime();
            if (Key === undefined || Size === undefined || !Number.isFinite(modified)) {
              throw new IncompleteAnswer("a listing without sizes or times");
            }
            entries.push({ key: Key, bytes: Size, modified: modified! });
          }
        }
      } catch (error) {
        throw failure(`list ${prefix || "all objects"}`, error);
      }
      return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    },

    async folders(prefix) {
      const found: string[] = [];
      try {
        for await (const { CommonPrefixes = [] } of pages({ Prefix: prefix, Delimiter: "/" })) {
          for (const { Prefix } of CommonPrefixes) {
            if (Prefix === undefined) throw new IncompleteAnswer("a listing without names");
            found.push(Prefix);
          }
        }
      } catch (error) {
        throw failure(`list the folders in ${prefix}`, error);
      }
      return found.sort();
    },

    async remove(key) {
      try {
        await client.send(new DeleteObjectCommand({ Bucket, Key: key }), options);
      } catch (error) {
        if (!isMissingKey(error)) throw failure(`remove ${key}`, error);
      }
    },

    confirmConditions() {
      confirmed ??= confirmOnce(lake).catch((error) => {
        if (!(error instanceof Failure && error.kind === "configuration")) confirmed = undefined;
        throw error;
      });
      return confirmed;
    },

    close() {
      client.destroy();
      reader.close();
      memory.close();
    },
  };
  return lake;
}

/** Operations for testing a store. */
export interface S3Probe {
  /**
   * Puts an object with the Content-MD5 of another one, to simulate damage in transit.
   *
   * @returns `refused` if the store detected the damage
   */
  putDamaged(key: string, body: Uint8Array<ArrayBuffer>): Promise<"refused" | "stored">;
  /** Reads the bytes of an object from the one at `first` to the one at `last`. */
  range(key: string, first: number, last: number): Promise<Uint8Array>;
  /** Closes the connections. */
  close(): void;
}

/**
 * Opens a bucket for testing its store. The methods throw as those of {@linkcode openS3} do.
 *
 * @param signal as there
 */
export function openS3Probe(config: S3Config, signal?: AbortSignal): S3Probe {
  const Bucket = config.bucket;
  const client = s3Client(config);
  const options = signal === undefined ? {} : { abortSignal: signal };
  const failure = (task: string, error: unknown) =>
    s3Failure(error, {
      task: `${task} in ${bucketName(config)}`,
      config,
      signal,
      conditional: false,
    });
  return {
    async putDamaged(key, body) {
      const ContentMD5 = createHash("md5").update(body).update("damage").digest("base64");
      const command = new PutObjectCommand({ Bucket, Key: key, Body: body, ContentMD5 });
      try {
        await client.send(command, options);
        return "stored";
      } catch (error) {
        if (isBadDigest(error)) return "refused";
        throw failure(`store ${key}`, error);
      }
    },
    async range(key, first, last) {
      try {
        const Range = `bytes=${first}-${last}`;
        const { Body } = await client.send(
          new GetObjectCommand({ Bucket, Key: key, Range }),
          options,
        );
        if (!Body) throw new IncompleteAnswer("no content");
        return await Body.transformToByteArray();
      } catch (error) {
        throw failure(`read a range of ${key}`, error);
      }
    },
    close: () => client.destroy(),
  };
}

/**
 * Creates a client that depends only on the configuration. The client would read any missing
 * setting from the environment and from files in the home directory.
 */
function s3Client(config: S3Config): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey, sessionToken } = config;
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
    forcePathStyle: true,
    // Ceph RGW verifies Content-MD5, ignores newer checksums, and refuses the chunked uploads that
    // newer checksums require.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    maxAttempts: ATTEMPTS,
    requestHandler: {
      httpAgent: { keepAlive: true, maxSockets: CONNECTIONS },
      httpsAgent: { keepAlive: true, maxSockets: CONNECTIONS },
      connectionTimeout: CONNECT_TIMEOUT,
      requestTimeout: ANSWER_TIMEOUT,
      throwOnRequestTimeout: true,
      socketTimeout: UPLOAD_TIMEOUT,
    },
    retryMode: "standard",
    defaultsMode: "standard",
    authSchemePreference: [],
    sigv4aSigningRegionSet: [region],
    disableS3ExpressSessionAuth: true,
    useArnRegion: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    disableClockSkewCorrection: false,
    userAgentAppId: "deep-storage",
    defaultUserAgentProvider: () => Promise.resolve([["deep-storage", "1"]]),
  });
  // A store confirms a put or a removal with an empty body. A response with content comes from a
  // proxy.
  client.middlewareStack.add((next) => async (args) => {
    const { method, path = "", query } = args.request as {
      readonly method?: string;
      readonly path?: string;
      readonly query?: Readonly<Record<string, unknown>>;
    };
    const listed = query?.prefix === undefined ? "" : `?prefix=${query.prefix}`;
    const what = `${method} ${path.replaceAll("%3D", "=")}${listed}`;
    const result = await withRequest(
      "s3",
      what,
      () => next(args),
      ({ response }) => (response as { readonly statusCode?: number }).statusCode,
    );
    const { headers } = result.response as { headers?: Record<string, string> };
    const talks = Number(headers?.["content-length"] ?? 0) > 0 ||
      /html|json/.test(headers?.["content-type"] ?? "");
    if (talks && (method === "PUT" || method === "DELETE")) {
      throw new IncompleteAnswer("an unexpected response body");
    }
    return result;
  }, { step: "deserialize", name: "confirmEmptyResponse", priority: "high" });
  return client;
}

/** Signs requests as the client does, by the clock that it has corrected. */
function signWith({ config }: S3Client): Sign {
  const signer = config.signer();
  return async (request) => {
    const signingDate = new Date(Date.now() + config.systemClockOffset);
    return (await (await signer).sign(request, { signingDate })).headers;
  };
}

function preconditions(condition: Condition | undefined) {
  if (condition === undefined) return {};
  // Ceph RGW compares the tag verbatim, and stores it without quotes.
  return condition === "absent" ? { IfNoneMatch: "*" } : { IfMatch: condition.etag };
}

function unquoted(etag: string | undefined): string {
  if (!etag) throw new IncompleteAnswer("no ETag");
  return etag.replace(/^(?:W\/)?"(.*)"$/i, "$1"); // proxies that compress put W/ in front
}

/**
 * Compares the digest of content with its ETag if the ETag looks like an MD5 digest and the store did not encrypt
 * the object. The ETag of an encrypted object can be different.
 */
function confirmDigest(encrypted: boolean, etag: string, digest: Buffer): void {
  if (encrypted) return;
  if (/^[0-9a-f]{32}$/i.test(etag) && etag.toLowerCase() !== digest.toString("hex")) {
    throw new IncompleteAnswer("its ETag belongs to different content");
  }
}

function md5(content: Uint8Array): Buffer {
  return createHash("md5").update(content).digest();
}

/** Reads a body into one array, without a copy of the whole. */
async function readBody(
  body: AsyncIterable<Uint8Array>,
  length: number,
  memory: ObjectMemory,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = memory.array(length);
  let arrived = 0;
  try {
    for await (const chunk of body) {
      if (arrived + chunk.length <= length) bytes.set(chunk, arrived);
      arrived += chunk.length;
    }
  } catch (cause) {
    throw new IncompleteAnswer("the connection broke within the object", { cause });
  }
  if (arrived !== length) throw new IncompleteAnswer(`${arrived} of ${length} bytes arrived`);
  return bytes;
}
