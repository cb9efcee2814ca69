/** Returns whether a variable or a key has the name of a secret, as in `DB_PASSWORD`. */
export function namesSecret(name: string): boolean {
  return /PASS|PWD|SECRET|KEY|TOKEN|CREDENTIAL|AUTH|DSN/i.test(name);
}

/** A login in a URL, as in `://user:password@`. */
const LOGIN = /(:\/\/[^\s:@/"']*):[^\s@/"']+@/g;

/** An assignment to the name of a secret, as in `--password=text` and `secret.key: text`. */
const ASSIGNMENT =
  /((?:password|passwd|pwd|secret|token|(?:secret|access|api)[._-]?key)\\?["']?\s*[=:]\s*\\?["']?)(?!true\b|false\b|null\b)[^\s"'\\,;{}[\]]+/gi;

/**
 * Replaces the logins in URLs and the values of secrets in a text by `…`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { maskSecrets } from "./secret_text.ts";
 *
 * assertEquals(maskSecrets("https://me:s3cret@db --password=s3cret"), "https://me:…@db --password=…");
 * ```
 */
export function maskSecrets(text: string): string {
  return text.replace(LOGIN, "$1:…@").replace(ASSIGNMENT, "$1…");
}
