import { formatCount } from "../pipeline/progress.ts";

/** The number of names that a list shows. */
const MOST_NAMES = 5;

/**
 * Lists the first names and counts the others: `a, b and 3 more`.
 *
 * @param total the number of all names, if `names` is only a part of them
 */
export function naming(names: readonly string[], total: number = names.length): string {
  const shown = names.slice(0, MOST_NAMES);
  const more = total - shown.length;
  const list = shown.join(", ");
  return more > 0 ? `${list} and ${formatCount(more)} more` : list;
}
