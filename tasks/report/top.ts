import type { Report } from "../../checks/report/report.ts";
import { plural } from "../../pipeline/progress.ts";
import type { CalendarData, Content, DayData, RunData } from "./content.ts";
import { type Html, html } from "./escape.ts";
import { renderCommand, renderPieces, VERDICTS } from "./verdicts.ts";

/** The number of failed checks or of days that the top of a report names. */
const MOST = 10;

/** The verdict of a report, as in `fail`, with its sentence. */
interface Headline {
  readonly verdict: "pass" | "warn" | "fail" | "error";
  readonly says: string;
}

/** Renders what a report says at a glance: the verdict, and how, where and when it was made. */
export function renderTop(content: Content, title: string): Html {
  const { checks = [], runs = [], calendar, exit } = content;
  const headline = headlineOf(content);
  return html`
    <h1>${title}</h1>
    ${headline !== undefined && html`
      <p class="headline ${headline.verdict}"><span aria-hidden="true">${VERDICTS.get(
        headline.verdict,
      )!.sign}</span> ${headline.says}</p>
    `}${checks.length > 0 && renderTally(checks)}${exit !== undefined && html`
      <p class="exit">Exit code <strong>${exit.code}</strong>: ${exit.means}.</p>
    `}${renderFailed(checks, runs)}${calendar !== undefined && renderDays(calendar)}${renderAbout(
      content,
    )}
  `;
}

function headlineOf(content: Content): Headline | undefined {
  const { checks = [], runs = [], calendar, exit } = content;
  if (calendar !== undefined) return headlineOfDays(calendar, exit?.code ?? 0);
  if (checks.length === 0 && runs.length === 0) return undefined;
  const failed = runs.filter(({ exitCode }) => exitCode !== 0).length;
  if (failed > 0) {
    return { verdict: "fail", says: `${failed} of ${plural(runs.length, "day")} failed.` };
  }
  const count = (...verdicts: readonly string[]) =>
    checks.flatMap(({ results }) => results).filter((each) => verdicts.includes(each.verdict))
      .length;
  const bad = count("fail");
  if (bad > 0) return { verdict: "fail", says: `${plural(bad, "check")} failed.` };
  const code = exit?.code ?? checks.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0;
  if (code === 1) {
    return { verdict: "fail", says: `${plural(count("warn"), "warning")} with --strict.` };
  }
  const judged = count("pass", "warn") > 0 || checks.length === 0;
  if (code !== 0 || count("error") > 0 || !judged) {
    return { verdict: "error", says: "Not everything was checked." };
  }
  const warnings = count("warn");
  if (warnings > 0) {
    return { verdict: "warn", says: `No check failed, ${plural(warnings, "warning")}.` };
  }
  return {
    verdict: "pass",
    says: checks.length === 0 ? "Every day succeeded." : "No check failed.",
  };
}

function headlineOfDays({ days, isCompared, obstacle }: CalendarData, code: number): Headline {
  const todo = days.filter(needsWork).length;
  if (obstacle !== undefined) return { verdict: "fail", says: `No run is possible. ${obstacle}` };
  if (todo > 0) {
    const says = `${todo} of ${plural(days.length, "day")} ${todo === 1 ? "needs" : "need"} work.`;
    return {
      verdict: days.some(({ bronze, silver }) => isUnusable(bronze, silver)) ? "fail" : "warn",
      says,
    };
  }
  if (code !== 0) return { verdict: "error", says: "Not everything could be read." };
  return isCompared
    ? { verdict: "pass", says: "No day needs work." }
    : { verdict: "warn", says: "No day needs work, as far as the lake shows." };
}

function isUnusable(...layers: readonly DayData["bronze"][]): boolean {
  return layers.some(({ state }) => state === "unusable");
}

function needsWork({ next, bronze, silver }: DayData): boolean {
  return next !== undefined || isUnusable(bronze, silver);
}

/** The number of checks with each verdict, in all reports. */
function renderTally(reports: readonly Report[]): Html {
  const results = reports.flatMap((report) => report.results);
  const counts = [...VERDICTS].map(([verdict, { sign, word }]) => ({
    ...{ verdict, sign, word },
    count: results.filter((each) => each.verdict === verdict).length,
  }));
  return html`
    <ul class="tally" aria-label="Checks by verdict">
    ${counts.map(({ verdict, sign, word, count }) =>
      html`
        <li
          class="verdict ${verdict}${count === 0 &&
            " none"}"><span aria-hidden="true">${sign}</span> ${count} ${word}</li>
      `
    )}</ul>
  `;
}

/** Names the days and the checks that failed or were not decided. */
function renderFailed(reports: readonly Report[], runs: readonly RunData[]): Html {
  const bad = reports.flatMap(({ date, results }, i) =>
    results.filter(({ verdict }) => verdict === "fail" || verdict === "error")
      .map(({ id, verdict }) => ({ id, verdict, date, anchor: `check-${id}-${i}` }))
  );
  const days = runs.filter(({ exitCode }) => exitCode !== 0).map(({ day, exitCode }) =>
    html`
      <li>${day}: the run failed with exit code ${exitCode}</li>
    `
  );
  const links = bad.map(({ id, verdict, date, anchor }) =>
    html`
      <li><a href="#${anchor}">${id}</a>${date !== undefined && ` of ${date}`}: ${verdict === "fail"
        ? "failed"
        : "not decided"}</li>
    `
  );
  return renderOutcome(
    [...days.slice(0, MOST), ...links.slice(0, MOST)],
    days.length + links.length,
  );
}

/** Names the days that need work, with the next command. */
function renderDays({ days }: CalendarData): Html {
  const todo = days.filter(needsWork);
  const shown = todo.slice(0, MOST).map(({ day, next, notes }) =>
    html`
      <li>${day}${notes.length > 0 && `: ${notes.join("; ")}`}${next !== undefined &&
        renderPieces(next, day)}</li>
    `
  );
  return renderOutcome(shown, todo.length);
}

function renderOutcome(shown: readonly Html[], of: number): Html {
  if (of === 0) return html``;
  return html`
    <ul class="outcome">
    ${shown}${of > shown.length && html`
      <li>and ${of - shown.length} more</li>
    `}</ul>
  `;
}

/** Says which command made the report, when, and from what. */
function renderAbout({ about, made, live }: Content): Html {
  const { commandLine, version, lookedAt = [] } = about ?? {};
  return html`
    <dl class="about">
    ${commandLine !== undefined && html`
      <dt>Command</dt>
      <dd>${renderCommand(commandLine, "this report")}</dd>
    `}${lookedAt.map(([what, name]) =>
      html`
        <dt>${what}</dt>
        <dd><code>${name}</code></dd>
      `
    )}${live === undefined && html`
      <dt>Made</dt>
      <dd><time>${made} UTC</time></dd>
    `}${version !== undefined && html`
      <dt>Toolkit</dt>
      <dd>deep-storage ${version}</dd>
    `}</dl>
  `;
}
