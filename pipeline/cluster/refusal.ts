import { Failure, type FailureKind } from "../errors.ts";
import type { Access } from "./access.ts";
import { ApiError, type Cause } from "./cluster.ts";
import type { Answer } from "./connection.ts";
import { type Fields, isFields } from "./kubeconfig.ts";
import { placeOf } from "./network_failure.ts";
import { redacted, withoutValues } from "./redact.ts";

/** What an API server says of a request that it refuses. */
interface Status {
  readonly reason: string;
  readonly says: string;
  readonly causes: readonly Cause[];
}

/** A request that was answered. */
export interface Asked {
  /** As in `apply Secret robson/a`. */
  readonly what: string;
  /** Whose API server it was. */
  readonly access: Access;
  /** Values that the answer may quote, and nobody may read. */
  readonly secrets?: readonly string[];
}

/**
 * The object that an API server answered with.
 *
 * @throws {ApiError} the server refuses
 * @throws {Failure} unreachable: the server is busy or broken, or this is no API server
 */
export function objectIn(answer: Answer, asked: Asked): Fields {
  const body = json(answer.text);
  const isGood = answer.status >= 200 && answer.status < 300;
  if (isGood && isFields(body)) return body;
  const status = isGood ? undefined : statusIn(body, asked, answer.session.secrets);
  throw status === undefined ? stranger(answer, asked) : refusal(answer, status, asked);
}

/** Whether an API server says that it has no such path: for some it says so in plain text. */
export function answersNotFound({ status, text }: Answer): boolean {
  if (status !== 404) return false;
  const body = json(text);
  return text.trim() === "404 page not found" || isFields(body) && body.reason === "NotFound";
}

function statusIn(
  body: unknown,
  { secrets = [] }: Asked,
  own: readonly string[],
): Status | undefined {
  if (!isFields(body) || body.kind !== "Status") return undefined;
  const { details } = body;
  const causes = isFields(details) && Array.isArray(details.causes) ? details.causes : [];
  const clean = (text: unknown) => {
    if (typeof text !== "string") return "";
    const told = secrets.length === 0 ? text : withoutValues(text);
    return sentence(redacted(told, [...secrets, ...own]));
  };
  return {
    reason: typeof body.reason === "string" && /^\w{1,60}$/.test(body.reason) ? body.reason : "",
    says: clean(body.message),
    causes: causes.filter(isFields).map(({ field, message }) => (
      { field: clean(field), message: clean(message) }
    )),
  };
}

/** A server's words in one line, as a part of a sentence of ours. */
export function sentence(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim().slice(0, 1000);
  return line.replace(/\.$/, "").replace(/\. (?=[A-Z])/g, "; ");
}

function refusal(answer: Answer, status: Status, { what, access }: Asked): ApiError {
  const [kind, problem, remedy] = diagnose(answer, status, access);
  return new ApiError({ kind, task: what, problem, remedy }, { status: answer.status, ...status });
}

type Diagnosis = readonly [kind: FailureKind, problem: string, remedy: string];

function diagnose(
  { status, session }: Answer,
  { says, causes }: Status,
  access: Access,
): Diagnosis {
  const server = placeOf(access);
  const said = `the server says: ${says}`;
  switch (status) {
    case 401:
      return [
        "configuration",
        `${server} does not accept the login of ${access.userName} in ${access.file}` +
        ended(session.ends),
        access.whoami === undefined
          ? "Look whether the service account of this pod is still there."
          : `Log in anew, and try it with ${access.whoami}.`,
      ];
    case 403:
      return ["configuration", said, forbiddenRemedy(says, access)];
    case 404:
      return ["configuration", said, "Create first what is not there."];
    case 409:
      return causes.length === 0
        ? ["configuration", said, "Look at the object as it is in the cluster, and run again."]
        : [
          "configuration",
          conflicts(causes),
          "Leave out these fields, or take them over by force.",
        ];
    case 410:
      return ["unreachable", said, "Run again."];
  }
  if (isBusyOrBroken(status) && !isOfTheObject(says)) {
    const problem = `${server} answered ${status}: ${says}`;
    return ["unreachable", problem, "Look whether the cluster is well, and run again later."];
  }
  return ["configuration", said, "Mend what it names, and run again."];
}

function forbiddenRemedy(says: string, { userName, file }: Access): string {
  return /User "system:anonymous"/.test(says)
    ? `Give ${userName || "the context's user"} in ${file} a token or a certificate.`
    : "Have an administrator allow it, or choose another --context.";
}

function isBusyOrBroken(status: number): boolean {
  return status === 429 || status >= 500;
}

/** Of an object that does not fit its schema, servers say 500 when it is applied. */
function isOfTheObject(says: string): boolean {
  return /^failed to (create typed|convert new) /.test(says);
}

function ended(at: number | undefined): string {
  if (at === undefined || at > Date.now()) return "";
  return `, which expired on ${new Date(at).toISOString().replace(".000", "")}`;
}

function conflicts(causes: readonly Cause[]): string {
  return causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
}

/** What answered, and speaks another language. Nobody knows what is in there, so none of it is told. */
export function stranger({ status, headers, text }: Answer, { what, access }: Asked): Failure {
  const server = placeOf(access);
  const type = headers.get("content-type")?.match(/^[\w/.+-]{1,60}/)?.[0] ?? "no type";
  const problem = text === ""
    ? `${server} answered ${status} and nothing else`
    : `${server} answered ${status} with ${type}, as no API server does`;
  const remedy = isBusyOrBroken(status)
    ? "Look whether the cluster is well, and run again later."
    : "Set the kubeconfig's server to the address of an API server.";
  return new Failure({
    kind: "unreachable",
    task: what,
    problem,
    remedy,
  });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
