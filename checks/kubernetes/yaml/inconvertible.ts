/** Text that is no YAML, no tree of plain data, or too much of one. */
export class Inconvertible extends Error {
  /** How far into the text the trouble is. */
  readonly offset: number;

  /** Says what is wrong, and where. */
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}
