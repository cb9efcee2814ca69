/**
 * The known word that a misspelled word is most likely meant as: with another case, or with at most
 * two different letters, and a third for longer words.
 *
 * @returns undefined if no known word is similar
 */
export function closestWord(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const sameLetters = known.find((each) => each.toLowerCase() === lower);
  if (sameLetters !== undefined) return sameLetters;
  const most = word.length < 4 ? 1 : word.length < 16 ? 2 : 3;
  const [best] = known.map((each) => ({ each, distance: distanceOf(lower, each.toLowerCase()) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance);
  return best?.each;
}

/**
 * The known name of an object that a misspelled name is most likely meant as. Names such as `config-1`
 * and `config-2` differ on purpose.
 *
 * @returns undefined if no known name is similar
 */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const withoutDigits = (text: string) => text.replace(/\d+/g, "");
  const others = known.filter((each) => withoutDigits(each) !== withoutDigits(name));
  return closestWord(name, others);
}

/**
 * Returns whether two names are surely meant as the same: they differ in case, in the characters
 * between the words, or in at most two letters. A word with fewer than four letters must be the same,
 * and one with fewer than eight may differ in one letter; two swapped letters count as one. Words such
 * as `ro` and `rw`, and numbers, differ on purpose.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { isSlip } from "./spelling.ts";
 *
 * assert(isSlip("db-credentail", "db-credentials"));
 * assert(!isSlip("db-ro", "db-rw"));
 * ```
 */
export function isSlip(name: string, known: string): boolean {
  if (name === known) return false;
  const wordsOf = (text: string) => text.toLowerCase().split(/[-_.]/);
  const [words, others] = [wordsOf(name), wordsOf(known)];
  if (words.join("") === others.join("")) return true;
  if (words.length !== others.length) return false;
  let sum = 0;
  for (const [i, word] of words.entries()) {
    const other = others[i]!;
    if (word === other) continue;
    const length = Math.min(word.length, other.length);
    const distance = distanceOf(word, other);
    if (closestName(word, [other]) === undefined || length < 4) return false;
    if (distance > (length < 8 ? 1 : 2)) return false;
    sum += distance;
  }
  return sum <= 2;
}

/** The number of letters to add, remove or replace; two swapped letters count as one. */
function distanceOf(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      }
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
