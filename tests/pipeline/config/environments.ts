import type { Environment } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";

/** Returns an environment with only these variables. */
export function environment(variables: Record<string, string>): Environment {
  return { get: (name) => Object.hasOwn(variables, name) ? variables[name] : undefined };
}

/** Asserts that a configuration is refused with these words and without these secrets. */
export function refused(run: () => unknown, words: string[], secrets: string[] = []): void {
  const failure = assertThrows(run, Failure);
  assertEquals(failure.kind, "configuration");
  for (const word of words) assertStringIncludes(failure.message, word);
  for (const secret of secrets) {
    assert(!Deno.inspect(failure).includes(secret), `${failure.message} has ${secret}`);
  }
}
