/**
 * What kind of trouble stopped a command. It decides the exit code:
 *
 * - `data` (1): the data, or the schema that holds it, is not what the contract says
 * - `configuration` (2): a flag, a variable, a credential or a grant is wrong
 * - `unreachable` (3): something was out of reach, so nothing can be said
 */
export type FailureKind = "data" | "configuration" | "unreachable";

/**
 * An expected failure, told in one grammar: what could not be done, the value or place, what to do.
 * Its message holds no secret and needs no stack trace.
 */
export class Failure extends Error {
  /** What a stack trace calls it. */
  override readonly name = "Failure";
  /** Decides the exit code. */
  readonly kind: FailureKind;

  /**
   * A failure for an operator to read.
   *
   * @param kind decides the exit code
   * @param message `Cannot <do what>: <why, with the value or place>. <The next step>.`
   * @param options the underlying error, kept as `cause`
   */
  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
