/**
 * Milliseconds after which a run no longer publishes what it has read. It is far more than any run takes;
 * a process that was stopped and goes on much later must not publish parts that may have been cleaned up.
 */
export const LONGEST_RUN = 12 * 60 * 60 * 1000;

/** When a run began, by both clocks: one may be set back, the other stands still while a machine sleeps. */
export interface RunStart {
  /** Milliseconds since 1970. */
  readonly wall: number;
  /** Milliseconds of this process. */
  readonly monotonic: number;
}

/** A run that begins now. */
export function startRun(): RunStart {
  return { wall: Date.now(), monotonic: performance.now() };
}

/** Whether a run may no longer publish, see {@linkcode LONGEST_RUN}. */
export function isTooOld({ wall, monotonic }: RunStart): boolean {
  return Math.max(Date.now() - wall, performance.now() - monotonic) >= LONGEST_RUN;
}

/**
 * Milliseconds after which a part that no marker names belongs to no run. It is well above
 * {@linkcode LONGEST_RUN}, so that no run can still publish what is cleaned up.
 */
export const ABANDONED_AFTER = 24 * 60 * 60 * 1000;
