/**
 * What is wrong with content that is not of the form that it should be, in a few words that go on
 * from `layer 3 cannot be read:`.
 */
export class Malformed extends Error {
  /** What a stack trace calls it. */
  override readonly name: string = "Malformed";
}

/** Content of a form that others can read and this toolkit cannot, in the same words. */
export class Unsupported extends Malformed {
  /** What a stack trace calls it. */
  override readonly name = "Unsupported";
}
