import { matchesGlob, matchesPattern, type Text } from "./shell_state.ts";

/** A word of a test. */
export interface TestWord {
  /** The text as written, if the word has no expansions. */
  readonly literal: string | undefined;
  /** The place of the word. */
  readonly start: number;
  /** Expands the word. */
  readonly text: () => Text;
}

/** What a test needs to know. */
export interface TestFacts {
  /** Returns whether a variable is set, or undefined if that is not known. */
  readonly isDefined: (name: string, offset: number) => boolean | undefined;
  /** Reads a part of the test that is perhaps not evaluated. */
  readonly perhaps: (read: () => boolean | undefined) => boolean | undefined;
}

/** A test with more brackets and negations is not judged. */
const MAX_NESTING = 50;

/** The result of a test, as of `[ -z "$A" ]`; undefined if it is not known. */
export function judgeTest(words: readonly TestWord[], facts: TestFacts): boolean | undefined {
  const nesting = words.filter(({ literal }) => literal === "!" || literal === "(").length;
  return nesting > MAX_NESTING ? undefined : new Test(words, facts).either(true);
}

class Test {
  private at = 0;

  constructor(private readonly words: readonly TestWord[], private readonly facts: TestFacts) {}

  private take(...operators: readonly string[]): boolean {
    const word = this.words[this.at]?.literal;
    const found = word !== undefined && operators.includes(word);
    if (found) this.at++;
    return found;
  }

  /** @param isRead whether the words are expanded */
  either(isRead: boolean): boolean | undefined {
    let result = this.both(isRead);
    while (this.take("||", "-o")) {
      const next = this.next(isRead, result !== true, result === undefined, () => this.both(true));
      if (next === SKIPPED) this.both(false);
      else result = result === true || next === true ? true : result === false ? next : undefined;
    }
    return result;
  }

  private both(isRead: boolean): boolean | undefined {
    let result = this.negated(isRead);
    while (this.take("&&", "-a")) {
      const next = this.next(
        isRead,
        result !== false,
        result === undefined,
        () => this.negated(true),
      );
      if (next === SKIPPED) this.negated(false);
      else result = result === false || next === false ? false : result === true ? next : undefined;
    }
    return result;
  }

  private next(
    isRead: boolean,
    isNeeded: boolean,
    isPerhaps: boolean,
    read: () => boolean | undefined,
  ): boolean | undefined | typeof SKIPPED {
    if (!isRead || !isNeeded) return SKIPPED;
    const before = this.at;
    if (!isPerhaps) return read();
    const result = this.facts.perhaps(read);
    // A part that stopped is read again without expansions, to find its end.
    if (result === undefined) {
      this.at = before;
      return SKIPPED;
    }
    return result;
  }

  private negated(isRead: boolean): boolean | undefined {
    if (this.words.length - this.at > 1 && this.take("!")) {
      const result = this.negated(isRead);
      return result === undefined ? undefined : !result;
    }
    return this.primary(isRead);
  }

  private primary(isRead: boolean): boolean | undefined {
    if (this.take("(")) {
      const result = this.either(isRead);
      this.take(")");
      return result;
    }
    const first = this.words[this.at++];
    if (first === undefined) return false;
    const operator = this.words[this.at]?.literal ?? "";
    const second = this.words[this.at + 1];
    if (second !== undefined && /^(==?|!=|=~|[<>]|-(eq|ne|lt|le|gt|ge|nt|ot|ef))$/.test(operator)) {
      this.at += 2;
      return isRead ? compare(first.text(), operator, second.text()) : undefined;
    }
    const isUnary = /^-[a-zA-Z]$/.test(first.literal ?? "") && this.words[this.at] !== undefined &&
      !/^(&&|\|\||\)|-[ao])$/.test(operator);
    if (!isUnary) {
      const text = isRead ? first.text() : null;
      return text === null ? undefined : text !== "";
    }
    const word = this.words[this.at++]!;
    if (!isRead) return undefined;
    const text = word.text();
    if (text === null) return undefined;
    if (first.literal === "-z") return text === "";
    if (first.literal === "-n") return text !== "";
    return first.literal === "-v" ? this.facts.isDefined(text, word.start) : undefined;
  }
}

const SKIPPED = Symbol("skipped");

function compare(left: Text, operator: string, right: Text): boolean | undefined {
  if (left === null || right === null) return undefined;
  const [a, b] = [Number(left), Number(right)];
  switch (operator) {
    case "=":
    case "==":
      return matchesGlob(left, right);
    case "!=": {
      const found = matchesGlob(left, right);
      return found === undefined ? undefined : !found;
    }
    case "=~":
      return matchesPattern(left, right);
    case "-eq":
      return a === b;
    case "-ne":
      return a !== b;
    case "-gt":
      return a > b;
    case "-lt":
      return a < b;
    case "-ge":
      return a >= b;
    case "-le":
      return a <= b;
  }
  return undefined;
}
