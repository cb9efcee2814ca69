/** A real part of a platform: healthy, until a drill breaks it. */
export interface Part {
  /** Makes it healthy again, whatever a drill did to it. */
  heal(): Promise<void>;
  /** Ends it; what it stored is gone. */
  stop(): Promise<void>;
}
