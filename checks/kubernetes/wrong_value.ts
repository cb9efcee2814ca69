/** The problem of a value, without the name of its field, and the correction. */
export interface WrongValue {
  /** The problem, as in `must not be negative, but is -1`. */
  readonly problem: string;
  /** The correction. */
  readonly fix: string;
  /** The effect of the problem. The default is that every API server refuses the value. */
  readonly why?: string;
  /** True if some versions of Kubernetes accept the value. */
  readonly isUncertain?: true;
}

/** The problem of a text; undefined for a valid one. */
export type Format = (text: string) => WrongValue | undefined;

/** Makes a format of the texts that are valid, what they are called, and the correction. */
export const format =
  (isValid: (text: string) => boolean, noun: string, fix: string): Format => (text) =>
    isValid(text) ? undefined : { problem: `must be ${noun}`, fix };
