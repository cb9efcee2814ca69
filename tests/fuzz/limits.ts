/** Milliseconds of CPU that one input may take. The wall's clock would count what others had. */
export const MOST_CPU = 2_000;
/** What is said of an input that takes more. */
export const SPINS = `it took more than ${MOST_CPU / 1000} s of CPU`;
