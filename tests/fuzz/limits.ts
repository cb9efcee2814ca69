/** CPU time limit of one input in milliseconds. Wall-clock time would include other processes. */
export const MOST_CPU = 2_000;
/** The problem reported for an input that exceeds the limit. */
export const OVER_CPU_LIMIT = `it took more than ${MOST_CPU / 1000} s of CPU`;
