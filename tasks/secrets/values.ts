import { naming } from "../../checks/list_names.ts";
import type { SecretTexts } from "../../pipeline/cluster/job_secrets.ts";
import { secretValues } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Prompt } from "../cli/prompt.ts";
import { printError } from "../cli/terminal.ts";
import type { SecretSpec } from "./stored.ts";

/** What nobody may look at while it is typed. */
const HIDDEN = ["DJANGO_DB_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/**
 * The values of a Secret by the environment, exactly as they are there.
 *
 * @throws {Failure} configuration: a variable is not set that has no default
 */
export function fromEnvironment({ opens, name, keys }: SecretSpec): SecretTexts {
  const values = secretValues(keys);
  const missing = keys.filter((key) => !values.has(key));
  if (missing.length === 0) return values;
  const other = opens === "database" ? "lake" : "database";
  throw new Failure({
    kind: "configuration",
    task: `make Secret ${name} from the environment`,
    problem: `${naming(missing)} ${missing.length === 1 ? "is" : "are"} not set`,
    remedy: `Set ${missing.length === 1 ? "it" : "them"}, type the values with --from prompt, or ` +
      `leave the Secret out with --only ${other}.`,
  });
}

/**
 * Asks for the values of a Secret, each of which is taken exactly as it is typed. Where there is a
 * default, an empty line means it.
 *
 * @throws {Failure} configuration: the input ended before all were given
 */
export async function fromPrompt(
  { name, keys }: SecretSpec,
  prompt: Prompt,
): Promise<SecretTexts> {
  const defaults = secretValues(keys);
  const values = new Map<string, string>();
  for (const key of keys) {
    const isHidden = HIDDEN.includes(key);
    const usual = isHidden ? undefined : defaults.get(key);
    const question = usual === undefined ? `${key}: ` : `${key} [${usual}]: `;
    while (!values.has(key)) {
      const answer = isHidden ? await prompt.hidden(question) : await prompt.line(question);
      if (answer === undefined) throw ended(name);
      const value = answer || usual;
      if (value) values.set(key, value);
      else printError(`${key} cannot be empty.`);
    }
  }
  return values;
}

function ended(name: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `make Secret ${name}`,
    problem: "the input ended before all values were given",
    remedy: "Run it again.",
  });
}
