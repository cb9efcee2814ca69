import { naming } from "../../checks/list_names.ts";
import { isEncodedText, troubleIn } from "../../checks/preflight/secrets/secret_values.ts";
import type { SecretTexts } from "../../pipeline/cluster/job_secrets.ts";
import { paint } from "../cli/terminal.ts";
import type { SecretSpec } from "./stored.ts";

/** A Secret with the values that it is to have, and those that it has. */
export interface Wanted {
  /** The Secret. */
  readonly spec: SecretSpec;
  /** What it is to hold. */
  readonly values: SecretTexts;
  /** What it holds now; undefined where it is not there. */
  readonly stored: SecretTexts | undefined;
}

/** The keys whose values are not what they are to be. */
export function changedKeys({ values, stored }: Omit<Wanted, "spec">): string[] {
  return [...values].filter(([key, value]) => stored?.get(key) !== value).map(([key]) => key);
}

/** What storing a Secret changes, by its keys: values are never shown. */
export function renderWanted(wanted: Wanted, colour: boolean): string {
  const { spec, values, stored } = wanted;
  const changed = changedKeys(wanted);
  const line = (mark: string, says: string) =>
    `${mark} ${paint(`Secret ${spec.name}`, "bold", colour)}  ${says}`;
  if (stored === undefined) {
    return line(paint("+", "green", colour), `new: ${naming([...values.keys()])}`);
  }
  if (changed.length === 0) return line("=", "has these values already");
  const others = [...stored.keys()].filter((key) => !values.has(key));
  const rest = others.length === 0 ? "" : `; ${naming(others)} stay as they are`;
  return line(paint("~", "yellow", colour), `other values: ${naming(changed)}${rest}`);
}

/** What looks wrong with values, by their shape alone. */
export function warningsOf({ values }: Pick<Wanted, "values">): string[] {
  return [...values].flatMap(([key, value]) => {
    const problem = troubleIn(value)?.problem ??
      (isEncodedText(value) ? "is base64 of a text, and would be encoded twice" : undefined);
    return problem === undefined ? [] : [`${key} ${problem}. It is stored exactly so.`];
  });
}
