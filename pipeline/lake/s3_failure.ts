import type { S3Config } from "../config.ts";
import { Failure, type FailureKind } from "../errors.ts";
import { interruption } from "../interruption.ts";

/** An answer that arrived, and is not all that an S3 store has to say. */
export class IncompleteAnswer extends Error {
  /** What a stack trace calls it. */
  override readonly name = "IncompleteAnswer";
}

/** What was being done when an error occurred. */
export interface Attempt {
  /** `read <key> in <lake>` */
  readonly task: string;
  /** The bucket that was asked. */
  readonly config: S3Config;
  /** What may have ended the request. */
  readonly signal: AbortSignal | undefined;
  /** Whether it was a conditional put. */
  readonly conditional: boolean;
}

/** What the client's errors have; a store without error bodies leaves the name to the client. */
interface S3Error {
  readonly name: string;
  readonly code?: unknown;
  readonly message: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** What is wrong, and the next step. */
type Diagnosis = readonly [kind: FailureKind, problem: string, remedy: string];

const CHECK_NETWORK = "Check S3_ENDPOINT and the network, or run again later";
const CHECK_ENDPOINT = "Check S3_ENDPOINT: it is the address of an S3 store";

/**
 * Tells an error of the S3 client as a {@linkcode Failure}. It never repeats what the store said
 * beyond the error's code, since stores like to quote the request, key id included.
 *
 * @returns the error itself where it is none of S3 or of the network
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
  return new Failure(kind, `Cannot ${task}: ${problem}. ${remedy}.`, cause);
}

/** Whether the store said that there is no such object. Any other 404 is no answer to that. */
export function isMissingKey(error: unknown): boolean {
  return error instanceof Error && error.name === "NoSuchKey";
}

/** Whether the store said that a put's condition does not hold. */
export function isConflict(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return isMissingKey(error) || // there is nothing that could have the tag
    error.name === "ConditionalRequestConflict" || status(error) === 412;
}

/** Whether the store said that a put's content is not what its Content-MD5 says. */
export function isBadDigest(error: unknown): boolean {
  return error instanceof Error && (error.name === "BadDigest" || status(error) === 422);
}

function diagnose(error: S3Error, attempt: Attempt): Diagnosis | undefined {
  if (error instanceof IncompleteAnswer) {
    return ["unreachable", `the answer was not complete (${error.message})`, CHECK_NETWORK];
  }
  if (error instanceof Deno.errors.NotCapable) {
    const remedy = "Run it with --allow-net for the host of S3_ENDPOINT";
    return ["configuration", "Deno was not given the permission", remedy];
  }
  const code = status(error);
  if (code === undefined) return networkTrouble(error);
  const answer = `the store answered ${code} ${word(error.name)}`;
  return byName(error.name, attempt) ?? byStatus(code, answer, attempt);
}

function byName(name: string, { config: { bucket } }: Attempt): Diagnosis | undefined {
  switch (name) {
    case "NoSuchBucket":
    case "InvalidBucketName":
      return [
        "configuration",
        `the store has no bucket ${JSON.stringify(bucket)} (${name})`,
        "Set S3_BUCKET to a bucket that exists there, or create this one",
      ];
    case "InvalidAccessKeyId":
      return [
        "configuration",
        `the store does not know the access key (${name})`,
        "Set AWS_ACCESS_KEY_ID, and AWS_SECRET_ACCESS_KEY with it, to a key of this store",
      ];
    case "SignatureDoesNotMatch":
      return [
        "configuration",
        `the secret is not the one of the access key (${name})`,
        "Set AWS_SECRET_ACCESS_KEY to the secret that belongs to AWS_ACCESS_KEY_ID",
      ];
    case "RequestTimeTooSkewed":
      return [
        "configuration",
        `this machine's clock is off by more than the store accepts (${name})`,
        "Set the clock, for example with chronyc makestep, and run again",
      ];
    case "AuthorizationHeaderMalformed":
    case "PermanentRedirect":
      return [
        "configuration",
        `the bucket belongs to another region or address (${name})`,
        "Set AWS_REGION and S3_ENDPOINT to those of the bucket",
      ];
    case "QuotaExceeded":
      return [
        "configuration",
        `the quota of the bucket or its user is used up (${name})`,
        "Raise the quota of S3_BUCKET, or remove what is not needed, and run again",
      ];
    case "BadDigest":
      return [
        "unreachable",
        `the content was damaged on its way and nothing was stored (${name})`,
        "Run again; if it stays, check the network and what lies between here and S3_ENDPOINT",
      ];
  }
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
      `${answer}: it cannot do conditional puts, so two runs could overwrite each other and ` +
      "publishing there is not safe",
      "Set S3_ENDPOINT to a store that honours If-None-Match and If-Match",
    ];
  }
  if (code >= 500 && code !== 501) return ["unreachable", answer, CHECK_NETWORK];
  if (code === 408 || code === 429) return ["unreachable", answer, CHECK_NETWORK];
  return ["configuration", answer, CHECK_ENDPOINT];
}

/** Errors of sockets and of TLS have a code, or are the client's own timeouts. */
function networkTrouble(error: S3Error): Diagnosis | undefined {
  const { name, code } = error;
  if (name === "TimeoutError" && code === undefined) {
    return ["unreachable", "the store did not answer in time", CHECK_NETWORK];
  }
  if (typeof code !== "string") return undefined;
  const known: Record<string, string> = {
    ECONNREFUSED: "nothing accepts connections there",
    ECONNRESET: "the connection was cut",
    ENOTFOUND: "its host name is not known",
    EAI_AGAIN: "its host name cannot be looked up now",
    EHOSTUNREACH: "there is no way to the host",
    ENETUNREACH: "there is no way to the network",
    ETIMEDOUT: "it did not answer in time",
  };
  const problem = known[code] ?? `the connection failed: ${error.message}`;
  return ["unreachable", `${problem} (${code})`, CHECK_NETWORK];
}

function status(error: S3Error): number | undefined {
  return error.$metadata?.httpStatusCode;
}

/** An error's code comes from the store; anything that does not look like one stays out. */
function word(name: string): string {
  return /^[A-Za-z]{1,60}$/.test(name) ? name : "";
}
