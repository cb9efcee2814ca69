import { print } from "./terminal.ts";

/** The version of the lines of `--output json`, which docs/lines.schema.json describes. */
export const LINES_VERSION = 1;

/** Renders a line of `--output json`: what a command found or did. */
export function renderLine(command: string, step: string, data: object): string {
  return JSON.stringify({ version: LINES_VERSION, command, step, ...data });
}

/** Prints a line of `--output json`. */
export function printLine(command: string, step: string, data: object): void {
  print(renderLine(command, step, data));
}
