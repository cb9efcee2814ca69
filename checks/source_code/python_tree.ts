import { visitPython } from "./python_parser.ts";

/** A node of the parser's tree. Comments are not among the nodes. */
export class Node {
  /** The children, in the order of the source. */
  readonly children: Node[] = [];
  /** The position among the parent's children. */
  readonly index: number;
  /** True if the node is in a replacement field of a format string, as in `f"{x}"`. */
  readonly isInFormat: boolean;

  /**
   * Makes a node without children.
   *
   * @param tree the tree of the node
   * @param kind the parser's name, as in `CallExpression`; a keyword or a bracket is its own name
   * @param start the start of the node in the source
   * @param end the end of the node in the source, exclusive
   * @param parent the node around this one
   */
  constructor(
    readonly tree: Tree,
    readonly kind: string,
    readonly start: number,
    readonly end: number,
    readonly parent: Node | undefined,
  ) {
    this.index = parent?.children.length ?? 0;
    this.isInFormat = parent !== undefined &&
      (parent.isInFormat || parent.kind === "FormatReplacement");
  }

  /** The sibling that is some places away. */
  sibling(distance: number): Node | undefined {
    return this.parent?.children[this.index + distance];
  }

  /** The source of the node. */
  get text(): string {
    return this.tree.source.slice(this.start, this.end);
  }
}

/** The tree of a source. */
export interface Tree {
  /** The source. */
  readonly source: string;
  /** The source with comments and the content of strings blanked. */
  code: string;
  /** The nodes, each before its children. */
  readonly nodes: Node[];
}

/** Parses a source. Takes any text, and time in proportion to the length. */
export function treeOf(source: string): Tree {
  const tree: Tree = { source, code: "", nodes: [] };
  const pieces: string[] = [];
  let copied = 0;
  const blankOut = (start: number, end: number) => {
    pieces.push(source.slice(copied, start), blank(source.slice(start, end)));
    copied = end;
  };
  let parent: Node | undefined;
  visitPython(withoutBrackets(source), ({ name, from, to }) => {
    if (name === "Comment") {
      if (from >= copied) blankOut(from, to);
      return false;
    }
    const node = new Node(tree, name, from, to, parent);
    parent?.children.push(node);
    tree.nodes.push(node);
    parent = node;
    if (isString(node) && !node.isInFormat) {
      const { start, end } = contentOf(node);
      blankOut(start, end);
    }
  }, () => {
    parent = parent?.parent;
  });
  pieces.push(source.slice(copied));
  tree.code = pieces.join("");
  return tree;
}

/** Matches strings and comments, as well as possible without parsing. */
const LITERAL =
  /#[^\n]*|"""(?:[^"\\]+|\\[\s\S]|"(?!""))*(?:""")?|'''(?:[^'\\]+|\\[\s\S]|'(?!''))*(?:''')?|"(?:[^"\\\n]|\\[\s\S])*"?|'(?:[^'\\\n]|\\[\s\S])*'?/g;

/**
 * Replaces every character of a string with a quote and every comment with spaces. The length stays
 * the same.
 */
export function maskLiterals(source: string): string {
  return source.replace(
    LITERAL,
    (found) => (found.startsWith("#") ? " " : '"').repeat(found.length),
  );
}

/** The words in the strings of a source, found without parsing. */
export function quotedWords(source: string): ReadonlySet<string> {
  const strings = (source.match(LITERAL) ?? []).filter((found) => !found.startsWith("#"));
  return wordsIn(strings.join("\n"));
}

/**
 * The words of a text: letters, digits, `_` and `$`, and several of them with hyphens between them. The
 * `n` of an escaped line break is not one.
 */
export function wordsIn(text: string): ReadonlySet<string> {
  const plain = text.replaceAll("\\n", "\n");
  return new Set([...plain.match(/[\w$]+/g) ?? [], ...plain.match(/[\w$]+(?:-[\w$]+)+/g) ?? []]);
}

/** The most characters between the brackets of a `with` statement. */
const MAX_WITH = 10_000;

/**
 * Blanks the brackets of `with (a as b, c as d):`, which the parser does not know. Line breaks
 * between them become spaces, which keeps all offsets unchanged.
 */
function withoutBrackets(source: string): string {
  if (!/\bwith[ \t]*\(/.test(source)) return source;
  const masked = maskLiterals(source);
  const pieces: string[] = [];
  let copied = 0;
  for (const { 0: head, index } of masked.matchAll(/\bwith[ \t]*\(/g)) {
    const start = index + head.length - 1;
    const end = endOfBracket(masked, start);
    if (start < copied || end === undefined || !/^[ \t]*:/.test(masked.slice(end, end + 100))) {
      continue;
    }
    const items = masked.slice(start + 1, end - 1).replace(/[\n\r\\]/g, " ").replace(
      /,(?= *$)/,
      " ",
    );
    if (!/\bas\b/.test(items)) continue;
    const text = items.replace(/"+/g, (string, offset) => {
      const from = start + 1 + offset;
      return source.slice(from, from + string.length);
    });
    pieces.push(source.slice(copied, start), ` ${text} `);
    copied = end;
  }
  return pieces.join("") + source.slice(copied);
}

/** Returns the end of a bracket, exclusive. */
function endOfBracket(code: string, start: number): number | undefined {
  let depth = 0;
  for (const { 0: bracket, index } of code.slice(start, start + MAX_WITH).matchAll(/[()[\]{}]/g)) {
    depth += "([{".includes(bracket) ? 1 : -1;
    if (depth === 0) return start + index + 1;
  }
  return undefined;
}

/**
 * Returns whether a node is a syntax error. A bare `yield` is valid, although the parser reports an
 * error.
 */
export function isError(node: Node): boolean {
  return node.kind === "⚠" && !(node.start === node.end && node.sibling(-1)?.kind === "yield");
}

/** Returns whether a node is a string, or one of several adjacent ones. */
export function isString({ kind }: Node): boolean {
  return kind === "String" || kind === "FormatString";
}

/** Returns whether a node is a string, or several adjacent ones, outside of format strings. */
export function isWholeString(node: Node): boolean {
  if (node.isInFormat) return false;
  return node.kind === "ContinuedString" ||
    isString(node) && node.parent?.kind !== "ContinuedString";
}

/** Returns whether a string is a whole statement, as a docstring is. */
export function isDocstring({ parent }: Node): boolean {
  return parent?.kind === "ExpressionStatement" && parent.children.length === 1;
}

/**
 * Returns the start and end of the content of a string. An unterminated string has no closing
 * quote.
 */
function contentOf(node: Node): { start: number; end: number } {
  const [opening = "", quote = ""] = /^[A-Za-z]*("""|'''|"|')/.exec(node.text) ?? [];
  const start = node.start + opening.length;
  const isClosed = node.text.endsWith(quote) && node.end - quote.length >= start;
  return { start, end: isClosed ? node.end - quote.length : node.end };
}

/** The content of a string, with spaces for prefixes, quotes and gaps: as long as its source. */
export function spacedText(node: Node): string {
  const { source } = node.tree;
  const parts = node.kind === "ContinuedString" ? node.children : [node];
  const pieces: string[] = [];
  let copied = node.start;
  for (const { start, end } of parts.map(contentOf)) {
    // An escaped line break or tab separates words, and a line break ends a comment of SQL.
    const content = source.slice(start, end).replace(/\\n/g, " \n").replace(/\\[rt]/g, "  ");
    pieces.push(blank(source.slice(copied, start)), content);
    copied = end;
  }
  return pieces.join("") + blank(source.slice(copied, node.end));
}

/** A name such as `a.b.c`. */
export interface DottedName {
  /** The name, without spaces. */
  readonly text: string;
  /** The start of the name in the source. */
  readonly start: number;
  /** The last part, as in `c`. */
  readonly last: string;
  /** The start of the last part in the source. */
  readonly lastStart: number;
}

/** The name of `a.b.c`; of `f().b.c` and `a[0].b.c` it is `b.c`. */
export function dottedName(node: Node): DottedName | undefined {
  const names: Node[] = [];
  let at: Node | undefined = node;
  while (at?.kind === "MemberExpression") {
    const property: Node | undefined = at.children[2];
    if (property?.kind !== "PropertyName") break;
    names.unshift(property);
    at = at.children[0];
  }
  if (at?.kind === "VariableName") names.unshift(at);
  const [first, last] = [names[0], names.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return {
    text: names.map(({ text }) => text).join("."),
    start: first.start,
    last: last.text,
    lastStart: last.start,
  };
}

/** The name that a value is assigned to: of a variable, a keyword or a parameter. */
export function targetOf(value: Node): string | undefined {
  let node = value;
  while (node.index === 1 && /^(Parenthesized|Tuple)Expression$/.test(node.parent?.kind ?? "")) {
    node = node.parent!;
  }
  if (node.sibling(-1)?.kind !== "AssignOp") return undefined;
  const target = node.sibling(-2)?.kind === "TypeDef" ? node.sibling(-3) : node.sibling(-2);
  return target && dottedName(target)?.last;
}

/**
 * Replaces all characters except line breaks by spaces, which keeps offsets and lines unchanged.
 */
function blank(text: string): string {
  return text.replace(/[^\n]+/g, (line) => " ".repeat(line.length));
}

/**
 * Returns whether an expression, with the methods on its result, is an operand of a comparison or a
 * calculation, also in brackets.
 */
export function isOperand(expression: Node): boolean {
  for (let node = expression; node.parent !== undefined; node = node.parent) {
    const { parent: { kind, children }, index } = node;
    if (/^(?:Binary|Unary)Expression$/.test(kind)) {
      return children.some((each) => /^(?:ArithOp|BitOp|CompareOp)$/.test(each.kind));
    }
    const isSame = kind === "ParenthesizedExpression" ||
      index === 0 && /^(?:Member|Call)Expression$/.test(kind) ||
      index !== 2 && kind === "ConditionalExpression";
    if (!isSame) return false;
  }
  return false;
}
