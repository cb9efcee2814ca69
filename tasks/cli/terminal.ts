/** How text looks on a terminal. Elsewhere, and under NO_COLOR, it stays as it is. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow";

const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

/** Whether standard output takes colour. */
export function colourWanted(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
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

let statusShown = false;

/** Shows a line that the next one overwrites. Only on a terminal. */
export function showStatus(line: string): void {
  if (!Deno.stderr.isTerminal()) return;
  writeAll(Deno.stderr, `\r\x1b[2K${line}`);
  statusShown = true;
}

/** Takes the status line away. */
export function clearStatus(): void {
  if (statusShown) writeAll(Deno.stderr, "\r\x1b[2K");
  statusShown = false;
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let sent = 0; sent < bytes.length;) sent += stream.writeSync(bytes.subarray(sent));
}
