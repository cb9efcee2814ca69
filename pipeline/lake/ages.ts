/**
 * Milliseconds after which a run no longer publishes what it has read. It is far more than any run takes;
 * a process that was stopped and goes on much later must not publish parts that may have been cleaned up.
 */
export const LONGEST_RUN = 12 * 60 * 60 * 1000;

/**
 * Milliseconds after which a part that no marker names belongs to no run. It is well above
 * {@linkcode LONGEST_RUN}, so that no run can still publish what is cleaned up.
 */
export const ABANDONED_AFTER = 24 * 60 * 60 * 1000;
