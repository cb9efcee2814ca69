import type { S3Config } from "../config.ts";
import { Failure, type FailureKind, interruption } from "../errors.ts";

/** A response that is incomplete, or that does not come from an S3 store. */
export class IncompleteAnswer extends Error {
  /** The name in a stack trace. */
  override readonly name = "IncompleteAnswer";
  /** Makes the client retry the request. */
  readonly $retryable: { readonly throttling?: boolean } = {};
}

/** The context of an error. */
export interface Attempt {
  /** The task, such as `read <key> in <lake>`. */
  readonly task: string;
  /** The bucket of the request. */
  readonly config: S3Config;
  /** The signal that may have aborted the request. */
  readonly signal: AbortSignal | undefined;
  /** True if the request was a conditional put. */
  readonly conditional: boolean;
}

/** The fields of the client's errors. The client sets the name if the store sends no error body. */
interface S3Error {
  readonly name: string;
  readonly code?: unknown;
  readonly message: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const CHECK_ENDPOINT = "Set S3_ENDPOINT to the address of an S3 store";

/**
 * Converts an error of the S3 client to a {@linkcode Failure}. The message contains only the error
 * code of the response, because stores often quote the request, including the key ID.
 *
 * @returns the error itself if it is neither an S3 error nor a network error
 */
export function s3Failure(error: unknown, attempt: Attempt): unknown {
  const { task, signal } = attempt;
  if (signal?.aborted) return interruption(task, signal);
  if (!(error instanceof Error)) return error;
  const diagnosis = diagnose(error, attempt);
  if (diagnosis === undefined) return error;
  const [kind, problem, remedy] = diagnosis;
  // The client copies all that a store answers onto its error, and with some that is the key id.
  const cause = status(error) === undefined ? { cause: error } : {};
  return new Failure({
    kind,
    task,
    problem,
    remedy: `${remedy}.`,
    ...cause,
  });
}

/** Returns whether the store answered that the object does not exist. No other 404 means that. */
export function isMissingKey(error: unknown): boolean {
  return error instanceof Error && error.name === "NoSuchKey";
}

/** Returns whether the store answered that the condition of a put is not met. */
export function isConflict(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return isMissingKey(error) || // no object exists that could have the tag
    status(error) === 412;
}

/** Returns whether the store answered that another request for the same object was in progress. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && error.name === "ConditionalRequestConflict";
}

/** Returns whether the store answered that the content of a put does not match its Content-MD5. */
export function isBadDigest(error: unknown): boolean {
  return error instanceof Error && (error.name === "BadDigest" || status(error) === 422);
}

function diagnose(error: S3Error, attempt: Attempt): Diagnosis | undefined {
  if (error instanceof IncompleteAnswer) {
    return [
      "unreachable",
      `the response is not from an S3 store, or is incomplete (${error.message})`,
      CHECK_NETWORK,
    ];
  }
  if (error instanceof Deno.errors.NotCapable) {
    const remedy = "Run it with --allow-net for the host of S3_ENDPOINT, and where " +
      'NODE_EXTRA_CA_CERTS is set with the permission sys for "ca" too';
    return ["configuration", "Deno does not have the permission", remedy];
  }
  const code = status(error);
  if (code === undefined) return diagnoseNetwork(error);
  const answer = `the store answered ${code} ${word(error.name)}`;
  if (PASSING_CODES.has(error.name)) return ["unreachable", answer, CHECK_NETWORK];
  return diagnoseCode(error.name, attempt.config.bucket) ?? byStatus(code, answer, attempt);
}

function byStatus(code: number, answer: string, attempt: Attempt): Diagnosis {
  if (code === 403) {
    return [
      "configuration",
      answer,
      "Let the user of AWS_ACCESS_KEY_ID list, read, write and delete in the bucket S3_BUCKET=" +
      attempt.config.bucket,
    ];
  }
  if (code === 501 && attempt.conditional) {
    return [
      "configuration",
      `${answer}: it does not support conditional puts, so two runs could overwrite each other`,
      "Set S3_ENDPOINT to a store that honours If-None-Match and If-Match",
    ];
  }
  if (code === 301 || code === 308) return diagnoseCode("PermanentRedirect", "")!;
  if (code === 507) return diagnoseCode("InsufficientStorage", "")!;
  if (code >= 500 && code !== 501 || TRANSIENT.has(code)) {
    return ["unreachable", answer, CHECK_NETWORK];
  }
  return ["configuration", answer, CHECK_ENDPOINT];
}

/** Statuses of a store or a proxy that may succeed on a later run. */
const TRANSIENT = new Set([302, 303, 307, 408, 409, 423, 425, 429]);

/**
 * Explains an error without an answer of the store. Returns undefined for an unknown error. Errors of
 * sockets and of TLS have a code; the timeouts of the client have none.
 */
function diagnoseNetwork(error: S3Error): Diagnosis | undefined {
  const { name, code } = error;
  if (name === "TimeoutError" && code === undefined) {
    return ["unreachable", "the store did not answer in time", CHECK_NETWORK];
  }
  if (typeof code !== "string") return undefined;
  const known: Record<string, string> = {
    ECONNREFUSED: "the connection was refused",
    ECONNRESET: "the connection was reset",
    ENOTFOUND: "the host name is unknown",
    EAI_AGAIN: "the host name cannot be resolved right now",
    EHOSTUNREACH: "the host is unreachable",
    ENETUNREACH: "the network is unreachable",
    ETIMEDOUT: "the connection timed out",
  };
  const certificate = CERTIFICATE.find(([pattern]) => pattern.test(code));
  if (certificate !== undefined) {
    return ["unreachable", `${certificate[1]} (${code})`, certificate[2]];
  }
  const problem = known[code] ?? `the connection failed: ${error.message}`;
  return ["unreachable", `${problem} (${code})`, CHECK_NETWORK];
}

/** Problems of certificates, by TLS error code. */
const CERTIFICATE: readonly (readonly [code: RegExp, problem: string, remedy: string])[] = [
  [
    /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_SELF_SIGNED)/,
    "its certificate is signed by an unknown CA",
    "Set DENO_CERT to a file with the certificate of that CA. If NODE_EXTRA_CA_CERTS is set, it " +
    "counts instead of DENO_CERT: add the certificate to its file",
  ],
  [
    /ALTNAME_INVALID$/,
    "its certificate is for a different name",
    "Set S3_ENDPOINT to a name in the certificate",
  ],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    "its certificate has expired or is not valid yet",
    "Renew the certificate, or correct the clock of this machine",
  ],
];

function status(error: S3Error): number | undefined {
  return error.$metadata?.httpStatusCode;
}

/** The error code of a store, for a message; empty if the text does not look like a code. */
function word(name: string): string {
  return /^[A-Za-z]{1,60}$/.test(name) ? name : "";
}

/** The kind of failure, the problem and the remedy. */
export type Diagnosis = readonly [kind: FailureKind, problem: string, remedy: string];

/** The remedy if a store is unreachable or has an internal error. */
export const CHECK_NETWORK = "Check S3_ENDPOINT and the network, or run again later";

/** Error codes of AWS S3, Ceph RGW and MinIO, grouped by meaning. */
const MEANINGS: readonly (readonly [codes: readonly string[], diagnose: MakeDiagnosis])[] = [
  [
    ["NoSuchBucket", "InvalidBucketName"],
    (bucket) => [
      "configuration",
      `the store has no bucket ${JSON.stringify(bucket)}`,
      "Set S3_BUCKET to a bucket that exists there, or create this one",
    ],
  ],
  [
    ["InvalidAccessKeyId", "InvalidClientTokenId"],
    () => [
      "configuration",
      "the store does not know the access key",
      "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of this store; a temporary key " +
      "also needs AWS_SESSION_TOKEN",
    ],
  ],
  [
    ["SignatureDoesNotMatch"],
    () => [
      "configuration",
      "the secret key does not match the access key",
      "Set AWS_SECRET_ACCESS_KEY to the secret that belongs to AWS_ACCESS_KEY_ID",
    ],
  ],
  [
    ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"],
    () => ["configuration", "the AWS_SESSION_TOKEN has expired", NEW_CREDENTIALS],
  ],
  [
    ["InvalidToken"],
    () => ["configuration", "the AWS_SESSION_TOKEN is invalid", NEW_CREDENTIALS],
  ],
  [
    ["RequestTimeTooSkewed", "RequestExpired"],
    () => [
      "configuration",
      "this machine's clock is off by more than the store accepts",
      "Set the clock, for example with chronyc makestep, and run again",
    ],
  ],
  [
    ["AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"]
      .concat("InvalidRegion", "IncorrectEndpoint"),
    () => [
      "configuration",
      "the bucket is in a different region or at a different address",
      "Set AWS_REGION and S3_ENDPOINT to those of the bucket",
    ],
  ],
  [
    ["QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull", "InsufficientStorage"],
    () => [
      "configuration",
      "the quota of the bucket or its user, or the store itself, is used up",
      "Raise the quota of S3_BUCKET, then run again",
    ],
  ],
  [
    ["InvalidObjectState"],
    () => [
      "configuration",
      "the object is in an archive and cannot be read directly",
      "Restore it from the archive, and remove the lifecycle rule of S3_BUCKET that moved it",
    ],
  ],
  [
    ["EntityTooLarge"],
    () => [
      "configuration",
      "the object is too large for the store",
      "Raise the store's limit for a single put to 64 MiB",
    ],
  ],
  [
    ["XMinioObjectExistsAsDirectory", "XMinioParentIsObject", "InvalidBucketState"],
    () => [
      "configuration",
      "the state of the bucket, or an object with the name of a folder, prevents the operation",
      "Check the key and the bucket's settings, or set S3_BUCKET to a different bucket",
    ],
  ],
  [
    ["BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"],
    () => [
      "unreachable",
      "the content was damaged in transit, and nothing was stored",
      "Run again; if the error persists, check the network and any proxy in front of S3_ENDPOINT",
    ],
  ],
];

type MakeDiagnosis = (bucket: string) => Diagnosis;

const NEW_CREDENTIALS =
  "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to new " +
  "ones, all three from the same login";

const BY_CODE = new Map(
  MEANINGS.flatMap(([codes, diagnose]) =>
    codes.map((code): [string, MakeDiagnosis] => [code, diagnose])
  ),
);

/** The meaning of an S3 error code; undefined if the HTTP status says more. */
export function diagnoseCode(code: string, bucket: string): Diagnosis | undefined {
  const diagnose = BY_CODE.get(code);
  if (diagnose === undefined) return undefined;
  const [kind, problem, remedy] = diagnose(bucket);
  return [kind, `${problem} (${code})`, remedy];
}

/** Codes of a store that is temporarily unavailable. Most have a status that says the same. */
export const PASSING_CODES: ReadonlySet<string> = new Set([
  "InternalError",
  "ServiceUnavailable",
  "SlowDown",
  "SlowDownRead",
  "SlowDownWrite",
  "Busy",
  "RequestTimeout",
  "RequestTimeoutException",
  "OperationAborted",
  "Throttling",
  "Locked",
  "ConditionalRequestConflict",
  "TemporaryRedirect",
  "Redirect",
  "TooManyRequests",
  "RequestThrottled",
  "BandwidthLimitExceeded",
  "XMinioServerNotInitialized",
]);
