import type { Finding, Result } from "../../checks/finding.ts";
import {
  conditionOf,
  examinedOf,
  fixOnce,
  type PrintedFixes,
  reasonOf,
  type Report,
} from "../../checks/report/report.ts";
import { plural } from "../../pipeline/progress.ts";
import type { Template } from "./content.ts";
import { type Html, html } from "./escape.ts";
import { piecesOf } from "../../checks/report/fix_pieces.ts";
import { renderMarkdown } from "./markdown.ts";
import { renderPieces, VERDICTS } from "./verdicts.ts";

const ORDER = [...VERDICTS.keys()];

/** Renders the checks of a report by section, failures first. */
export function renderChecks(report: Report, template: Template, number: number): Html {
  const { date, results } = report;
  const title = date === undefined ? "Checks" : `Checks of ${date}`;
  const inSections = Map.groupBy(results, ({ section }) => section ?? "checks");
  const sections = [...inSections].map(([name, members]) => ({
    name,
    members: worstFirst(members),
  }));
  const printed: PrintedFixes = new Map();
  const pages = new Set(results.map(({ id }) => id).filter((id) => id in template.pages));
  return html`
    <section class="part" aria-labelledby="checks-${number}">
    <h2 id="checks-${number}">${title}</h2>
    ${renderCounts(results, number)}
    ${sections.toSorted((a, b) => rank(a.members[0]!) - rank(b.members[0]!)).map((
      { name, members },
    ) =>
      html`
        <section class="checks">
        <h3>${name}</h3>
        ${members.map((each) => renderResult(each, template, { pages, number }, printed))}</section>
      `
    )}</section>
  `;
}

function worstFirst(results: readonly Result[]): Result[] {
  return results.toSorted((a, b) => rank(a) - rank(b));
}

function rank({ verdict }: Result): number {
  return ORDER.indexOf(verdict);
}

/** The number of checks with each verdict, each with a switch that shows or hides them. */
function renderCounts(results: readonly Result[], number: number): Html {
  const counts = [...VERDICTS].map(([verdict, { sign, word }]) => ({
    verdict,
    sign,
    word,
    count: results.filter((each) => each.verdict === verdict).length,
  }));
  return html`
    <fieldset class="counts" data-filter="checks-${number}">
    <legend>${plural(results.length, "check")}. Choose the verdicts to show:</legend>
    ${counts.filter(({ count }) => count > 0).map(({ verdict, sign, word, count }) =>
      html`
        <label
          class="verdict ${verdict}"><input type="checkbox" value="${verdict}" checked> ${html`<span aria-hidden="true">${sign}</span> ${count} ${word}`}</label>
      `
    )}</fieldset>
  `;
}

/** Where the pages of the runbook are. */
interface Anchors {
  /** The pages that this part of the report has. */
  readonly pages: ReadonlySet<string>;
  /** The number of the part. */
  readonly number: number;
}

function renderResult(
  result: Result,
  template: Template,
  { pages, number }: Anchors,
  printed: PrintedFixes,
): Html {
  const { id, verdict, findings, notJudged = [] } = result;
  const { sign, word } = VERDICTS.get(verdict)!;
  const anchor = (name: string) => `page-${name}-${number}`;
  const page = template.pages[id];
  return html`
    <article class="check ${verdict}" data-verdict="${verdict}"
      aria-labelledby="check-${id}-${number}">
    <h4 id="check-${id}-${number}"><span class="verdict ${verdict}"><span aria-hidden="true">${sign}</span> ${word}</span> <code>${id}</code> <span class="title">${conditionOf(
      result,
    )}</span></h4>
    <p class="examined">${messageOf(result)}</p>
    ${notJudged.map(({ object, reason }) =>
      html`
        <p>Not judged: <code>${object}</code> (${reason})</p>
      `
    )}${findings.map((each) => renderFinding(each, id, printed))}${page !== undefined && html`
      <details class="page" id="${anchor(id)}">
        <summary>Runbook: ${id}</summary>
        <div class="runbook">${renderMarkdown(
          page,
          5,
          (name) => pages.has(name) ? `#${anchor(name)}` : undefined,
        )}</div>
      </details>
    `}</article>
  `;
}

/** What was examined, or why the check did not judge. */
function messageOf(result: Result): string {
  const { verdict, requested, reason } = result;
  if (verdict === "pass" || verdict === "warn" || verdict === "fail") {
    const examined = examinedOf(result);
    return examined === undefined ? "" : `Examined: ${examined}`;
  }
  return requested ? `As requested: ${reason}` : reasonOf(result);
}

function renderFinding(
  finding: Finding,
  id: string,
  printed: PrintedFixes,
): Html {
  const { severity, object, field, file, line, problem, why } = finding;
  const place = file === undefined ? undefined : `${file}${line === undefined ? "" : `:${line}`}`;
  return html`
    <div class="finding ${severity}">
      <dl>
    <dt>Object</dt><dd><code>${object}</code>${field !== undefined && html`
      <code>${field}</code>
    `}${place !== undefined && html`
      in <code>${place}</code>
    `}</dd>
    <dt>${severity === "fail" ? "Problem" : "Warning"}</dt><dd>${problem}</dd>
    ${why !== undefined && html`
      <dt>Why</dt>
      <dd>${why}</dd>
    `}<dt>Fix</dt><dd class="fix">${renderPieces(
      piecesOf(fixOnce(finding, id, printed)),
      `the fix of ${object}`,
    )}</dd>
      </dl>
    </div>
  `;
}
