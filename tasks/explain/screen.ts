import { lexer, type Token, type Tokens } from "marked";
import { paint } from "../cli/terminal.ts";
import { layOut, lengthOf, type Screen } from "./inline.ts";

/** The spaces between two columns of a table. */
const GAP = 2;

/** The smallest width of a column that is made narrower. */
const NARROWEST = 12;

/** Renders a page of the runbook, which is Markdown, for a terminal or a file. */
export function renderForScreen(page: string, screen: Screen): string {
  const blocks = blocksOf(lexer(page), screen, screen.width);
  return blocks.map((lines) => lines.join("\n")).join("\n\n");
}

/** Renders each block as lines. */
function blocksOf(tokens: readonly Token[], screen: Screen, width: number): string[][] {
  return tokens.flatMap((token) => {
    const lines = linesOf(token, screen, width);
    return lines.length === 0 ? [] : [lines];
  });
}

function linesOf(token: Token, screen: Screen, width: number): string[] {
  switch (token.type) {
    case "heading":
      return headingOf(token as Tokens.Heading, screen, width);
    case "code":
      return codeOf(token as Tokens.Code, screen);
    case "list":
      return listOf(token as Tokens.List, screen, width);
    case "table":
      return tableOf(token as Tokens.Table, screen, width);
    case "space":
      return [];
    default:
      return layOut((token as { readonly tokens?: Token[] }).tokens ?? [token], screen, width);
  }
}

function headingOf({ depth, tokens }: Tokens.Heading, screen: Screen, width: number): string[] {
  const lines = layOut(tokens, { ...screen, colour: false, links: false }, width);
  const rule = depth === 1 ? "=" : depth === 2 ? "-" : "";
  const underline = rule === "" ? [] : [rule.repeat(Math.max(...lines.map((line) => line.length)))];
  return [...lines.map((line) => paint(line, "bold", screen.colour)), ...underline];
}

/**
 * Code stays as it is, at the start of the line, so that it can be copied. Without colours, it keeps
 * the fences of Markdown, as code in a line keeps its backticks.
 */
function codeOf({ text, lang = "" }: Tokens.Code, { colour }: Screen): string[] {
  const lines = text.replace(/\n$/, "").split("\n");
  return colour
    ? lines.map((line) => paint(line, "green", true))
    : [`\`\`\`${lang}`, ...lines, "```"];
}

function listOf(list: Tokens.List, screen: Screen, width: number): string[] {
  return list.items.flatMap(({ tokens }, i) => {
    const mark = list.ordered ? `${Number(list.start) + i}. ` : "- ";
    const blocks = blocksOf(tokens, screen, width - mark.length);
    return blocks.flat().map((line, j) => (j === 0 ? mark : " ".repeat(mark.length)) + line);
  });
}

/** Renders a table. If a cell needs several lines, an empty line separates the rows. */
function tableOf({ header, rows }: Tokens.Table, screen: Screen, width: number): string[] {
  const all = [header, ...rows];
  const wanted = header.map((_, column) =>
    Math.max(...all.map((row) => lengthOf(row[column]!.tokens, screen)))
  );
  const widths = fit(wanted, width - GAP * (wanted.length - 1));
  const bold = (cell: Tokens.TableCell): Token[] => [{
    type: "strong",
    raw: cell.text,
    text: cell.text,
    tokens: cell.tokens,
  }];
  const rendered = all.map((row, i) =>
    rowOf(
      row.map((cell, column) =>
        layOut(i === 0 ? bold(cell) : cell.tokens, screen, widths[column]!)
      ),
      widths,
    )
  );
  const rule = widths.map((size) => "-".repeat(size)).join(" ".repeat(GAP));
  const isTall = rendered.some((lines) => lines.length > 1);
  const [head, ...body] = rendered;
  return [...head!, rule, ...body.flatMap((lines, i) => isTall && i > 0 ? ["", ...lines] : lines)];
}

function rowOf(cells: readonly (readonly string[])[], widths: readonly number[]): string[] {
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, i) =>
    cells.map((lines, column) => {
      const line = lines[i] ?? "";
      const isLast = column === cells.length - 1;
      return isLast
        ? line
        : line + " ".repeat(Math.max(widths[column]! - shownLength(line), 0) + GAP);
    }).join("").trimEnd());
}

/** Returns the number of characters that a terminal shows of a line with escapes. */
function shownLength(line: string): number {
  // deno-lint-ignore no-control-regex
  return [...line.replace(/\x1b\]8;;[^\x1b]*\x1b\\|\x1b\[\d*m/g, "")].length;
}

/** Makes the widest columns narrower until all of them fit. */
function fit(wanted: readonly number[], width: number): number[] {
  const widths = [...wanted];
  while (widths.reduce((sum, size) => sum + size, 0) > width) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= NARROWEST) break;
    widths[widest]!--;
  }
  return widths;
}
