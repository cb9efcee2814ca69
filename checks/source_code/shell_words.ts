import type { Sequence, ShellPart, ShellWord } from "./shell_tree.ts";

/** The deepest nesting of commands, quotes and expansions. */
const MAX_DEPTH = 100;

/** A script nests too deeply. */
export class TooDeep extends Error {}

/** Reads the words of a shell script. */
export abstract class WordReader {
  /** The current place. */
  protected at = 0;
  /** The nesting at the current place. */
  protected depth = 0;

  /** Reads a text that begins at a place of the script. */
  constructor(protected readonly text: string, protected readonly base: number) {}

  /** The commands of a substitution. */
  protected abstract sequence(): Sequence;

  /** The commands of another text, which begins at a place of this one. */
  protected abstract commandsOf(text: string, start: number): Sequence;

  /** Reads a nested part, unless it is too deep. */
  protected nested<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) throw new TooDeep();
    const result = read();
    this.depth--;
    return result;
  }

  /** The current character; empty at the end. */
  protected get char(): string {
    return this.text[this.at] ?? "";
  }

  /** Returns whether a text follows. */
  protected starts(part: string): boolean {
    return this.text.startsWith(part, this.at);
  }

  /** Takes what a sticky pattern finds. */
  protected match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  /** Takes a text if it follows. */
  protected take(part: string): boolean {
    const found = this.starts(part);
    if (found) this.at += part.length;
    return found;
  }

  /** Skips blanks and a comment. */
  protected blanks(): void {
    this.match(/(?:[ \t\r]|\\\r?\n)+/y);
    if (this.char === "#") this.match(/[^\n]*/y);
  }

  /** A word without any part. */
  protected emptyWord(): ShellWord {
    return { parts: [], start: this.base + this.at, end: this.base + this.at };
  }

  /** Reads a word. A pattern of `=~` may contain brackets and bars. */
  protected word(isPattern = false): ShellWord | undefined {
    const start = this.at;
    const parts: ShellPart[] = [];
    const ends = isPattern ? /[\s;]/ : /[\s;&|()<>]/;
    while (this.char !== "") {
      const isProcess = this.starts("<(") || this.starts(">(");
      if (ends.test(this.char) && !isProcess) break;
      const before = this.at;
      parts.push(...this.part(isPattern));
      if (this.at === before) this.at++;
    }
    if (this.at === start) return undefined;
    return { parts, start: this.base + start, end: this.base + this.at };
  }

  /** Reads a part of a word. */
  protected part(isPattern: boolean): readonly ShellPart[] {
    const text = (value: string, isQuoted: boolean): ShellPart[] => [
      { kind: "text", text: value, isQuoted },
    ];
    if (this.take("\\")) {
      const escaped = this.char;
      this.at++;
      return escaped === "\n" ? [] : text(escaped, true);
    }
    if (this.take("'")) {
      const end = this.indexOrEnd("'");
      const content = this.text.slice(this.at, end);
      this.at = end + 1;
      return text(content, true);
    }
    if (this.take("$'")) {
      const content = this.match(/(?:[^'\\]|\\[^])*/y)![0];
      this.take("'");
      return text(content, true);
    }
    if (this.starts('"') || this.starts('$"')) {
      this.take("$");
      this.at++;
      const parts = this.nested(() => this.quotedParts('"'));
      this.take('"');
      return parts.length === 0 ? text("", true) : parts;
    }
    if (this.take("<(") || this.take(">(")) return [this.substitution(false)];
    const expansion = this.expansion(false);
    if (expansion !== undefined) return [expansion];
    const plain = isPattern ? /[^\s;"'\\$`]+/y : /[^\s;&|()<>"'\\$`]+/y;
    return text(this.match(plain)?.[0] ?? this.text[this.at++] ?? "", false);
  }

  /** The parts up to a closing quote or bracket, or up to the end. */
  protected quotedParts(close: string, isQuoted = true): ShellPart[] {
    const parts: ShellPart[] = [];
    const plain = close === "}" ? /[^}"'\\$`]+/y : /[^"\\$`]+/y;
    while (this.char !== "" && this.char !== close) {
      const before = this.at;
      const found = close === "" ? this.match(/[^\\$`]+/y) : this.match(plain);
      if (found !== null) parts.push({ kind: "text", text: found[0], isQuoted });
      else if (this.take("\\")) {
        parts.push({ kind: "text", text: this.char, isQuoted: true });
        this.at++;
      } else if (close === "}" && /["']/.test(this.char)) parts.push(...this.part(false));
      else {
        const expansion = this.expansion(isQuoted);
        parts.push(expansion ?? { kind: "text", text: this.text[this.at++]!, isQuoted });
      }
      if (this.at === before) this.at++;
    }
    return parts;
  }

  /** Reads an expansion or a substitution, if one follows. */
  protected expansion(isQuoted: boolean): ShellPart | undefined {
    const offset = this.base + this.at;
    if (this.take("`")) {
      const start = this.at;
      const content = this.match(/(?:[^`\\]|\\[^])*/y)![0];
      this.take("`");
      const inner = content.replace(/\\([`\\$])/g, "$1");
      const body = this.commandsOf(inner, start);
      return { kind: "substitution", body, isQuoted };
    }
    if (this.char !== "$") return undefined;
    if (this.starts("$((")) {
      this.at += 3;
      return { kind: "arithmetic", word: this.nested(() => this.arithmetic("))")), isQuoted };
    }
    if (this.take("$(")) return this.substitution(isQuoted);
    if (this.starts("${")) return this.nested(() => this.braced(offset, isQuoted));
    const found = this.match(/\$([A-Za-z_]\w*|[\d@*#?!$-])/y);
    if (found === null) return undefined;
    const none = { prefix: "", index: "", operator: "", word: undefined };
    return { kind: "variable", name: found[1]!, ...none, offset, isQuoted };
  }

  /** Reads the commands of a substitution. */
  protected substitution(isQuoted: boolean): ShellPart {
    const body = this.sequence();
    this.take(")");
    return { kind: "substitution", body, isQuoted };
  }

  /** Reads `${…}`. */
  protected braced(offset: number, isQuoted: boolean): ShellPart {
    const head = this.match(/\$\{([!#]?)([A-Za-z_]\w*|\d+|[@*#?!$-])(\[[^\]\n]*\])?(:?[-=+?])?/y);
    if (head === null) {
      const text = this.match(/\$\{[^}\n]*\}?/y)![0];
      return { kind: "text", text, isQuoted };
    }
    const [, prefix = "", name = "", index = "", operator = ""] = head;
    const start = this.base + this.at;
    const parts = this.quotedParts("}", isQuoted);
    const word = { parts, start, end: this.base + this.at };
    this.take("}");
    const other = operator === "" && parts.length > 0 ? "other" : operator;
    return { kind: "variable", prefix, name, index, operator: other, word, offset, isQuoted };
  }

  /** The text of a calculation up to its end, with its expansions. */
  protected arithmetic(close: string): ShellWord {
    const start = this.at;
    const parts: ShellPart[] = [];
    let open = 0;
    while (this.char !== "" && (open > 0 || !this.starts(close))) {
      const found = this.match(/[^()$`]+/y);
      if (found !== null) parts.push({ kind: "text", text: found[0], isQuoted: false });
      else if (this.char === "(" || this.char === ")") {
        open = Math.max(0, open + (this.char === "(" ? 1 : -1));
        this.at++;
      } else {
        const expansion = this.expansion(true);
        if (expansion === undefined) this.at++;
        else parts.push(expansion);
      }
    }
    const word = { parts, start: this.base + start, end: this.base + this.at };
    this.take(close);
    return word;
  }

  /** The place of the next such text, or the end. */
  protected indexOrEnd(part: string): number {
    const found = this.text.indexOf(part, this.at);
    return found < 0 ? this.text.length : found;
  }
}

/** The text of a word without expansions. */
export function textOf(word: ShellWord | undefined): string | undefined {
  if (word === undefined || word.parts.some(({ kind }) => kind !== "text")) return undefined;
  return word.parts.map((part) => part.kind === "text" ? part.text : "").join("");
}
