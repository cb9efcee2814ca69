/** Where everything lies that is stored only to see whether it can be. Spark does not see it. */
export const SCRATCH_PREFIX = "_preflight/";

/** Milliseconds after which a scratch folder that is still there is left over. */
const ABANDONED_AFTER = 60 * 60 * 1000;

/** The prefix of a scratch folder that no other process uses, ending with `/`. */
export function newScratchFolder(): string {
  return `${SCRATCH_PREFIX}${Date.now()}-${crypto.randomUUID()}/`;
}

/** Whether a key lies in a scratch folder that a killed process left behind over an hour ago. */
export function isAbandoned(key: string): boolean {
  const [, began] = /^(\d{13})-/.exec(key.slice(SCRATCH_PREFIX.length)) ?? [];
  return key.startsWith(SCRATCH_PREFIX) && began !== undefined &&
    Date.now() - Number(began) > ABANDONED_AFTER;
}
