import {
  DATABASE_SECRET,
  JOBS_NAMESPACE,
  LAKE_SECRET,
} from "../../../pipeline/contract/cluster_names.ts";
import type { Finding } from "../../finding.ts";
import { type ManifestObject, placeOf } from "../../kubernetes/objects.ts";
import { decodeBase64, isFields, textOf } from "../../kubernetes/fields.ts";

/**
 * Judges the values of a Secret in a cluster that jobs read as variables. Other values belong to other
 * programs, or become files, which often end with a newline.
 *
 * @param keys the keys whose values are judged
 */
export function judgeStored(object: ManifestObject, keys: readonly string[]): Finding[] {
  return entriesOf(object.value.stringData).filter(([key]) => keys.includes(key))
    .flatMap(([key, value]) => {
      const text = String(value);
      const problem = problemOfStored(text);
      if (problem === undefined) return [];
      const again = `tore the value again, ${storing(object, [key])}`;
      const findings = problemFindings(object, `data.${key}`, { problem, fix: `S${again}` });
      if (!isPerhapsIntended(text)) return findings;
      const fix =
        `If this is intended, --credentials cluster proves the login. Otherwise s${again}`;
      return findings.map((finding): Finding => ({ ...finding, severity: "warn", fix }));
    });
}

/**
 * Returns whether a value differs from a valid one by spaces only, which can belong to a password.
 */
function isPerhapsIntended(value: string): boolean {
  const inner = value.trim();
  return inner !== "" && !/[\r\n]/.test(value) && problemOfStored(inner) === undefined;
}

/** Judges the values of a Secret in the manifests, unless a tool fills Secrets of its type. */
export function judgeSecret(object: ManifestObject): Finding[] {
  const { data, stringData, type } = object.value;
  if (textOf(type) !== undefined && type !== "Opaque" && type !== "kubernetes.io/basic-auth") {
    return [];
  }
  const plain = entriesOf(stringData).flatMap(([key, value]) =>
    typeof value === "string"
      ? problemFindings(object, `stringData.${key}`, plainTrouble(value))
      : problemFindings(
        object,
        `stringData.${key}`,
        {
          problem: value === null
            ? "is empty"
            : "is not a string in YAML, so the API server refuses it",
          fix: "Put the value in quotes.",
        },
      )
  );
  const sound: string[] = [];
  const encoded = entriesOf(data).flatMap(([key, value]) => {
    const trouble = problemOfEncoded(value);
    if (trouble === undefined) sound.push(key);
    return problemFindings(object, `data.${key}`, trouble);
  });
  return [...plain, ...encoded, ...(sound.length > 0 ? [inData(object, sound)] : [])];
}

function entriesOf(value: unknown): [string, unknown][] {
  return isFields(value) ? Object.entries(value) : [];
}

function plainTrouble(value: string): ValueProblem | undefined {
  const trouble = problemOfValue(value);
  if (trouble !== undefined || !isEncodedText(value)) return trouble;
  return {
    problem: "is base64, but stringData takes plain text: the value would be encoded twice",
    fix: "Write the plain text, without base64.",
  };
}

function problemOfStored(value: string): string | undefined {
  const twice = isEncodedText(value)
    ? "is encoded twice: the decoded value is base64 again"
    : undefined;
  return problemOfValue(value)?.problem ?? twice;
}

function problemOfEncoded(value: unknown): ValueProblem | undefined {
  const text = typeof value === "string" ? decodeBase64(value.trim()) : undefined;
  if (text === undefined) {
    return {
      problem: "is not base64, so the API server refuses it",
      fix: "Move the value to stringData, unchanged.",
    };
  }
  const trouble = problemOfValue(text);
  if (trouble !== undefined) {
    const fix = `Move the value to stringData. ${trouble.fix}`;
    return { problem: `${trouble.problem}, after decoding`, fix };
  }
  if (!isEncodedText(text)) return undefined;
  return {
    problem: "is encoded twice: the decoded value is base64 again",
    fix: "Move the value to stringData, as plain text.",
  };
}

function problemFindings(
  object: ManifestObject,
  field: string,
  trouble: ValueProblem | undefined,
): Finding[] {
  if (trouble === undefined) return [];
  return [{
    severity: "fail",
    ...placeOf(object, field),
    problem: `the value ${trouble.problem}`,
    why: "a job gets exactly this value, and its login fails",
    fix: trouble.fix,
  }];
}

function inData(object: ManifestObject, keys: readonly string[]): Finding {
  return {
    severity: "fail",
    ...placeOf(object, "data"),
    problem: `${keys.join(", ")} ${keys.length === 1 ? "is" : "are"} in data, not in stringData`,
    why:
      "a value that is encoded by hand often includes escapes and line breaks of the shell, which " +
      "are invisible in base64",
    fix: `Move them to stringData as plain text, or store them ${storing(object, keys)}`,
  };
}

/** A problem of a Secret's value. The message never contains any part of the value. */
export interface ValueProblem {
  /** The problem, as in `ends with a newline`. */
  readonly problem: string;
  /** The correction of the value. */
  readonly fix: string;
}

/** Looks for traces of shells, editors and copying in a value. */
export function problemOfValue(value: string): ValueProblem | undefined {
  if (value === "") return { problem: "is empty", fix: "Fill it in." };
  if (isPlaceholder(value)) return { problem: "is still a placeholder", fix: "Fill it in." };
  if (/\s$/.test(value)) {
    const what = /\n$/.test(value) ? "a newline" : "white space";
    return {
      problem: `ends with ${what}`,
      fix: 'Write the value on one line, in quotes; echo adds a newline, printf "%s" does not.',
    };
  }
  if (/^\s/.test(value)) {
    return { problem: "begins with white space", fix: "Write the value on one line, in quotes." };
  }
  if (/^(["'`]).*\1$/s.test(value) && value.length > 1) {
    return {
      problem: "is enclosed in quotes, which become part of the value",
      fix: "Remove the inner quotes; the quotes of YAML are enough.",
    };
  }
  // Before other characters, a backslash can belong to a password.
  const escaped = /\\([!$"'`&*()#;<>|?~])/.exec(value)?.[1];
  if (escaped !== undefined) {
    return {
      problem: `has a backslash before ${JSON.stringify(escaped)}, like an escape of a shell`,
      fix: "Remove the backslash. Single quotes in YAML leave other characters unchanged.",
    };
  }
  return undefined;
}

/** Returns whether a value is base64 of printable text. */
export function isEncodedText(value: string): boolean {
  const decoded = decodeBase64(value);
  return decoded !== undefined && decoded.length >= 6 && /^[\x20-\x7e]+\r?\n?$/.test(decoded);
}

function isPlaceholder(value: string): boolean {
  return /^<.*>$|<[A-Za-z][A-Za-z _-]{2,}>|^\{\{.*\}\}$|^\$\{?\w+\}?$|^\.\.\.$|^…$/.test(value) ||
    /^["']?(change[-_ ]?me|replace[-_ ]?(me|this)|fill[-_ ]?(me|this)?[-_ ]?in|todo|fixme|tbd|placeholder|x{3,}|your[-_ ].*|dummy)["']?$/i
      .test(value.trim());
}

/** The end of the advice "Store the Secret …": a way that needs no shell escapes. */
export function storing(
  { namespace = "default", name }: {
    readonly namespace?: string | undefined;
    readonly name: string;
  },
  keys: readonly string[],
): string {
  const isOurs = [DATABASE_SECRET, LAKE_SECRET].includes(name);
  if (isOurs && namespace === JOBS_NAMESPACE) {
    return "from the environment or a hidden prompt, without shell escapes: deno task secrets";
  }
  const files = keys.map((key) => `--from-file=${key}=<file>`).join(" ");
  return `from a file that contains only the value: kubectl -n ${namespace} create secret generic ` +
    `${name} ${files} --dry-run=client -o yaml | kubectl apply -f -`;
}
