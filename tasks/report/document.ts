import type { Report } from "../../checks/report/report.ts";
import { renderChecks } from "./checks.ts";
import type { Content, RunData, Template } from "./content.ts";
import { type Html, html, jsonForScript } from "./escape.ts";

/** The number of failed checks that the top of a report names. */
const MOST_LINKS = 10;

/**
 * Renders a report as one HTML file. It loads nothing: its security policy permits only the scripts
 * in the file, and no connection.
 */
export async function renderDocument(content: Content, template: Template): Promise<string> {
  const { command, made, checks = [] } = content;
  const scripts = template.scripts.map((text) => text.replaceAll("</script", "<\\/script"));
  const digests = await Promise.all(scripts.map(digestOf));
  const title = [command, ...checks.flatMap(({ date }) => date ?? []).slice(0, 1)].join(" ");
  const policy = [
    "default-src 'none'",
    `script-src ${digests.map((digest) => `'sha256-${digest}'`).join(" ")}`,
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const document = html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${policy}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${title} · deep-storage</title>
        <style>${raw(template.style)}</style>
      </head>
      <body>
        <a class="to-main" href="#main">Skip to the report</a>
        <header>
        <h1>${title}</h1>
        <p>Made at <time>${made} UTC</time>. ${content.isLive
          ? html`<a href="/">Read the lake again</a>`
          : "This file is complete: it loads nothing from a network."}</p>
        ${renderOutcome(checks, content.runs ?? [])}</header>
        <main id="main">
    <div id="pictures"></div>
    <noscript><p>The pictures need JavaScript, which this browser has switched off.</p></noscript>
        ${checks.map((report, i) => renderChecks(report, template, i))}</main>
        <p id="said" role="status" class="hidden"></p>
        <script type="application/json" id="data">${jsonForScript(dataOf(content))}</script>
        ${scripts.map((text) =>
          html`
            <script>${raw(text)}</script>
          `
        )}</body>
    </html>
  `;
  return document.html;
}

/** Names the days and the checks that failed or were not decided, above all pictures. */
function renderOutcome(reports: readonly Report[], runs: readonly RunData[]): Html {
  const bad = reports.flatMap(({ date, results }, i) =>
    results.filter(({ verdict }) => verdict === "fail" || verdict === "error")
      .map(({ id, verdict }) => ({ id, verdict, date, anchor: `check-${id}-${i}` }))
  );
  const failed = runs.filter(({ exitCode }) => exitCode !== 0);
  if (reports.length === 0 && runs.length === 0) return html``;
  if (bad.length === 0 && failed.length === 0) return renderSuccess(reports);
  const days = failed.slice(0, MOST_LINKS).map(({ day, exitCode }) =>
    html`
      <li>${day}: the run failed with exit code ${exitCode}</li>
    `
  );
  const links = bad.slice(0, MOST_LINKS).map(({ id, verdict, date, anchor }) =>
    html`
      <li><a href="#${anchor}">${id}</a>${date !== undefined && ` of ${date}`}: ${verdict === "fail"
        ? "failed"
        : "not decided"}</li>
    `
  );
  const more = bad.length > MOST_LINKS && html`
    <li>and ${bad.length - MOST_LINKS} more</li>
  `;
  return html`
    <ul class="outcome">
    ${days}${links}${more}</ul>
  `;
}

/** Says that nothing failed, unless a report has another exit code or no check judged anything. */
function renderSuccess(reports: readonly Report[]): Html {
  const unproven = reports.find(({ exitCode, results }) =>
    exitCode !== 0 || !results.some(({ verdict }) => verdict === "pass" || verdict === "warn")
  );
  if (unproven !== undefined) {
    return html`
      <p class="verdict error">? Not everything was checked: exit code ${unproven.exitCode}.</p>
    `;
  }
  return html`
    <p class="verdict pass">✓ ${reports.length === 0
      ? "Every day succeeded."
      : "No check failed."}</p>
  `;
}

/** The data of the pictures. The checks have none. */
function dataOf({ checks: _, ...data }: Content): unknown {
  return data;
}

/** Text of our own, or of a library, that is no data. */
function raw(text: string): Html {
  return { html: text };
}

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64();
}
