import { runEnds } from "../run_end.ts";
import { shell, shellQuote } from "../../../pipeline/shell.ts";
import { type Project, secretsCommand } from "../../../pipeline/contract/project.ts";
import type { Finding } from "../../finding.ts";
import { isFilledByTool } from "../../kubernetes/filled_values.ts";
import { type ManifestObject, placeOf } from "../../kubernetes/objects.ts";
import { decodeBase64, isFields, textOf } from "../../kubernetes/fields.ts";

/**
 * Judges the values of a Secret in a cluster that jobs read. Other values belong to other programs.
 *
 * @param keys the keys that jobs read as variables
 * @param files the keys that jobs get only as files
 */
export function judgeStored(
  object: ManifestObject,
  keys: readonly string[],
  project: Project,
  files: readonly string[] = [],
): Finding[] {
  const entries = entriesOf(object.value.stringData);
  const asFiles = entries.filter(([key]) => files.includes(key)).flatMap(([key, value]) =>
    problemFindings(object, `data.${key}`, problemOfFile(String(value)))
  );
  const asVariables = entries.filter(([key]) => keys.includes(key))
    .flatMap(([key, value]) => {
      const text = String(value);
      const { problem, isUncertain } = problemOfStored(text) ?? {};
      if (problem === undefined) return [];
      const again = `tore the value again, ${storing(object, [key], project)}`;
      const findings = problemFindings(object, `data.${key}`, { problem, fix: `S${again}` });
      if (!isUncertain && !isPerhapsIntended(text)) return findings;
      const fix =
        `If this is intended, --credentials cluster proves the login. Otherwise s${again}`;
      return findings.map((finding): Finding => ({ ...finding, severity: "warn", fix }));
    });
  return [...asVariables, ...asFiles];
}

/**
 * Returns whether a value differs from a valid one by spaces only, which can belong to a password.
 */
function isPerhapsIntended(value: string): boolean {
  const inner = value.trim();
  return inner !== "" && !/[\r\n]/.test(value) && problemOfStored(inner) === undefined;
}

/**
 * Judges the values of a Secret in the manifests, unless a tool fills Secrets of its type or decrypts
 * the file.
 *
 * @param isFile whether jobs get a key only as a file, which may have several lines
 * @param isForJobs false if no job can read the Secret; then a strange value is only a warning
 * @param isForUrl whether a workload puts the value of a key into a URL, so that it is encoded
 */
export function judgeSecret(
  object: ManifestObject,
  isFile: (key: string) => boolean = () => false,
  isForJobs = true,
  isForUrl: (key: string) => boolean = () => false,
): Finding[] {
  const { data, stringData, type } = object.value;
  if (textOf(type) !== undefined && type !== "Opaque" && type !== "kubernetes.io/basic-auth") {
    return [];
  }
  if (isFilledByTool(object)) return [];
  const isMeant = (key: string, trouble: ValueProblem | undefined) =>
    trouble?.isForUrl === true && (isForUrl(key) || /ur[il]|dsn|enc/i.test(key));
  const plain = entriesOf(stringData).flatMap(([key, value]) => {
    const trouble = plainProblem(value, isFile(key));
    return isMeant(key, trouble)
      ? []
      : problemFindings(object, `stringData.${key}`, trouble, isForJobs);
  });
  // The API server takes the value of stringData, but refuses a Secret with any invalid data.
  const replaced = new Set(entriesOf(stringData).map(([key]) => key));
  const encoded = entriesOf(data).flatMap(([key, value]) => {
    const trouble = problemOfEncoded(value, isFile(key));
    const counts = trouble?.isRefused === true || !replaced.has(key);
    return counts && !isMeant(key, trouble)
      ? problemFindings(object, `data.${key}`, trouble, isForJobs)
      : [];
  });
  return [...plain, ...encoded];
}

function entriesOf(value: unknown): [string, unknown][] {
  return isFields(value) ? Object.entries(value) : [];
}

function plainProblem(value: unknown, isFile: boolean): ValueProblem | undefined {
  if (typeof value !== "string") {
    const problem = value === null
      ? "is empty"
      : "is not a string in YAML, so the API server refuses it";
    const refused = value === null ? {} : { isRefused: true as const };
    return { problem, fix: "Put the value in quotes.", ...refused };
  }
  if (isFile) return problemOfFile(value);
  const trouble = problemOfPlain(value);
  return trouble === undefined || trouble.problem !== BASE64 ? trouble : {
    ...trouble,
    problem: "is base64, but stringData takes plain text: the value would be encoded twice",
  };
}

const BASE64 = "is base64, and not the plain text";

/** Judges a value that is written as plain text. */
export function problemOfPlain(value: string): ValueProblem | undefined {
  return problemOfValue(value) ??
    (isEncodedText(value)
      ? { problem: BASE64, fix: "Write the plain text, without base64." }
      : undefined);
}

function problemOfStored(value: string): Omit<ValueProblem, "fix"> | undefined {
  return problemOfValue(value) ??
    (isEncodedText(value)
      ? { problem: "is encoded twice: the decoded value is base64 again" }
      : undefined);
}

function problemOfEncoded(value: unknown, isFile: boolean): ValueProblem | undefined {
  const text = typeof value === "string" ? decodeBase64(value.trim()) : undefined;
  if (text === undefined && typeof value === "string" && isPlaceholder(value)) {
    return {
      problem: "is still a placeholder, not base64, so the API server refuses it",
      fix: "Fill in the value as base64, or fill in the file with its tool, such as envsubst.",
      isRefused: true,
    };
  }
  if (text === undefined) {
    return {
      problem: "is not base64, so the API server refuses it",
      fix: "Move the value to stringData, unchanged.",
      isRefused: true,
    };
  }
  const trouble = isFile ? problemOfFile(text) : problemOfValue(text);
  if (trouble !== undefined) {
    const fix = `Move the value to stringData. ${trouble.fix}`;
    return { ...trouble, problem: `${trouble.problem}, after decoding`, fix };
  }
  if (isFile || !isEncodedText(text)) return undefined;
  return {
    problem: "is encoded twice: the decoded value is base64 again",
    fix: "Move the value to stringData, as plain text.",
  };
}

function problemFindings(
  object: ManifestObject,
  field: string,
  trouble: ValueProblem | undefined,
  isForJobs = true,
): Finding[] {
  if (trouble === undefined) return [];
  if (trouble.isUncertain) {
    return [{
      severity: "warn",
      ...placeOf(object, field),
      problem: `the value ${trouble.problem}`,
      why: "a program that reads the Secret gets exactly this value",
      fix: `If the value must be so, ignore this. Otherwise: ${trouble.fix}`,
    }];
  }
  return [{
    severity: isForJobs || trouble.isRefused ? "fail" : "warn",
    ...placeOf(object, field),
    problem: `the value ${trouble.problem}`,
    why: isForJobs
      ? `a job gets exactly this value, and its login fails${loginEnd(field)}`
      : "a program that reads the Secret gets exactly this value",
    fix: trouble.fix,
  }];
}

/** Returns how a run ends that logs in with a wrong value of a field such as `data.NAME`. */
function loginEnd(field: string): string {
  return field.endsWith(".DJANGO_DB_PASSWORD")
    ? `; ${runEnds("at once", "password authentication failed")}`
    : "";
}

/** A problem of a Secret's value. The message never contains any part of the value. */
export interface ValueProblem {
  /** The problem, as in `ends with a newline`. */
  readonly problem: string;
  /** The correction of the value. */
  readonly fix: string;
  /** True if the API server refuses the Secret. */
  readonly isRefused?: true;
  /** True if the value can be so on purpose. */
  readonly isUncertain?: true;
  /** True if the value is right for a URL, but not by itself. */
  readonly isForUrl?: true;
}

/**
 * A file may have several lines, and characters of any syntax. In a file of one line, such as a
 * password, traces of shells are worth a warning.
 */
function problemOfFile(text: string): ValueProblem | undefined {
  if (isPlaceholder(text)) return { problem: "is still a placeholder", fix: "Fill it in." };
  const line = text.replace(/\r?\n$/, "");
  if (line === "" || /[\r\n]/.test(line) || /^\s*[{[<]/.test(line)) return undefined;
  const trouble = problemOfValue(line) ?? (isEncodedText(line)
    ? {
      problem: "is base64, so the file has base64 and not its plain text",
      fix: "Write the plain text, without base64.",
    }
    : undefined);
  return trouble && { ...trouble, isUncertain: true };
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
  const encoding = ENCODINGS.find(({ form }) => form.test(value));
  if (encoding !== undefined) {
    const { name, isForUrl } = encoding;
    return {
      problem: `has characters that are encoded for ${name}`,
      fix: "Write the characters themselves: a job does not decode the value.",
      isUncertain: true,
      ...(isForUrl && { isForUrl }),
    };
  }
  // A value of several lines can be a script, or the configuration of a program.
  if (!value.includes("\n") && UNREPLACED.test(value)) {
    return {
      problem: "has a command or a variable that only a shell would replace",
      fix: "Write the text that the shell would have put there.",
      isUncertain: true,
    };
  }
  return undefined;
}

/** Texts that were encoded for another syntax, as in `%21`, `&amp;` and `\\u0021` for special characters. */
const ENCODINGS: readonly {
  readonly form: RegExp;
  readonly name: string;
  readonly isForUrl?: true;
}[] = [
  {
    form: /^[\w.~-]*(?:%(?:2[0-9A-F]|3[A-F]|40|5[B-E]|60|7[B-D])[\w.~-]*)+$/i,
    name: "a URL",
    isForUrl: true,
  },
  { form: /&(?:amp|lt|gt|quot|apos|#\d{2,3}|#x[\da-f]{2});/i, name: "HTML or XML" },
  { form: /\\u00[2-7][\da-f]/i, name: "JSON" },
];

/** What a shell replaces in a text: `$(command)`, a command in backticks, and `${NAME}`. */
const UNREPLACED = /\$\(\s*[a-z/][^()]*\)|`\s*[a-z/][^`]*`|\$\{[a-z_]\w*([:#%/^,@-][^{}]*)?\}/i;

/** Returns whether a value is base64 of printable text. */
export function isEncodedText(value: string): boolean {
  const decoded = decodeBase64(value);
  return decoded !== undefined && decoded.length >= 6 && /^[\x20-\x7e]+\r?\n?$/.test(decoded);
}

function isPlaceholder(value: string): boolean {
  return PLACEHOLDERS.some((each) => each.test(value.trim()));
}

/**
 * The texts that templates and examples have in place of values. A random password can contain
 * `<`, `$` and words, so a placeholder inside a value must be a known word between separators.
 */
const PLACEHOLDERS = [
  /^<[A-Za-z][\w .:/-]*>$/,
  new RegExp(
    "(?<![A-Za-z0-9])<(?:your|my|the|change|replace|insert|enter|put|fill|pass(?:word)?|secret|" +
      "user(?:name)?|host(?:name)?|bucket|region|endpoint|access|key|token|value|name|db|database|" +
      "project|namespace|cluster|domain|account|id|port)[\\w .-]*>(?![A-Za-z0-9])",
    "i",
  ),
  /^\{\{.*\}\}$/s,
  /^\$\{\w+\}$/,
  /^\$[A-Z][A-Z\d]*_[A-Z\d_]*$/,
  /^\$(PASSWORD|SECRET|TOKEN|USER|USERNAME|HOST)$/,
  /^(\.{3}|…)$/,
  /^["']?(change[-_ ]?me|replace[-_ ]?(me|this)|fill[-_ ]?(me|this)?[-_ ]?in|todo|fixme|tbd|placeholder|x{3,}|your[-_ ].*|dummy)["']?$/i,
];

/** The end of the advice "Store the Secret …": a way that needs no shell escapes. */
export function storing(
  { namespace = "default", name }: {
    readonly namespace?: string | undefined;
    readonly name: string;
  },
  keys: readonly string[],
  project: Project,
): string {
  const { jobs, database, lake } = project;
  const isOurs = name === database.secret || name === lake.secret;
  if (isOurs && namespace === jobs.namespace) {
    return "from the environment or a hidden prompt, without shell escapes: " +
      secretsCommand(project);
  }
  const files = keys.map((key) => `--from-file=${shellQuote(key)}=<file>`).join(" ");
  return shell`from a file that contains only the value: kubectl -n ${namespace} create secret generic ` +
    `${shellQuote(name)} ${files} --dry-run=client -o yaml | kubectl apply -f -`;
}
