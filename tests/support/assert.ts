// The npm build of the standard library ships no types. These are the ones of its JSR build, so the
// suite type-checks with either, and `assert` narrows.
import * as std from "@std/assert";

/** A class, also an abstract one. */
// deno-lint-ignore no-explicit-any
type Class<T = any> = abstract new (...args: any[]) => T;

/** Asserts that a condition holds; the compiler then relies on it. */
export const assert: (condition: unknown, message?: string) => asserts condition = std.assert;

/** Asserts that a condition does not hold. */
export const assertFalse: (condition: unknown, message?: string) => asserts condition is false =
  std.assertFalse;

/** Asserts that two values are deeply equal, and shows their difference. */
export const assertEquals: <T>(actual: T, expected: T, message?: string) => void = std.assertEquals;

/** Asserts that two values differ somewhere. */
export const assertNotEquals: <T>(actual: T, expected: T, message?: string) => void =
  std.assertNotEquals;

/** Asserts that two values are the same, by `Object.is`. */
export const assertStrictEquals: <T>(
  actual: unknown,
  expected: T,
  message?: string,
) => asserts actual is T = std.assertStrictEquals;

/** Asserts that a value is neither null nor undefined. */
export const assertExists: <T>(
  actual: T,
  message?: string,
) => asserts actual is NonNullable<T> = std.assertExists;

/** Asserts that a value was made by a class. */
export const assertInstanceOf: <C extends Class>(
  actual: unknown,
  expectedType: C,
  message?: string,
) => asserts actual is InstanceType<C> = std.assertInstanceOf;

/** Asserts that a text contains another. */
export const assertStringIncludes: (actual: string, expected: string, message?: string) => void =
  std.assertStringIncludes;

/** Asserts that a text matches a pattern. */
export const assertMatch: (actual: string, expected: RegExp, message?: string) => void =
  std.assertMatch;

/** Asserts that a text does not match a pattern. */
export const assertNotMatch: (actual: string, expected: RegExp, message?: string) => void =
  std.assertNotMatch;

/** Asserts that `actual >= expected`. */
export const assertGreaterOrEqual: <T>(actual: T, expected: T, message?: string) => void =
  std.assertGreaterOrEqual;

/** Asserts that `actual <= expected`. */
export const assertLessOrEqual: <T>(actual: T, expected: T, message?: string) => void =
  std.assertLessOrEqual;

interface AssertThrows {
  (run: () => unknown, message?: string): unknown;
  <E extends Error = Error>(
    run: () => unknown,
    errorClass: Class<E>,
    messageIncludes?: string,
    message?: string,
  ): E;
}

/** Asserts that a function throws, perhaps a certain class with a certain text, and returns it. */
export const assertThrows: AssertThrows = std.assertThrows;

interface AssertRejects {
  (run: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
  <E extends Error = Error>(
    run: () => PromiseLike<unknown>,
    errorClass: Class<E>,
    messageIncludes?: string,
    message?: string,
  ): Promise<E>;
}

/** Asserts that a promise is rejected, perhaps with a certain class and text, and resolves to it. */
export const assertRejects: AssertRejects = std.assertRejects;

/** Fails the test. */
export const fail: (message?: string) => never = std.fail;
