/** A part of a word of a shell script. */
export type ShellPart =
  | { readonly kind: "text"; readonly text: string; readonly isQuoted: boolean }
  | ShellExpansion
  | { readonly kind: "substitution"; readonly body: Sequence; readonly isQuoted: boolean }
  | { readonly kind: "arithmetic"; readonly word: ShellWord; readonly isQuoted: boolean };

/** An expansion of a variable, as in `${A:-b}`. */
export interface ShellExpansion {
  /** The kind of the part. */
  readonly kind: "variable";
  /** The variable, or a parameter such as `1` and `@`. */
  readonly name: string;
  /** The characters before the name: `!` as in `${!A}`, `#` as in `${#A}`, or empty. */
  readonly prefix: string;
  /** The index of an array with its brackets, or empty. */
  readonly index: string;
  /** The operator: `-`, `=`, `+` or `?`, perhaps with `:` before it; another text; or empty. */
  readonly operator: string;
  /** The word after the operator. */
  readonly word: ShellWord | undefined;
  /** The position in the script. */
  readonly offset: number;
  /** True in double quotes. */
  readonly isQuoted: boolean;
}

/** A word of a shell script. */
export interface ShellWord {
  /** The parts. */
  readonly parts: readonly ShellPart[];
  /** The start in the script. */
  readonly start: number;
  /** The end in the script, exclusive. */
  readonly end: number;
  /** True for the text of a here-document or a here-string, which a command reads. */
  readonly isInput?: true;
}

/** An assignment, as in `A=b` and `A+=(b c)`. */
export interface ShellAssignment {
  /** The variable. */
  readonly name: string;
  /** True for `+=`. */
  readonly appends: boolean;
  /** The value; undefined for an array. */
  readonly value: ShellWord | undefined;
  /** The words of an array. */
  readonly words: readonly ShellWord[];
}

/** A here-document. */
export interface Heredoc {
  /** True if the shell expands nothing in the text. */
  readonly isQuoted: boolean;
  /** The start of the text. */
  readonly start: number;
  /** The end of the text, exclusive. */
  readonly end: number;
}

/** A command with its words. */
export interface SimpleCommand {
  /** The kind of the command. */
  readonly kind: "simple";
  /** The start in the script. */
  readonly start: number;
  /** The assignments before the command. */
  readonly assignments: readonly ShellAssignment[];
  /** The name of the command and its arguments. */
  readonly words: readonly ShellWord[];
  /** The targets of redirections, and the texts of here-documents. */
  readonly targets: readonly ShellWord[];
}

/** A command of a shell script. */
export type ShellCommand =
  | SimpleCommand
  | { readonly kind: "pipeline"; readonly commands: readonly ShellCommand[]; readonly not: boolean }
  | {
    readonly kind: "and-or";
    readonly first: ShellCommand;
    readonly rest: readonly { readonly operator: "&&" | "||"; readonly command: ShellCommand }[];
  }
  | { readonly kind: "background"; readonly command: ShellCommand }
  | { readonly kind: "group"; readonly body: Sequence; readonly isSubshell: boolean }
  | { readonly kind: "if"; readonly clauses: readonly IfClause[]; readonly otherwise: Sequence }
  | {
    readonly kind: "while";
    readonly not: boolean;
    readonly test: Sequence;
    readonly body: Sequence;
  }
  | {
    readonly kind: "for";
    readonly name: string;
    /** The words of the loop; undefined for the arguments of the script. */
    readonly words: readonly ShellWord[] | undefined;
    readonly body: Sequence;
  }
  | { readonly kind: "case"; readonly word: ShellWord; readonly items: readonly CaseItem[] }
  | { readonly kind: "function"; readonly name: string; readonly body: ShellCommand }
  | { readonly kind: "test"; readonly words: readonly ShellWord[] }
  | { readonly kind: "calculation"; readonly word: ShellWord };

/** Commands one after the other. */
export type Sequence = readonly ShellCommand[];

/** The condition and the commands of `if` or `elif`. */
export interface IfClause {
  /** The condition. */
  readonly test: Sequence;
  /** The commands. */
  readonly body: Sequence;
}

/** A branch of `case`. */
export interface CaseItem {
  /** The patterns. */
  readonly patterns: readonly ShellWord[];
  /** The commands. */
  readonly body: Sequence;
}
