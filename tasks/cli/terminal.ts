/** How text looks on a terminal. Elsewhere, and under NO_COLOR, it stays as it is. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow";

const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

/** Whether standard output takes colour. */
export function colourWanted(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
}

/** How many characters fit into a line of standard output; many where it is no terminal. */
export function lineWidth(): number {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : 1_000;
}

/** Puts text into a style, where colour is wanted. */
export function paint(text: string, style: Style, colour = colourWanted()): string {
  return colour ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

const encoder = new TextEncoder();

/** Writes a line to standard output, after taking away a status line. */
export function print(line: string): void {
  clearStatus();
  writeAll(Deno.stdout, `${line}\n`);
}

/** Writes a line to standard error, after taking away a status line. */
export function printError(line: string): void {
  clearStatus();
  writeAll(Deno.stderr, `${line}\n`);
}

/** Writes a question to standard error: who answers it also sees it where the output goes into a file. */
export function ask(question: string): void {
  writeAll(Deno.stderr, question);
}

let statusShown = false;

/** Shows a line that the next one overwrites. Only on a terminal. */
export function showStatus(line: string): void {
  if (!Deno.stderr.isTerminal()) return;
  writeAll(Deno.stderr, `\r\x1b[2K${line}`);
  statusShown = true;
}

/**
 * Takes the status line away.
 *
 * @param shown whether there can be one; a worker may have written it
 */
export function clearStatus(shown = statusShown): void {
  if (shown && Deno.stderr.isTerminal()) writeAll(Deno.stderr, "\r\x1b[2K");
  statusShown = false;
}

/** The streams whose reader has gone, as `head` does when it has enough. */
const closed = new Set<unknown>();

/** Whether standard output has no reader any more. A command that only prints may end then. */
export function outputClosed(): boolean {
  return closed.has(Deno.stdout);
}

/** Milliseconds until a reader that is slow is tried again. */
const PAUSE = 10;

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  if (closed.has(stream)) return;
  const bytes = encoder.encode(text);
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += stream.writeSync(bytes.subarray(sent));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) {
        // What the command does counts, not who listens to it: it goes on to its true exit code.
        closed.add(stream);
        return;
      }
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
