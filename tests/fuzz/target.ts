/** A parser of the project, and what it is tried with. */
export interface Target {
  /** As the operator gives it with `--target`. */
  readonly name: string;
  /** Sound inputs, which are then changed at random. */
  seeds(): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Parses, and reads all of what it made. */
  run(bytes: Uint8Array<ArrayBuffer>): unknown;
  /** Whether the parser's documentation has this error. */
  isExpected(error: unknown): boolean;
}
