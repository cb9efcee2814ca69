// What go-yaml refuses and the `yaml` package accepts.

/** A document that is not YAML, or that exceeds a limit. */
export class YamlError extends Error {
  /** The place in the text, in characters from its beginning. */
  readonly offset: number;

  /** Creates the error for a place in the text. */
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** The marks that the lexer adds to its lexemes: of a document, of an error, of a plain scalar. */
export const MARKS: readonly string[] = ["\x02", "\x18", "\x1f"];

/**
 * Finds the tabs that go-yaml refuses: at the beginning of a line outside of brackets and quotes,
 * and after a dash.
 */
export class Indentation {
  /** The place of the next lexeme in the text, in characters. */
  private offset = 0;
  /** The number of spaces before the next lexeme; undefined if other text precedes it. */
  private column: number | undefined = 0;
  /** The previous lexeme, without spaces, line breaks and comments. */
  private previous = "";
  private isScalar = false;

  /**
   * Reads the next lexeme.
   *
   * @throws {YamlError} the lexeme has a tab that go-yaml refuses
   */
  read(lexeme: string, isInBrackets: boolean): void {
    if (MARKS.includes(lexeme)) {
      this.isScalar = lexeme === "\x1f";
      return;
    }
    const spaces = /^ *(?=\t)/.exec(lexeme)?.[0].length;
    if (/^[ \t]+$/.test(lexeme)) {
      if (spaces !== undefined && !isInBrackets) this.judge(spaces);
      if (this.column !== undefined) this.column += lexeme.length;
    } else if (/^\r?\n$/.test(lexeme)) {
      this.column = 0;
    } else {
      this.column = lexeme.endsWith("\n") ? 0 : undefined;
      // Text after a mark is the value of a scalar, so a dash there is no dash of a list.
      if (!lexeme.startsWith("#")) this.previous = this.isScalar ? `=${lexeme}` : lexeme;
    }
    this.isScalar = false;
    this.offset += lexeme.length;
  }

  /** Refuses a tab if it is indentation. */
  private judge(spaces: number): void {
    const isAfterDash = this.previous === "-" && this.column === undefined;
    const isPlain = /^=[^\n]*$/.test(this.previous);
    // A tab within a plain scalar of several lines is only refused in the first column.
    const isIndentation = this.column !== undefined && (this.column + spaces === 0 || !isPlain);
    if (isAfterDash || isIndentation) {
      throw new YamlError("kubectl does not accept a tab as indentation", this.offset + spaces);
    }
  }
}

/** A character that go-yaml does not read, such as a control character. JSON can contain some. */
export const REFUSED_CHARACTER =
  /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * Refuses the escapes in a text in double quotes that the `yaml` package accepts, and go-yaml does
 * not: `\\/`, which is for JSON, and half of a character.
 *
 * @throws {YamlError} such an escape
 */
export function refuseEscapes(quoted: string, offset: number): void {
  for (const { 0: escape, 1: short, 2: long, index } of quoted.matchAll(ESCAPE)) {
    const point = parseInt(short ?? long ?? "0", 16);
    if (escape === "\\/") {
      throw new YamlError("invalid escape sequence \\/", offset + index);
    }
    if (point >= 0xd800 && point <= 0xdfff || point > 0x10ffff) {
      // The escape can be a part of a password, so the message does not show its digits.
      const which = `the escape \\${escape[1]}… is not a character`;
      throw new YamlError(`${which}; write the character itself`, offset + index);
    }
  }
}

const ESCAPE = /\\(?:u([\da-fA-F]{4})|U([\da-fA-F]{8})|.)/gs;
