import { STOPPED } from "../cli/exit_code.ts";
import { type Html, html } from "./escape.ts";

/** A command that has not written its report. */
export interface WithoutReport {
  readonly command: string;
  /** When the command began. */
  readonly began: Date;
  /** Why the command failed; empty if the reason is unknown. */
  readonly message: string;
  /** The exit code; undefined until the command ends. */
  readonly exitCode: number | undefined;
}

const STYLE = ":root { color-scheme: light dark; font-family: system-ui, sans-serif; }\n" +
  "body { max-width: 60rem; margin: 0 auto; padding: 1rem 1.5rem; }\n" +
  "pre { white-space: pre-wrap; overflow-wrap: anywhere; }\n";

/** Renders the page of a command that has failed before it had a report, or that still runs. */
export function renderWithoutReport({ command, began, message, exitCode }: WithoutReport): string {
  const time = `${began.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const [title, body] = exitCode === undefined
    ? [`${command} has not finished`, notFinished(command)]
    : exitCode === STOPPED
    ? [`${command} was interrupted`, ended(message, exitCode)]
    : [`${command} failed`, ended(message, exitCode)];
  const page = html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>${title} · deep-storage</title>
        <style>${{ html: STYLE }}</style>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          <p>Began at <time>${time}</time>. There is no report of this run.</p>
          ${body}
        </main>
      </body>
    </html>
  `;
  return page.html;
}

function notFinished(command: string): Html {
  return html`
    <p>If ${command} does not run any more, it ended without a result: run it again.</p>
  `;
}

function ended(message: string, exitCode: number): Html {
  return html`
    <p>Exit code: <strong>${exitCode}</strong></p>
    ${message === ""
      ? html`
        <p>The terminal has the reason.</p>
      `
      : html`
        <pre>${message}</pre>
      `}
  `;
}
