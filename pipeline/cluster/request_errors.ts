import { Failure, type FailureParts, interruption } from "../errors.ts";
import { ApiError, type Cause, type Fields, isFields } from "./cluster.ts";
import { type Access, formatTime } from "./kubeconfig.ts";
import type { Login } from "./login.ts";

// Turns errors of a request into Failures: network and TLS errors, refusals of the API server, and
// responses of other servers.

const CHECK_NETWORK = "Check that the cluster is running and reachable from here, and run again.";
const CHECK_SERVER = "Set the kubeconfig's server to the address of an API server.";
const CHECK_HEALTH = "Check the health of the cluster, and run again later.";

/**
 * Known errors: a part of the error's message, the problem, and the remedy. The last entry matches
 * every error.
 */
const DIAGNOSES: readonly (readonly [pattern: RegExp, problem: string, remedy: string])[] = [
  [
    /UnknownIssuer|CaUsedAsEndEntity|BadSignature/,
    "the certificate is signed by an unknown CA",
    "Set the cluster's certificate-authority to the CA of this server, or correct the server.",
  ],
  [
    /NotValidForName|not valid for name/,
    "the certificate is for a different name",
    "Set the kubeconfig's server to a name in the certificate.",
  ],
  [
    /invalid peer certificate: (Expired|certificate expired)/,
    "the certificate has expired",
    "Renew the API server's certificate, or correct the clock of this machine.",
  ],
  [/invalid peer certificate/, "the certificate is not valid", CHECK_SERVER],
  [
    /corrupt message|invalid HTTP version/,
    "a server of another protocol responds",
    CHECK_SERVER,
  ],
  [/tls handshake eof/, "the connection was closed during the TLS handshake", CHECK_SERVER],
  [/ are blocked/, "Deno does not allow requests to the port", CHECK_SERVER],
  [/dns error/, "the host name does not exist", CHECK_SERVER],
  [
    /Proxy|unsuccessful tunnel/i,
    "the proxy does not connect to the server",
    "Check its proxy-url.",
  ],
  [/Connection refused/, "the connection was refused", CHECK_NETWORK],
  [/TimeoutError/, "the server did not answer in time", CHECK_NETWORK],
  [/^/, "the connection was closed", CHECK_NETWORK],
];

/**
 * Turns a network or TLS error of a request into a {@linkcode Failure}.
 *
 * @param task the task, which follows "Cannot" in messages: `list Pod objects in the namespace
 *   robson`
 * @param signal the signal that can have cancelled the request
 * @returns the error itself if it is of another kind
 */
export function networkFailure(
  error: unknown,
  task: string,
  access: Access,
  signal?: AbortSignal,
): unknown {
  if (error instanceof Failure) return error;
  if (signal?.aborted) return interruption(task, signal);
  if (!(error instanceof Error)) return error;
  if (error instanceof Deno.errors.NotCapable) {
    return new Failure({
      kind: "configuration",
      task,
      problem: `Deno has no permission to connect to ${access.server}`,
      remedy: "Run the command with --allow-net for that address.",
    });
  }
  // fetch throws a TypeError for every cause. Only the message differs.
  if (!(error instanceof TypeError) && error.name !== "TimeoutError") return error;
  const cause = error.cause instanceof Error ? error.cause.message : "";
  const words = `${error.name} ${error.message} ${cause}`;
  const [, problem, remedy] = DIAGNOSES.find(([pattern]) => pattern.test(words))!;
  return new Failure({
    kind: "unreachable",
    task,
    problem: `${problem} at ${placeOf(access)}`,
    remedy,
    cause: error,
  });
}

/** Returns the address of an API server and its context, for messages. */
function placeOf({ context, server }: Access): string {
  return `${server} (context ${JSON.stringify(context)})`;
}

/** A complete response. */
export interface Answer {
  /** The HTTP status. */
  readonly status: number;
  /** The headers. */
  readonly headers: Headers;
  /** The body. */
  readonly text: string;
  /** The credentials that the request was sent with. */
  readonly login: Login;
}

/** The context of a response, for messages. */
export interface Answered {
  /** The task of the request, which follows "Cannot" in messages: `apply Secret robson/a`. */
  readonly task: string;
  /** The server, and the user. */
  readonly access: Access;
  /** Secrets that the response may quote, and that no message may contain. */
  readonly secrets?: readonly string[];
}

/**
 * Parses the object in an answer.
 *
 * @throws {ApiError} the server refuses the request
 * @throws {Failure} unreachable: the server is overloaded or broken, or is not an API server
 */
export function parseObject(answer: Answer, answered: Answered): Fields {
  const body = parseJson(answer.text);
  const isSuccess = answer.status >= 200 && answer.status < 300;
  if (isSuccess && isFields(body)) return body;
  const status = isSuccess ? undefined : parseStatus(body, answered, answer.login.secrets);
  throw status === undefined ? notAnApiServer(answer, answered) : refusal(answer, status, answered);
}

/**
 * Returns whether the API server does not know the path. For some paths the response is plain text.
 */
export function isNotFound({ status, text }: Answer): boolean {
  if (status !== 404) return false;
  const body = parseJson(text);
  return text.trim() === "404 page not found" || isFields(body) && body.reason === "NotFound";
}

/**
 * Returns the failure for a response that is not from an API server. The body is not shown, because
 * it can contain secrets.
 */
export function notAnApiServer(
  { status, headers, text }: Answer,
  { task, access }: Answered,
): Failure {
  const server = placeOf(access);
  const type = headers.get("content-type")?.match(/^[\w/.+-]{1,60}/)?.[0] ?? "no content type";
  const problem = text === ""
    ? `${server} answered ${status} with an empty body`
    : `${server} answered ${status} with ${type}, which is not a response of an API server`;
  const remedy = isOverloadedOrBroken(status) ? CHECK_HEALTH : CHECK_SERVER;
  return new Failure({ kind: "unreachable", task, problem, remedy });
}

/** Puts a server's message on one line, to use it within a sentence. */
export function oneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim().slice(0, 1000);
  return line.replace(/\.$/, "").replace(/\. (?=[A-Z])/g, "; ");
}

/** The API server's `Status` for a refused request. */
interface Status {
  readonly reason: string;
  readonly serverMessage: string;
  readonly causes: readonly Cause[];
}

function parseStatus(
  body: unknown,
  { secrets = [] }: Answered,
  loginSecrets: readonly string[],
): Status | undefined {
  if (!isFields(body) || body.kind !== "Status") return undefined;
  const { details } = body;
  const causes = isFields(details) && Array.isArray(details.causes) ? details.causes : [];
  const clean = (text: unknown) => {
    if (typeof text !== "string") return "";
    const withoutSecrets = secrets.length === 0 ? text : withoutValues(text);
    return oneLine(redact(withoutSecrets, [...secrets, ...loginSecrets]));
  };
  return {
    reason: typeof body.reason === "string" && /^\w{1,60}$/.test(body.reason) ? body.reason : "",
    serverMessage: clean(body.message),
    causes: causes.filter(isFields).map(({ field, message }) => (
      { field: clean(field), message: clean(message) }
    )),
  };
}

function refusal(answer: Answer, status: Status, { task, access }: Answered): ApiError {
  const parts = diagnose(answer, status, access);
  return new ApiError({ task, ...parts }, { status: answer.status, ...status });
}

function diagnose(
  { status, login }: Answer,
  { serverMessage, causes }: Status,
  access: Access,
): Omit<FailureParts, "task"> {
  const server = placeOf(access);
  const kind = "configuration";
  const problem = `the server says: ${serverMessage}`;
  switch (status) {
    case 401:
      return {
        kind,
        problem: `${server} does not accept the credentials of ${access.userName} in ` +
          `${access.file}${expiryNote(login.expires)}`,
        remedy: access.whoami === undefined
          ? "Check that the service account of this pod still exists."
          : `Log in again, and check with: ${access.whoami}`,
      };
    case 403:
      return { kind, problem, remedy: forbiddenRemedy(serverMessage, access) };
    case 404:
      return { kind, problem, remedy: "Create the missing object first." };
    case 409:
      return causes.length === 0
        ? {
          kind,
          problem,
          remedy: "Compare the manifest with the object in the cluster, and run again.",
        }
        : {
          kind,
          problem: causes.map(({ field, message }) => `${field}: ${message}`).join(", "),
          remedy: "Remove these fields from the manifest, or apply with force.",
        };
    case 410:
      return { kind: "unreachable", problem, remedy: "Run again." };
  }
  if (isOverloadedOrBroken(status) && !isAboutObject(serverMessage)) {
    return {
      kind: "unreachable",
      problem: `${server} answered ${status}: ${serverMessage}`,
      remedy: CHECK_HEALTH,
    };
  }
  return {
    kind,
    problem,
    remedy: "Correct the object as the server's message says, and run again.",
  };
}

function forbiddenRemedy(serverMessage: string, { userName, file }: Access): string {
  return /User "system:anonymous"/.test(serverMessage)
    ? `Give ${userName || "the context's user"} in ${file} a token or a certificate.`
    : "Ask an administrator for this permission, or choose another --context.";
}

function isOverloadedOrBroken(status: number): boolean {
  return status === 429 || status >= 500;
}

/**
 * Returns whether an error 500 concerns the applied object. API servers respond with 500 if an
 * object does not match the schema.
 */
function isAboutObject(serverMessage: string): boolean {
  return /^failed to (create typed|convert new) /.test(serverMessage);
}

function expiryNote(expires: number | undefined): string {
  if (expires === undefined || expires > Date.now()) return "";
  return `, which expired on ${formatTime(expires)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const MASK = "…";

/** Masks secrets in a text, also in quoted JSON or Go strings. */
export function redact(text: string, secrets: readonly string[]): string {
  const forms = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  const longestFirst = [...new Set(forms)].filter((each) => each !== "")
    .sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, secret) => {
    // The secret "5" is not replaced in "15" or in a name that contains a 5.
    const alone = `(?<![A-Za-z0-9])${RegExp.escape(secret)}(?![A-Za-z0-9])`;
    return rest.replace(new RegExp(alone, "g"), MASK);
  }, text);
}

/**
 * Removes values from a server's message about a wrong type. The server formats numbers as Go does,
 * so {@linkcode redact} does not recognize them.
 */
export function withoutValues(text: string): string {
  return text.replace(/got &value\.\w+\{[^\n]*\}/g, "got a value of another type");
}

/** Returns the values of a Secret, encoded and decoded. Returns an empty list for other kinds. */
export function secretValues(object: Fields): string[] {
  if (object.kind !== "Secret") return [];
  return [
    ...valuesIn(object.stringData),
    ...valuesIn(object.data).flatMap((value) => [value, decodeBase64(value)]),
  ];
}

function valuesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(valuesIn);
  if (isFields(value)) return Object.values(value).flatMap(valuesIn);
  return value === null || value === undefined ? [] : [String(value)];
}

function decodeBase64(value: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(value), (c) => c.charCodeAt(0)));
  } catch {
    return value;
  }
}
