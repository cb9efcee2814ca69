import type { Verdict } from "../../checks/finding.ts";
import { type Html, html } from "./escape.ts";
import type { FixPiece } from "../../checks/report/fix_pieces.ts";

/** The verdicts, the worst first, with a sign and the word of the terminal: colour alone says nothing. */
export const VERDICTS: ReadonlyMap<Verdict, { readonly sign: string; readonly word: string }> =
  new Map([
    ["fail", { sign: "✗", word: "fail" }],
    ["error", { sign: "?", word: "error" }],
    ["warn", { sign: "!", word: "warn" }],
    ["skip", { sign: "–", word: "skip" }],
    ["pass", { sign: "✓", word: "pass" }],
    ["not-applicable", { sign: "○", word: "not applicable" }],
  ]);

/** Renders a command, with a button that copies it. */
export function renderCommand(command: string, of: string): Html {
  return html`
    <div class="command">
      <pre tabindex="0"><code>${command}</code></pre><button type="button" data-copy>Copy<span class="hidden"> the command: ${of}</span></button>
    </div>
  `;
}

/** Renders words, and each command with a button that copies it. */
export function renderPieces(pieces: readonly FixPiece[], of: string): Html[] {
  return pieces.filter(({ text }) => text.trim() !== "").map(({ kind, text }) =>
    kind === "command" ? renderCommand(text, of) : html`
      <p class="words">${text.trim()}</p>
    `
  );
}
