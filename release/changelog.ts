/** The section of a version in the changelog. */
export interface Section {
  /** The day of the release. */
  readonly date: string;
  readonly text: string;
}

/**
 * Finds the section of a version in CHANGELOG.md: `## 1.0.0 (2026-11-26)` and what follows.
 *
 * @returns the problem, for a user, if there is no such section
 */
export function sectionOf(changelog: string, version: string): Section | string {
  const heading = `## ${version} (YYYY-MM-DD)`;
  for (const part of changelog.split(/^(?=## )/m)) {
    const [title = "", ...lines] = part.split("\n");
    if (title !== `## ${version}` && !title.startsWith(`## ${version} `)) continue;
    const [, date] = /^ \((\d{4}-\d{2}-\d{2})\)$/.exec(title.slice(`## ${version}`.length)) ?? [];
    if (date === undefined || !isDay(date)) {
      return `CHANGELOG.md has the heading "${title}", without a date. Write "${heading}".`;
    }
    const text = lines.join("\n").trim();
    if (text === "") return `CHANGELOG.md says nothing about ${version}. Describe what changed.`;
    return { date, text };
  }
  return `CHANGELOG.md has no section for ${version}. Rename "## Unreleased" to "${heading}".`;
}

function isDay(text: string): boolean {
  const [year, month, day] = text.split("-").map(Number) as [number, number, number];
  const lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return month >= 1 && month <= 12 && day >= 1 && day <= lengths[month - 1]!;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
