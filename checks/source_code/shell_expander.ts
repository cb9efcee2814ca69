import { textOf } from "./shell_words.ts";
import {
  cloneState,
  combine,
  type Outcome,
  type State,
  type Status,
  type Text,
} from "./shell_state.ts";
import type { Sequence, ShellExpansion, ShellPart, ShellWord } from "./shell_tree.ts";

/** An unset variable stops the shell. */
export class Unset extends Error {
  /** Makes the error for the place of a read; `isOwn` if the script asks for it, with `?`. */
  constructor(readonly offset: number, readonly isOwn = false) {
    super();
  }
}

/** Expands the words of a shell script, for one variable. */
export abstract class ShellExpander {
  /** The places that read an empty text. */
  readonly empties = new Set<number>();
  /** The variables that other names stand for, as after `local -n a=B`; null if they are not known. */
  protected readonly references = new Map<string, Text>();
  /** The status of the last substitution of a command. */
  protected substituted: Status = "ok";

  /** Follows a variable. */
  constructor(
    protected readonly name: string,
    /** Returns whether the environment sets another variable. */
    protected readonly isSet: (name: string) => boolean,
  ) {}

  /** Runs commands in a subshell. */
  protected abstract subshell(body: Sequence, state: State, isChecked: boolean): Outcome[];

  /** The text of a word; null if it is not known. */
  protected word(word: ShellWord, state: State): Text {
    let text: Text = "";
    for (const part of word.parts) {
      const next = part.kind === "text" ? part.text : this.part(part, state);
      text = text === null || next === null ? null : text + next;
    }
    return text;
  }

  /** The text of a part of a word; null if it is not known. */
  protected part(part: ShellPart, state: State): Text {
    switch (part.kind) {
      case "text":
        return part.text;
      case "arithmetic":
        return this.calculate(part.word, state);
      case "substitution":
        return this.substitution(part.body, state);
      case "variable":
        return this.expansion(part, state);
    }
  }

  /** The output of commands; null if it is not known. */
  private substitution(body: Sequence, state: State): Text {
    const outcomes = this.subshell(body, state, !state.errexit);
    const [only] = outcomes;
    state.read = only?.state.read ?? state.read;
    this.substituted = combine(outcomes.map(({ status }) => status));
    state.lost = this.substituted === "fails" ? only?.state.lost : undefined;
    const [command] = body;
    const [first, second] = command?.kind === "simple" ? command.words : [];
    const name = body.length === 1 ? textOf(first) : undefined;
    if (name === "printenv" && this.substituted === "fails") return "";
    return name === "echo" && second !== undefined && this.substituted === "ok"
      ? this.word(second, cloneState(state))
      : null;
  }

  /** The text of an expansion; null if it is not known. */
  private expansion(part: ShellExpansion, state: State): Text {
    const { prefix, index, operator, word, offset } = part;
    const indirect = prefix === "!"
      ? this.valueOf(part.name, state)
      : this.references.get(part.name);
    if (indirect === null) return null;
    const name = indirect ?? part.name;
    const value = this.valueOf(name, state);
    if (name === this.name) state.read = offset;
    const isMissing = value === undefined || operator.startsWith(":") && value === "";
    const other = () => word === undefined ? "" : this.word(word, state);
    switch (operator.replace(":", "")) {
      case "-":
      case "=": {
        if (!isMissing) {
          // The other variable may be unset, because its value is not known.
          if (value === null && name !== this.name && !this.isSet(name)) other();
          return value;
        }
        const text = other();
        if (operator.endsWith("=")) state.variables.set(name, text);
        return text;
      }
      case "+":
        if (isMissing) return "";
        return value === null && name !== this.name ? null : other();
      case "?":
        if (isMissing) throw new Unset(offset, true);
        return value;
      case "other":
        other();
    }
    const text = this.plain(name, offset, state, index);
    if (prefix === "#") {
      if (text === null) return null;
      return String(index === "" ? text.length : text.split("\n").length - 1);
    }
    return text === "" || operator === "" ? text : null;
  }

  /** The value of a variable or a parameter: undefined if it is unset. */
  protected valueOf(name: string, state: State): Text | undefined {
    if (state.args !== undefined) {
      if (name === "#") return String(state.args.length);
      if (/^[1-9]\d*$/.test(name)) return state.args[Number(name) - 1];
      if (/^[@*]$/.test(name)) return state.args.includes(null) ? null : state.args.join(" ");
    }
    return state.variables.has(name) ? state.variables.get(name) : null;
  }

  /** Reads a variable without an operator. */
  protected plain(name: string, offset: number, state: State, index: string): Text {
    const value = this.valueOf(name, state);
    if (value !== undefined || name !== this.name) return value ?? (value === null ? null : "");
    if (state.nounset && !/^\[[@*]\]$/.test(index)) throw new Unset(offset);
    this.empties.add(offset);
    return "";
  }

  /** The result of a calculation; null if it is not known. */
  protected calculate(word: ShellWord, state: State): Text {
    let text: Text = "";
    for (const part of word.parts) {
      const next = part.kind === "text"
        ? this.calculateText(part.text, word.start, state)
        : this.part(part, state);
      text = text === null || next === null ? null : text + next;
    }
    if (text === null || !/^\s*-?\d{1,9}(\s*[-+]\s*\d{1,9})*\s*$/.test(text)) return null;
    const numbers = text.replaceAll(/\s/g, "").match(/-?\d+/g) ?? [];
    return String(numbers.reduce((sum, each) => sum + Number(each), 0));
  }

  /** Reads and sets the variables in the text of a calculation. Returns the text with their values. */
  protected calculateText(text: string, offset: number, state: State): Text {
    const [, counter, step] = /^\s*(\w+)\s*(?:\+\+|\+=\s*(\d+))\s*$/.exec(text) ?? [];
    let isKnown = true;
    const filled = text.replaceAll(/(?<![\w#])[A-Za-z_]\w*/g, (name, index: number) => {
      if (/^\s*=(?!=)/.test(text.slice(index + name.length))) {
        state.variables.set(name, null);
        isKnown = false;
      }
      const value = name === this.name
        ? this.plain(name, offset, state, "")
        : this.valueOf(name, state) ?? "0";
      if (value === null) isKnown = false;
      return value || "0";
    });
    if (counter !== undefined) {
      const before = this.valueOf(counter, state);
      const sum = Number(before ?? "0") + Number(step ?? "1");
      state.variables.set(counter, before === null || Number.isNaN(sum) ? null : String(sum));
    }
    return isKnown && counter === undefined ? filled : null;
  }
}
