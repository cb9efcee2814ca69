import type { FailureKind } from "../errors.ts";

/** What is wrong, and the next step. */
export type Diagnosis = readonly [kind: FailureKind, problem: string, remedy: string];

/** The next step where a store was not reached, or is in trouble itself. */
export const CHECK_NETWORK = "Check S3_ENDPOINT and the network, or run again later";

/** The error codes of AWS S3, Ceph RGW and MinIO that have one meaning, by that meaning. */
const MEANINGS: readonly (readonly [codes: readonly string[], told: Told])[] = [
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
      "Set AWS_ACCESS_KEY_ID, and AWS_SECRET_ACCESS_KEY with it, to a key of this store; a " +
      "temporary key needs its AWS_SESSION_TOKEN too",
    ],
  ],
  [
    ["SignatureDoesNotMatch"],
    () => [
      "configuration",
      "the secret is not the one of the access key",
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
      "the bucket belongs to another region or address",
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
      "the object was moved to an archive, from which it cannot be read at once",
      "Restore it from the archive, and end the lifecycle rule of S3_BUCKET that moved it",
    ],
  ],
  [
    ["EntityTooLarge"],
    () => [
      "configuration",
      "the store takes no object that large",
      "Raise its limit to 64 MiB for an object that is put at once",
    ],
  ],
  [
    ["XMinioObjectExistsAsDirectory", "XMinioParentIsObject", "InvalidBucketState"],
    () => [
      "configuration",
      "the bucket's state, or an object with the name of a folder, is in the way",
      "Look at that key and at the bucket's settings, and set S3_BUCKET to another bucket if need be",
    ],
  ],
  [
    ["BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"],
    () => [
      "unreachable",
      "the content was damaged on its way and nothing was stored",
      "Run again; if it stays, check the network and what lies between here and S3_ENDPOINT",
    ],
  ],
];

type Told = (bucket: string) => Diagnosis;

const NEW_CREDENTIALS =
  "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to new " +
  "ones, all three from the same login";

const BY_CODE = new Map(
  MEANINGS.flatMap(([codes, told]) => codes.map((code): [string, Told] => [code, told])),
);

/** What an error code of S3 means; undefined where it says less than its status does. */
export function diagnoseCode(code: string, bucket: string): Diagnosis | undefined {
  const told = BY_CODE.get(code);
  if (told === undefined) return undefined;
  const [kind, problem, remedy] = told(bucket);
  return [kind, `${problem} (${code})`, remedy];
}

/** Codes of a store that cannot answer just now. Most have a status that says as much. */
export const PASSING_CODES: ReadonlySet<string> = new Set([
  ...["InternalError", "ServiceUnavailable", "SlowDown", "SlowDownRead", "SlowDownWrite", "Busy"],
  ...["RequestTimeout", "RequestTimeoutException", "OperationAborted", "Throttling", "Locked"],
  ...["ConditionalRequestConflict", "TemporaryRedirect", "Redirect", "TooManyRequests"],
  ...["RequestThrottled", "BandwidthLimitExceeded", "XMinioServerNotInitialized"],
]);
