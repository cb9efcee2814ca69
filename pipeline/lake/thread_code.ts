// A second thread of a confined process must not read files of this project. Therefore its code is
// a text that is made from functions of this project.

/**
 * The source code of functions, for another thread. A function may use the functions and constants
 * of all texts that the thread gets, under their names.
 *
 * @param constants the constants that the functions use, by name
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sourceOf } from "./thread_code.ts";
 * const OFFSET = 2;
 * const add = (value: number) => value + OFFSET;
 * const source = sourceOf([], { OFFSET }) + `\n(${add})(3)`;
 * assertEquals((0, eval)(`{ ${source} }`), 5);
 * ```
 */
export function sourceOf(
  functions: readonly ((...values: never[]) => unknown)[],
  constants: Readonly<Record<string, unknown>> = {},
): string {
  const named = Object.entries(constants)
    .map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`);
  return [...named, ...functions].join("\n");
}
