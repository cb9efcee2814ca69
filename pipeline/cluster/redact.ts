import { type Fields, isFields } from "./kubeconfig.ts";

/** What stands where a secret was. */
const MASK = "…";

/** A text without the secrets that it may quote, as they are or as JSON or Go would quote them. */
export function redacted(text: string, secrets: readonly string[]): string {
  const forms = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  const longestFirst = [...new Set(forms)].filter((each) => each !== "")
    .sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, secret) => {
    // A value such as "5" is no part of "15", and neither of a name that contains it.
    const alone = `(?<![A-Za-z0-9])${RegExp.escape(secret)}(?![A-Za-z0-9])`;
    return rest.replace(new RegExp(alone, "g"), MASK);
  }, text);
}

/**
 * A server's sentence without the values that it found where it expected others. It writes them as Go
 * does, a number in more ways than one.
 */
export function withoutValues(text: string): string {
  return text.replace(/got &value\.\w+\{[^\n]*\}/g, "got something else");
}

/** What nobody may read of an object that is sent: the values of a Secret, in every form. */
export function secretsOf(object: Fields): string[] {
  if (object.kind !== "Secret") return [];
  return [
    ...values(object.stringData),
    ...values(object.data).flatMap((value) => [value, decoded(value)]),
  ];
}

function values(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(values);
  if (isFields(value)) return Object.values(value).flatMap(values);
  return value === null || value === undefined ? [] : [String(value)];
}

function decoded(value: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(value), (c) => c.charCodeAt(0)));
  } catch {
    return value;
  }
}
