import { PROCESS } from "../../pipeline/config/environment.ts";
import { Failure } from "../../pipeline/errors.ts";
import { isColourless, isQuiet } from "./common_flags.ts";

/** A style for terminals. Without a terminal or with NO_COLOR, text has no style. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow";

const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

/** Returns whether to colour a stream: it is a terminal, and the operator has not refused colours. */
export function colourWanted(stream: { isTerminal(): boolean } = Deno.stdout): boolean {
  return understandsEscapes(stream) && !Deno.noColor && !isColourless();
}

// A worker may read the environment only while it loads.
const TERM = PROCESS.get("TERM");

/** Returns whether a stream is a terminal that colours text and removes lines. */
export function understandsEscapes(
  stream: { isTerminal(): boolean },
  terminal: string | undefined = TERM,
): boolean {
  return terminal !== "dumb" && stream.isTerminal();
}

/** The width of a terminal that does not report its width, as some do in a container. */
const USUAL_WIDTH = 80;

/** Returns the width of the terminal in characters, or 1000 if standard output is not a terminal. */
export function lineWidth(): number {
  if (!Deno.stdout.isTerminal()) return 1_000;
  return Deno.consoleSize().columns || USUAL_WIDTH;
}

/** Applies a style to a text, if colour is wanted. */
export function paint(text: string, style: Style, colour = colourWanted()): string {
  return colour ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

const encoder = new TextEncoder();

/** Removes the status line, and writes a line to standard output. */
export function print(line: string): void {
  clearStatus();
  writeAll(Deno.stdout, `${line}\n`);
}

/** The number of characters that {@linkcode printPieces} writes at once. */
const PIECES_LENGTH = 1 << 16;

/**
 * Removes the status line, and writes a text in pieces to standard output, for a text that is too
 * long for one string. Stops if the reader has closed the pipe.
 */
export function printPieces(pieces: Iterable<string>): void {
  clearStatus();
  let waiting: string[] = [];
  let length = 0;
  const flush = () => {
    writeAll(Deno.stdout, waiting.join(""));
    waiting = [];
    length = 0;
  };
  for (const piece of pieces) {
    waiting.push(piece);
    length += piece.length;
    if (length >= PIECES_LENGTH) flush();
    if (outputClosed()) return;
  }
  flush();
}

/** Removes the status line, and writes a line to standard error. */
export function printError(line: string): void {
  clearStatus();
  writeAll(Deno.stderr, `${line}\n`);
}

/** Writes a question to standard error, so that it is visible if standard output is a file. */
export function ask(question: string): void {
  writeAll(Deno.stderr, question);
}

let statusShown = false;

/** Shows a status line, which the next line overwrites. Does nothing without a terminal or with `--quiet`. */
export function showStatus(line: string): void {
  if (!understandsEscapes(Deno.stderr) || isQuiet()) return;
  writeAll(Deno.stderr, `\r\x1b[2K${line}`);
  statusShown = true;
}

/**
 * Removes the status line.
 *
 * @param shown whether there can be a status line, for example one that a worker has written
 */
export function clearStatus(shown = statusShown): void {
  if (shown && understandsEscapes(Deno.stderr)) writeAll(Deno.stderr, "\r\x1b[2K");
  statusShown = false;
}

function unwritable(error: unknown): Failure {
  return new Failure({
    kind: "unreachable",
    task: "write to standard output",
    problem: error instanceof Error ? error.message : String(error),
    remedy: "Make room or send the output to another file, and run the command again.",
    cause: error,
  });
}

/** The streams that accept nothing more, for example because `head` has closed the pipe. */
const closed = new Set<unknown>();

/** Returns whether standard output accepts nothing more. A command that only prints can end. */
export function outputClosed(): boolean {
  return closed.has(Deno.stdout);
}

/** Milliseconds to wait for a slow reader. */
const PAUSE = 10;

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  if (closed.has(stream)) return;
  const bytes = encoder.encode(text);
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += stream.writeSync(bytes.subarray(sent));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) {
        // The command continues to its own exit code without a reader.
        closed.add(stream);
        return;
      }
      if (!(error instanceof Deno.errors.WouldBlock)) {
        closed.add(stream);
        if (stream === Deno.stderr) return; // there is no place for a message
        throw unwritable(error);
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
