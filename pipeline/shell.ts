/**
 * Quotes an argument of a printed shell command, if it needs quotes. A command that has a path or a
 * name in it is made with this function, {@linkcode shell} or {@linkcode shellPath}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { shellQuote } from "./shell.ts";
 *
 * assertEquals(shellQuote("manifests/a.yaml"), "manifests/a.yaml");
 * assertEquals(shellQuote("my $file"), "'my $file'");
 * assertEquals(shellQuote("it's"), `'it'\\''s'`);
 * ```
 */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Writes a shell command with its values quoted.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { shell } from "./shell.ts";
 *
 * const name = "my job";
 * assertEquals(shell`kubectl delete job ${name}`, "kubectl delete job 'my job'");
 * ```
 */
export function shell(texts: TemplateStringsArray, ...values: readonly string[]): string {
  return texts.reduce((text, next, i) => text + shellQuote(values[i - 1]!) + next);
}

/**
 * Quotes the path of a file for a shell command. A path that begins with a hyphen would be a flag.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { shellPath } from "./shell.ts";
 *
 * assertEquals(shellPath("my file.yaml"), "'my file.yaml'");
 * assertEquals(shellPath("-a.yaml"), "./-a.yaml");
 * assertEquals(shellPath("-"), "-"); // the standard input
 * ```
 */
export function shellPath(path: string): string {
  return shellQuote(/^-./.test(path) ? `./${path}` : path);
}
