import type { Token, Tokens } from "marked";
import { paint, type Style } from "../cli/terminal.ts";

/** How a page is shown. */
export interface Screen {
  /** The number of characters in a line. */
  readonly width: number;
  /** Whether to use colours and bold text. */
  readonly colour: boolean;
  /** Whether to write links that can be clicked. */
  readonly links: boolean;
  /** Returns the address of a page of the runbook; undefined if there is no such page. */
  readonly addressOf: (page: string) => string | undefined;
}

/** Text of one style, without a line break. */
interface Chunk {
  readonly text: string;
  readonly style?: Style | undefined;
  readonly href?: string | undefined;
  /** Whether the text stays on one line, if it fits there. */
  readonly whole?: boolean;
}

/** Chunks without a space between them. */
type Word = readonly Chunk[];

/** Lays out the inline tokens of Markdown as lines of at most `width` characters. */
export function layOut(tokens: readonly Token[], screen: Screen, width: number): string[] {
  const lines: Word[][] = [];
  let length = 0;
  for (const word of wordsOf(chunksOf(tokens, screen), width)) {
    const size = sizeOf(word);
    const line = lines.at(-1);
    if (line === undefined || length + 1 + size > width) {
      lines.push([word]);
      length = size;
    } else {
      line.push(word);
      length += 1 + size;
    }
  }
  return lines.map((line) => line.map((word) => renderWord(word, screen)).join(" "));
}

/** Returns the number of characters of inline tokens on one line. */
export function lengthOf(tokens: readonly Token[], screen: Screen): number {
  const words = wordsOf(chunksOf(tokens, screen), Infinity);
  return words.reduce((sum, word) => sum + sizeOf(word) + 1, -1);
}

function sizeOf(word: Word): number {
  return word.reduce((sum, { text }) => sum + [...text].length, 0);
}

function chunksOf(tokens: readonly Token[], screen: Screen, outer: Partial<Chunk> = {}): Chunk[] {
  return tokens.flatMap((token): Chunk[] => {
    switch (token.type) {
      case "codespan": {
        const text = screen.colour ? token.text : `\`${token.text}\``;
        const href = outer.href ?? screen.addressOf(token.text);
        return [{ style: "green", ...outer, href, text, whole: true }];
      }
      case "strong": {
        const style: Style = /^Destructive/.test(token.text) ? "red" : "bold";
        return chunksOf((token as Tokens.Strong).tokens, screen, { ...outer, style });
      }
      case "link": {
        const { href, tokens } = token as Tokens.Link;
        return chunksOf(tokens, screen, { ...outer, href: addressIn(href, screen) });
      }
      default: {
        const { tokens } = token as { readonly tokens?: readonly Token[] };
        if (tokens !== undefined) return chunksOf(tokens, screen, outer);
        return [{ ...outer, text: "text" in token ? token.text : token.raw }];
      }
    }
  });
}

/** Returns the address of a link in a page: that of another page, or of a site. */
function addressIn(href: string, { addressOf }: Screen): string | undefined {
  if (/^https:\/\//.test(href)) return href;
  const page = /^(?:\.\/)?([a-z0-9-]+)\.md(?:#.*)?$/.exec(href)?.[1];
  return page === undefined ? undefined : addressOf(page);
}

function wordsOf(chunks: readonly Chunk[], width: number): Word[] {
  const words: Chunk[][] = [];
  let isOpen = false;
  for (const chunk of chunks) {
    const breaks = chunk.whole !== true || [...chunk.text].length > width;
    const parts = breaks ? chunk.text.split(/(\s+)/) : [chunk.text];
    for (const text of parts.filter((part) => part !== "")) {
      if (breaks && /^\s+$/.test(text)) {
        isOpen = false;
        continue;
      }
      if (isOpen) words.at(-1)!.push({ ...chunk, text });
      else words.push([{ ...chunk, text }]);
      isOpen = true;
    }
  }
  return words;
}

function renderWord(word: Word, { colour, links }: Screen): string {
  return word.map(({ text, style, href }) => {
    const styled = style === undefined ? text : paint(text, style, colour);
    return links && href !== undefined ? `\x1b]8;;${href}\x1b\\${styled}\x1b]8;;\x1b\\` : styled;
  }).join("");
}
