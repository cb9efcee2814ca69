import { renderChecks } from "./checks.ts";
import type { Content, Live, Template } from "./content.ts";
import { type Html, html, jsonForScript } from "./escape.ts";
import { renderTop } from "./top.ts";

/**
 * Renders a report as one HTML file. It loads nothing: its security policy permits only the scripts
 * in the file, and no connection. The page of a server may ask that server.
 */
export async function renderDocument(content: Content, template: Template): Promise<string> {
  const { command, live, checks = [] } = content;
  const scripts = template.scripts.map((text) => text.replaceAll("</script", "<\\/script"));
  const digests = await Promise.all(scripts.map(digestOf));
  const title = [command, ...checks.flatMap(({ date }) => date ?? []).slice(0, 1)].join(" ");
  const policy = [
    "default-src 'none'",
    `script-src ${digests.map((digest) => `'sha256-${digest}'`).join(" ")}`,
    "style-src 'unsafe-inline'",
    ...(live === undefined ? [] : ["connect-src 'self'"]),
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
        <header>${renderTop(content, title)}</header>
        ${live !== undefined && renderLive(live)}<main id="main">
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

/** The place where the page says how old its data is, and what cannot be reached. */
function renderLive({ age, interval, failure }: Live): Html {
  return html`
    <section id="live" aria-label="Age of the data" data-age="${age}" data-interval="${interval}">
      <p class="age"></p>
      <p role="alert" class="trouble">${failure}</p>
    </section>
  `;
}

/** The data of the pictures. */
function dataOf({ reach, calendar, runs }: Content): unknown {
  return { reach, calendar, runs };
}

/** Text of our own, or of a library, that is no data. */
function raw(text: string): Html {
  return { html: text };
}

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64();
}
