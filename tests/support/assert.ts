// The npm build of the standard library has no types. These types match its JSR build, so the suite
// type-checks with either build, and `assert` narrows types.
import * as std from "@std/assert";

/** A class, which may be abstract. */
// deno-lint-ignore no-explicit-any
type Class<T = any> = abstract new (...args: any[]) => T;

/** Asserts that a condition holds. The compiler narrows types accordingly. */
export const assert: (condition: unknown, message?: string) => asserts condition = std.assert;

/** Asserts that a condition does not hold. */
export const assertFalse: (condition: unknown, message?: string) => asserts condition is false =
  std.assertFalse;

/** Asserts that two values are deeply equal, and shows their difference. */
export const assertEquals: <T>(actual: T, expected: T, message?: string) => void = std.assertEquals;

/** Asserts that two values are not deeply equal. */
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

/** Asserts that a value is an instance of a class. */
export const assertInstanceOf: <C extends Class>(
  actual: unknown,
  expectedType: C,
  message?: string,
) => asserts actual is InstanceType<C> = std.assertInstanceOf;

/** Asserts that a text contains another text. */
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

/**
 * Asserts that a function throws, optionally an error of a class with a text in its message.
 * Returns the error.
 */
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

/**
 * Asserts that a promise is rejected, optionally with an error of a class and a text in its
 * message. Resolves to the error.
 */
export const assertRejects: AssertRejects = std.assertRejects;

/** Fails the test. */
export const fail: (message?: string) => never = std.fail;
