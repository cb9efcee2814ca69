/** A real part of a platform, healthy until a drill breaks it. */
export interface Part {
  /** Makes the part healthy again after any drill. */
  heal(): Promise<void>;
  /** Stops the part and removes its data. */
  stop(): Promise<void>;
}
