import { textOf, TooDeep, WordReader } from "./shell_words.ts";
import type {
  CaseItem,
  Heredoc,
  IfClause,
  Sequence,
  ShellAssignment,
  ShellCommand,
  ShellPart,
  ShellWord,
} from "./shell_tree.ts";

/** A parsed shell script. */
export interface ShellScript {
  /** The commands. */
  readonly body: Sequence;
  /** False if the script nests too deeply to be read. */
  readonly isRead: boolean;
}

/** Parses a shell script. Accepts any text, and skips what a shell cannot parse. */
export function parseShell(text: string, base = 0): ShellScript {
  try {
    return { body: new Parser(text, base).script(), isRead: true };
  } catch (error) {
    if (error instanceof TooDeep) return { body: [], isRead: false };
    throw error;
  }
}

/** Words that end a list of commands, at the beginning of a command. */
const ENDS = ["then", "do", "done", "fi", "elif", "else", "esac", "}"];

interface PendingHeredoc extends Pick<Heredoc, "isQuoted"> {
  readonly delimiter: string;
  readonly isIndented: boolean;
  readonly targets: ShellWord[];
}

class Parser extends WordReader {
  private pending: PendingHeredoc[] = [];

  script(): Sequence {
    const body: ShellCommand[] = [];
    while (this.at < this.text.length) {
      body.push(...this.sequence());
      // A word or a bracket that closes nothing.
      if (this.at < this.text.length) this.at += Math.max(1, this.peekWord().length);
    }
    return body;
  }

  /** The reserved word or the name at the current place. */
  private peekWord(): string {
    const pattern = /(?:[A-Za-z_]+|[{}!]|\[\[)(?=[\s;&|()<>]|$)/y;
    pattern.lastIndex = this.at;
    return pattern.exec(this.text)?.[0] ?? "";
  }

  private takeWord(word: string): boolean {
    return this.peekWord() === word && this.take(word);
  }

  /** Skips blanks, line breaks and comments, and reads the here-documents that begin here. */
  private lines(more = ""): void {
    for (;;) {
      this.blanks();
      if (this.char === "\n") this.newline();
      else if (this.char !== "" && more.includes(this.char) && !this.starts(";;")) this.at++;
      else return;
    }
  }

  private newline(): void {
    this.at++;
    const pending = this.pending;
    this.pending = [];
    for (const { delimiter, isQuoted, isIndented, targets } of pending) {
      const start = this.at;
      let end = this.text.length;
      let next = end;
      for (let at = start; at < this.text.length;) {
        const found = this.text.indexOf("\n", at);
        const stop = found < 0 ? this.text.length : found;
        const line = this.text.slice(at, stop).replace(/\r$/, "");
        if ((isIndented ? line.replace(/^\t+/, "") : line).trimEnd() === delimiter) {
          [end, next] = [at, stop];
          break;
        }
        at = stop + 1;
      }
      const body = this.text.slice(start, end);
      const parts: readonly ShellPart[] = isQuoted
        ? [{ kind: "text", text: body, isQuoted: true }]
        : this.inner(body, start, (parser) => parser.quotedParts(""));
      targets.push({ parts, start: this.base + start, end: this.base + end, isInput: true });
      this.at = next;
      // The line break after the delimiter ends the command, and the next here-document begins.
      if (this.char === "\n" && pending.length > 1) this.at++;
    }
  }

  protected override commandsOf(text: string, start: number): Sequence {
    return this.inner(text, start, (parser) => parser.script());
  }

  private inner<T>(text: string, start: number, read: (parser: Parser) => T): T {
    const parser = new Parser(text, this.base + start);
    parser.depth = this.depth;
    return this.nested(() => {
      parser.depth = this.depth;
      return read(parser);
    });
  }

  protected override sequence(): Sequence {
    return this.nested(() => {
      const commands: ShellCommand[] = [];
      for (;;) {
        this.lines(";&");
        if (this.char === "" || this.char === ")" || this.starts(";;")) return commands;
        if (ENDS.includes(this.peekWord())) return commands;
        const before = this.at;
        const command = this.andOr();
        this.blanks();
        const isBackground = this.char === "&" && !this.starts("&&");
        commands.push(isBackground ? { kind: "background", command } : command);
        if (this.at === before) this.at++;
      }
    });
  }

  private andOr(): ShellCommand {
    const first = this.pipeline();
    const rest: { operator: "&&" | "||"; command: ShellCommand }[] = [];
    for (;;) {
      this.blanks();
      const operator = this.take("&&") ? "&&" : this.take("||") ? "||" : undefined;
      if (operator === undefined) break;
      this.lines();
      rest.push({ operator, command: this.pipeline() });
    }
    return rest.length === 0 ? first : { kind: "and-or", first, rest };
  }

  private pipeline(): ShellCommand {
    let not = false;
    this.takeWord("time");
    this.blanks();
    while (this.takeWord("!")) {
      not = !not;
      this.blanks();
    }
    const commands = [this.command()];
    for (;;) {
      this.blanks();
      if (this.starts("||") || this.char !== "|") break;
      this.at += this.starts("|&") ? 2 : 1;
      this.lines();
      commands.push(this.command());
    }
    return commands.length === 1 && !not ? commands[0]! : { kind: "pipeline", commands, not };
  }

  private command(): ShellCommand {
    const compound = this.nested(() => this.compound());
    if (compound === undefined) return this.simple();
    const targets: ShellWord[] = [];
    for (this.blanks(); this.redirection(targets); this.blanks());
    if (targets.length === 0) return compound;
    const start = targets[0]!.start;
    const opens: ShellCommand = { kind: "simple", start, assignments: [], words: [], targets };
    return { kind: "group", body: [opens, compound], isSubshell: false };
  }

  private compound(): ShellCommand | undefined {
    if (this.take("((")) {
      const word = this.arithmetic("))");
      return { kind: "calculation", word };
    }
    if (this.take("(")) {
      const body = this.sequence();
      this.take(")");
      return { kind: "group", body, isSubshell: true };
    }
    const word = this.peekWord();
    if (word === "[[") return this.test();
    if (word === "{") {
      this.at++;
      const body = this.sequence();
      this.takeWord("}");
      return { kind: "group", body, isSubshell: false };
    }
    if (word === "if") return this.ifCommand();
    if (word === "while" || word === "until") {
      this.take(word);
      const test = this.sequence();
      return { kind: "while", not: word === "until", test, body: this.loopBody() };
    }
    if (word === "for" || word === "select") return this.forCommand();
    if (word === "case") return this.caseCommand();
    const named = this.match(
      /function[ \t]+([^\s()]+)[ \t]*(?:\([ \t]*\))?\s*|([\w:.-]+)[ \t]*\([ \t]*\)\s*/y,
    );
    if (named === null) return undefined;
    this.lines();
    return { kind: "function", name: named[1] ?? named[2]!, body: this.command() };
  }

  private ifCommand(): ShellCommand {
    const clauses: IfClause[] = [];
    do {
      this.match(/(?:el)?if/y);
      const test = this.sequence();
      this.takeWord("then");
      clauses.push({ test, body: this.sequence() });
    } while (this.peekWord() === "elif");
    const otherwise = this.takeWord("else") ? this.sequence() : [];
    this.takeWord("fi");
    return { kind: "if", clauses, otherwise };
  }

  private loopBody(): Sequence {
    this.lines(";");
    const isBraced = this.peekWord() === "{";
    if (!this.takeWord("do")) this.takeWord("{");
    const body = this.sequence();
    this.takeWord(isBraced ? "}" : "done");
    return body;
  }

  private forCommand(): ShellCommand {
    this.match(/for|select/y);
    this.blanks();
    if (this.take("((")) {
      const calculation: ShellCommand = { kind: "calculation", word: this.arithmetic("))") };
      const body = this.loopBody();
      return { kind: "group", body: [calculation, ...body], isSubshell: false };
    }
    const name = this.match(/\w+/y)?.[0] ?? "";
    this.lines();
    let words: ShellWord[] | undefined;
    if (this.takeWord("in")) {
      words = [];
      for (this.blanks(); !/^[\n;]?$/.test(this.char); this.blanks()) {
        const word = this.word();
        if (word === undefined) break;
        words.push(word);
      }
    }
    return { kind: "for", name, words, body: this.loopBody() };
  }

  private caseCommand(): ShellCommand {
    this.take("case");
    this.blanks();
    const word = this.word() ?? this.emptyWord();
    this.lines();
    this.takeWord("in");
    const items: CaseItem[] = [];
    for (;;) {
      this.lines();
      if (this.char === "" || this.takeWord("esac")) break;
      const before = this.at;
      this.take("(");
      const patterns: ShellWord[] = [];
      do {
        this.blanks();
        patterns.push(this.word() ?? this.emptyWord());
        this.blanks();
      } while (this.take("|"));
      this.take(")");
      const body = this.sequence();
      this.match(/;;&?|;&/y);
      items.push({ patterns, body });
      if (this.at === before) this.at++;
    }
    return { kind: "case", word, items };
  }

  private test(): ShellCommand {
    this.take("[[");
    const words: ShellWord[] = [];
    for (;;) {
      this.lines();
      if (this.char === "" || this.takeTestEnd()) break;
      const start = this.base + this.at;
      const operator = this.match(/&&|\|\||[()<>;|&]/y)?.[0];
      const isPattern = textOf(words.at(-1)) === "=~";
      if (operator !== undefined && !(isPattern && operator === "(")) {
        words.push(literal(operator, start));
        continue;
      }
      if (operator !== undefined) this.at--;
      const word = this.word(isPattern);
      if (word === undefined) this.at++;
      else words.push(word);
    }
    return { kind: "test", words };
  }

  private takeTestEnd(): boolean {
    return this.match(/\]\](?=[\s;&|()<>]|$)/y) !== null;
  }

  private simple(): ShellCommand {
    const start = this.base + this.at;
    const assignments: ShellAssignment[] = [];
    const words: ShellWord[] = [];
    const targets: ShellWord[] = [];
    for (;;) {
      this.blanks();
      if (this.redirection(targets)) continue;
      const assignment = words.length === 0 || isDeclaration(words[0]!)
        ? this.assignment()
        : undefined;
      if (assignment !== undefined) {
        assignments.push(assignment);
        continue;
      }
      const word = this.word();
      if (word === undefined) break;
      words.push(word);
    }
    return { kind: "simple", start, assignments, words, targets };
  }

  private assignment(): ShellAssignment | undefined {
    const found = this.match(/([A-Za-z_]\w*)(?:\[[^\]\n]*\])?(\+?)=/y);
    if (found === null) return undefined;
    const [, name = "", plus] = found;
    const appends = plus === "+";
    if (!this.take("(")) {
      return { name, appends, value: this.word() ?? this.emptyWord(), words: [] };
    }
    const words: ShellWord[] = [];
    for (this.lines(); this.char !== "" && this.char !== ")"; this.lines()) {
      const word = this.word();
      if (word === undefined) this.at++;
      else words.push(word);
    }
    this.take(")");
    return { name, appends, value: undefined, words };
  }

  private redirection(targets: ShellWord[]): boolean {
    const found = this.match(
      /(?:\d+|\{\w+\})?(<<-|<<<|<<|&>>|&>|>>|>&|<&|<>|>\||<(?!\()|>(?!\())/y,
    );
    if (found === null) return false;
    this.match(/[ \t]+/y);
    if (found[1] === "<<" || found[1] === "<<-") {
      const start = this.at;
      const delimiter = textOf(this.word()) ?? "";
      const isQuoted = /["'\\]/.test(this.text.slice(start, this.at));
      this.pending.push({ delimiter, isQuoted, isIndented: found[1] === "<<-", targets });
      return true;
    }
    const word = this.word();
    if (word !== undefined) targets.push(found[1] === "<<<" ? { ...word, isInput: true } : word);
    return true;
  }
}

/** Commands whose arguments are assignments too. */
function isDeclaration(word: ShellWord): boolean {
  return /^(export|declare|typeset|local|readonly|alias)$/.test(textOf(word) ?? "");
}

function literal(text: string, start: number): ShellWord {
  const parts = [{ kind: "text" as const, text, isQuoted: false }];
  return { parts, start, end: start + text.length };
}
