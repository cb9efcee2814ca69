import { naming } from "../../checks/list_names.ts";
import { serverProblem } from "../../checks/preflight/secrets/local_servers.ts";
import { isEncodedText, problemOfValue } from "../../checks/preflight/secrets/secret_values.ts";
import type { SecretTexts } from "../../pipeline/cluster/job_secrets.ts";
import { secretValues } from "../../pipeline/config.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Prompt } from "../cli/prompt.ts";
import { paint, printError } from "../cli/terminal.ts";
import type { SecretSpec } from "./job_secrets.ts";

/** The keys with secret values, which the terminal does not show. */
const HIDDEN = ["DJANGO_DB_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/**
 * Reads the values of a Secret from the environment.
 *
 * @throws {Failure} configuration: a variable without a default is not set, or names the pod itself
 *   where a server is meant
 */
export function fromEnvironment({ opens, name, keys, project }: SecretSpec): SecretTexts {
  const values = secretValues(keys, undefined, project);
  const missing = keys.filter((key) => !values.has(key));
  if (missing.length === 0) {
    for (const [key, value] of values) requireServerOutside(name, key, value, project);
    return values;
  }
  const other = opens === "database" ? "lake" : "database";
  throw new Failure({
    kind: "configuration",
    task: `create Secret ${name} from the environment`,
    problem: `${naming(missing)} ${missing.length === 1 ? "is" : "are"} not set`,
    remedy: `Set ${missing.length === 1 ? "it" : "them"}, type the values with --from prompt, or ` +
      `leave the Secret out with --only ${other}.`,
  });
}

/**
 * Asks for the values of a Secret. Values are stored exactly as typed. An empty line selects the
 * default value, if any.
 *
 * @throws {Failure} configuration: the input ended before all values were given
 */
export async function fromPrompt(
  { name, keys, project }: SecretSpec,
  prompt: Prompt,
): Promise<SecretTexts> {
  const defaults = secretValues(keys, undefined, project);
  const values = new Map<string, string>();
  for (const key of keys) {
    const isHidden = HIDDEN.includes(key);
    const usual = isHidden ? undefined : defaults.get(key);
    const question = usual === undefined ? `${key}: ` : `${key} [${usual}]: `;
    while (!values.has(key)) {
      const answer = isHidden ? await prompt.hidden(question) : await prompt.line(question);
      if (answer === undefined) throw inputEnded(name);
      const value = answer || usual;
      const wrong = serverProblem(key, value ?? "", project);
      if (wrong !== undefined) printError(`${wrong.problem}. ${wrong.fix}`);
      else if (value) values.set(key, value);
      else printError(`${key} cannot be empty.`);
    }
  }
  return values;
}

/**
 * @throws {Failure} configuration: the value names the pod itself where a server is meant, or is no
 *   host
 */
function requireServerOutside(
  secret: string,
  key: string,
  value: string,
  project: Project,
): void {
  const wrong = serverProblem(key, value, project);
  if (wrong === undefined) return;
  throw new Failure({
    kind: "configuration",
    task: `create Secret ${secret} from the environment`,
    problem: wrong.problem,
    remedy: wrong.names !== "nothing"
      ? `${wrong.fix} To log in to the database through the cluster, add --port-forward.`
      : wrong.fix,
  });
}

function inputEnded(name: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `create Secret ${name}`,
    problem: "the input ended before all values were given",
    remedy: "Run the command again.",
  });
}

/** A Secret with its new values and its current values. */
export interface SecretChange {
  /** The Secret. */
  readonly spec: SecretSpec;
  /** The new values. */
  readonly values: SecretTexts;
  /** The current values; undefined if the Secret does not exist. */
  readonly stored: SecretTexts | undefined;
}

/** Returns the keys whose values differ. */
export function changedKeys({ values, stored }: Omit<SecretChange, "spec">): string[] {
  return [...values].filter(([key, value]) => stored?.get(key) !== value).map(([key]) => key);
}

/** Renders the changed keys of a Secret. Values are never shown. */
export function renderChange(change: SecretChange, colour: boolean): string {
  const { spec, values, stored } = change;
  const changed = changedKeys(change);
  const line = (mark: string, text: string) =>
    `${mark} ${paint(`Secret ${spec.name}`, "bold", colour)}  ${text}`;
  if (stored === undefined) {
    return line(paint("+", "green", colour), `new: ${naming([...values.keys()])}`);
  }
  if (changed.length === 0) return line("=", "has these values already");
  const others = [...stored.keys()].filter((key) => !values.has(key));
  const rest = others.length === 0 ? "" : `; unchanged: ${naming(others)}`;
  return line(paint("~", "yellow", colour), `changed: ${naming(changed)}${rest}`);
}

/** Returns warnings about values that look wrong, such as values with a trailing newline. */
export function warningsOf({ values }: Pick<SecretChange, "values">): string[] {
  return [...values].flatMap(([key, value]) => {
    const problem = problemOfValue(value)?.problem ??
      (isEncodedText(value) ? "looks like base64, and would be encoded twice" : undefined);
    return problem === undefined ? [] : [`${key} ${problem}. The value is stored unchanged.`];
  });
}
