/** A parser of the project with its seed inputs. */
export interface Target {
  /** Value of `--target` for this parser. */
  readonly name: string;
  /** Returns valid inputs, which are then changed at random. */
  seeds(): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Parses the input and reads the whole result. */
  run(bytes: Uint8Array<ArrayBuffer>): unknown;
  /** Returns true if the parser documents this error. */
  isExpected(error: unknown): boolean;
}
