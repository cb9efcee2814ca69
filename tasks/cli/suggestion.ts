import { levenshteinDistance as distance } from "@std/text/levenshtein-distance";

/**
 * Returns the question "Did you mean …?" with the most similar word, and a space after it; an empty text
 * if no word is similar.
 */
export function didYouMean(given: string, words: readonly string[]): string {
  const word = similarWord(given, words);
  return word === undefined ? "" : `Did you mean ${word}? `;
}

/**
 * Returns the most similar word: the only one that begins like the given text, or else the one with the
 * fewest changed letters. A third of the letters, rounded up, may differ, and at most three. If half of
 * the letters differ, the first letter is the same.
 */
export function similarWord(given: string, words: readonly string[]): string | undefined {
  const text = given.toLowerCase();
  const longer = words.filter((word) => lettersOf(text).length > 1 && word.startsWith(text));
  if (longer.length === 1) return longer[0];
  const { length } = lettersOf(text);
  const limit = Math.max(1, Math.min(3, Math.ceil(length / 3)));
  const near = words.map((word) => ({ word, changes: distance(text, word) }))
    .filter(({ changes }) => changes <= limit)
    .filter(({ word, changes }) =>
      2 * changes < length || lettersOf(word)[0] === lettersOf(text)[0]
    )
    .toSorted((a, b) => a.changes - b.changes);
  return near[0]?.word;
}

function lettersOf(text: string): string {
  return text.replace(/^-+/, "");
}
