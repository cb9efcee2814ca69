/** How many rows or objects a finding names before it only counts them. */
const NAMED = 5;

/**
 * The first few of many names, and how many more there are: `a, b and 3 more`.
 *
 * @param total how many there are in all, where not all of them are at hand
 */
export function naming(names: readonly string[], total: number = names.length): string {
  const shown = names.slice(0, NAMED);
  const more = total - shown.length;
  const list = shown.join(", ");
  return more > 0 ? `${list} and ${more.toLocaleString("en-US")} more` : list;
}
