import { ShellExpander, Unset } from "./shell_expander.ts";
import { parseShell } from "./shell_parser.ts";
import {
  cloneState,
  exportAll,
  type Outcome,
  type State,
  type Status,
  type Text,
  TooLong,
} from "./shell_state.ts";
import { judgeTest, type TestWord } from "./shell_test.ts";
import type { Sequence, ShellCommand, ShellWord } from "./shell_tree.ts";
import { textOf } from "./shell_words.ts";

/** An end of a script. */
export interface ShellEnd {
  /** True if the script ends without an error. */
  readonly isHealthy: boolean;
  /** The last read of the variable before the end. */
  readonly offset: number | undefined;
  /** True if the variable was unset, and the shell stopped. */
  readonly isUnset: boolean;
  /** The command that ends the script on purpose, such as `exit 1` and `: "${A:?}"`. */
  readonly stop?: number;
}

/** A program that a script starts. */
export interface ProgramStart {
  /** The place of its name in the script. */
  readonly start: number;
  /** The name, without its folder. */
  readonly name: string;
  /** True if the program certainly does not get the variable. */
  readonly isMissing: boolean;
}

/** Runs the commands of a shell that set variables or end a script. */
export abstract class ShellBuiltins extends ShellExpander {
  /** The ends of the script. */
  ends: ShellEnd[] = [];
  /** The places where only a subshell stops, or where the shell stops on some paths. */
  readonly notes = new Set<number>();
  /** The programs that the script starts, on each path. */
  readonly programs: ProgramStart[] = [];
  /** The functions that the script has defined, by name. */
  protected readonly functions = new Map<string, ShellCommand>();
  /** True if the script calls a command whose name is not known. */
  protected callsAny = false;
  /** The commands of `trap … EXIT`. */
  protected onExit: Sequence = [];
  /** The text that the current command reads. */
  protected input: ShellText | undefined;
  /** The files that the script has written out, by the path in the script. */
  protected readonly files = new Map<string, ShellText>();
  /** The outcomes of `return`, for each function that runs. */
  protected returned: Outcome[][] = [];
  /** The states at `break` and `continue`, for each loop that runs. */
  protected left: { breaks: State[]; continues: State[] }[] = [];

  /** Runs commands one after the other. */
  protected abstract sequence(body: Sequence, state: State, isChecked: boolean): Outcome[];
  /** Calls a function. */
  protected abstract call(
    name: string,
    body: ShellCommand,
    args: readonly Text[],
    state: State,
  ): Outcome[];

  /** The status of a test. */
  protected test(words: readonly TestWord[], state: State): Status {
    const result = judgeTest(words, {
      isDefined: (name, offset) => {
        if (name !== this.name) return state.variables.has(name) || undefined;
        state.read = offset;
        return state.variables.get(name) !== undefined;
      },
      perhaps: (read) => {
        try {
          return read();
        } catch (error) {
          if (!(error instanceof Unset)) throw error;
          this.notes.add(error.offset);
          return undefined;
        }
      },
    });
    return result === undefined ? "unknown" : result ? "ok" : "fails";
  }

  /** Runs `export`, `local` and the like. */
  protected declare(
    name: string,
    texts: readonly Text[],
    values: readonly (readonly [string, Text])[],
    state: State,
  ): Outcome[] {
    const isLocal = !/^(export|readonly)$/.test(name) && state.locals !== undefined &&
      !texts.includes("-g");
    const plain = texts.filter((text) => text === null || !/^[-+]/.test(text));
    // As in `export $(cat env)`.
    if (plain.includes(null)) open(state);
    const isReference = texts.some((text) => /^-[A-Za-z]*n/.test(text ?? ""));
    if (isReference) { for (const [each, text] of values) this.references.set(each, text); }
    if (texts.includes("-p")) return [{ state, status: this.statusOf(plain[0], state) }];
    for (const text of plain) {
      const [, each, value] = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text ?? "") ?? [];
      if (each === undefined) continue;
      if (isLocal) hide(each, state);
      if (value !== undefined) state.variables.set(each, value);
      else if (isLocal) state.variables.set(each, undefined);
    }
    for (const [each, text] of values) {
      if (isLocal) hide(each, state);
      state.variables.set(each, text);
    }
    const isNot = texts.some((text) => /^-n$|^\+\w*x/.test(text ?? ""));
    if (isNot || name === "export" || texts.some((text) => /^-\w*x/.test(text ?? ""))) {
      const named = plain.flatMap((text) => /^\w+/.exec(text ?? "")?.[0] ?? []);
      exportAll(state, [...named, ...values.map(([each]) => each)], !isNot);
    } else if (state.allexport) exportAll(state, values.map(([each]) => each));
    return [{ state, status: "ok" }];
  }

  /** The status of a command that fails if a variable is not set. */
  protected statusOf(name: Text | undefined, state: State): Status {
    if (name !== this.name) return "unknown";
    return state.variables.get(name) === undefined ? "fails" : "ok";
  }

  /** Runs a command with its arguments. */
  protected command(
    words: readonly ShellWord[],
    texts: readonly Text[],
    state: State,
    isChecked: boolean,
  ): Outcome[] {
    const [name = null, ...args] = texts;
    const go = (status: Status): Outcome[] => [{ state, status }];
    if (name === null) {
      this.callsAny = true;
      return go("likely");
    }
    const body = this.functions.get(name);
    if (body !== undefined) return this.call(name, body, args, state);
    const file = name.includes("/") ? this.writtenFile(name) : undefined;
    if (file !== undefined) return this.program(file, [], args, state);
    const base = name.slice(name.lastIndexOf("/") + 1);
    const set = (names: readonly Text[]) => {
      for (const each of names) {
        if (/^[A-Za-z_]\w*$/.test(each ?? "")) state.variables.set(each!, null);
      }
    };
    switch (base) {
      case ":":
      case "true":
      case "echo":
        return go("ok");
      case "false":
        return go("fails");
      case "[":
      case "test": {
        const inner = base === "[" && args.at(-1) === "]" ? args.slice(0, -1) : args;
        const kept = inner.flatMap((text, i): TestWord[] => {
          const word = words[i + 1]!;
          const isGone = text === "" && !word.parts.some(({ isQuoted }) => isQuoted);
          return isGone ? [] : [{ literal: textOf(word), start: word.start, text: () => text }];
        });
        return go(this.test(kept, state));
      }
      case "set":
      case "shopt":
        setOptions(base, args, state);
        return go("ok");
      case "let":
        for (const text of args) this.calculateText(text ?? "", words[0]!.start, state);
        return go("unknown");
      case "unset":
        if (args.some((each) => /^-\w*f/.test(each ?? ""))) return go("ok");
        for (const each of args) {
          if (/^\w+$/.test(each ?? "")) state.variables.set(each!, undefined);
        }
        exportAll(state, args.flatMap((each) => each ?? []), false);
        return go("ok");
      case "read":
      case "mapfile":
      case "readarray":
        if (args.at(-1) === null) open(state);
        set(args);
        return go("unknown");
      case "getopts":
        if (state.args?.length === 0) return go("fails");
        set([...args.slice(1, 2), "OPTARG", "OPTIND"]);
        return go("unknown");
      case "printf":
        if (args[0] === "-v") args[1] === null ? open(state) : set(args.slice(1, 2));
        return go("ok");
      case "printenv":
        state.read = words[1]?.start ?? state.read;
        return go(this.statusOf(args[0], state));
      case "source":
      case ".": {
        const file = this.writtenFile(args[0]);
        if (file !== undefined) {
          return this.sequence(parsed(file.text, file.start), state, isChecked);
        }
        if (!/(^|\/)(activate|null|\.?bashrc|profile|\.bash_profile)$/.test(args[0] ?? "")) {
          open(state);
        }
        return go("likely");
      }
      case "eval": {
        const script = args.includes(null) ? null : args.join(" ");
        if (script === null) open(state);
        else return this.sequence(parsed(script, words[0]!.start), state, isChecked);
        return go("likely");
      }
      case "trap":
        if (args.slice(1).some((each) => each === "EXIT" || each === "0")) {
          this.onExit = parsed(args[0] ?? "", words[1]!.start + 1);
        }
        return go("ok");
      case "shift":
        state.args = state.args?.slice(1);
        return go("ok");
      case "exit":
        this.exit(args[0], state, words[0]!.start);
        return [];
      case "return":
        if (this.returned.length === 0) return go("fails");
        this.returned.at(-1)!.push({ state, status: statusOfCode(args[0], "unknown") });
        return [];
      case "break":
      case "continue":
        this.left.at(-1)?.[base === "break" ? "breaks" : "continues"].push(state);
        return this.left.length === 0 ? go("ok") : [];
      case "exec":
        if (args.length === 0) return go("ok");
        for (const { state: { read }, status } of this.command(words.slice(1), args, state, true)) {
          this.ends.push({ isHealthy: status !== "fails", offset: read, isUnset: false });
        }
        return [];
      case "command":
      case "builtin":
      case "nohup":
      case "time":
      case "env":
        return this.wrapped(words, texts, state, isChecked);
    }
    if (/^(ba|da|a|z|k)?sh$/.test(base)) return this.nested(words, texts, state);
    if (/^(die|fail|fatal|usage|abort|error_exit|bail)$/.test(base)) {
      const stop = words[0]!.start;
      this.ends.push({ isHealthy: false, offset: state.read, isUnset: false, stop });
      return [];
    }
    this.noteProgram(words[0]!.start, STARTER.test(base) ? programIn(args) ?? base : base, state);
    if (/^(xargs|parallel|retry|timeout)$/.test(base)) this.callsAny = true;
    return go(
      /^(grep|egrep|diff|cmp|type|which|id|getent|pg_isready|\w+\.\w+)$/.test(base)
        ? "unknown"
        : "likely",
    );
  }

  /** A file that the script has written. */
  private writtenFile(path: Text | undefined): ShellText | undefined {
    return this.files.get((path ?? "").replace(/^\.\//, ""));
  }

  /** Runs the command after a program such as `env`. */
  protected wrapped(
    words: readonly ShellWord[],
    texts: readonly Text[],
    state: State,
    isChecked: boolean,
  ): Outcome[] {
    if (texts[0] === "command" && /^-[vV]$/.test(texts[1] ?? "")) {
      return [{ state, status: "unknown" }];
    }
    const split = texts[0]?.endsWith("env") ? splitText(words, texts) : undefined;
    if (split !== undefined) {
      const inner = { ...cloneState(state), nounset: false };
      const expanded = split.words.map((word, i) => split.texts[i] ?? this.word(word, inner));
      return this.wrapped(split.words, expanded, state, isChecked);
    }
    let at = 1;
    const isEnv = /(?:^|\/)env$/.test(texts[0] ?? "");
    const inner = isEnv ? cloneState(state) : state;
    const unset = (names: Iterable<string>) => {
      for (const each of names) inner.variables.set(each, undefined);
      exportAll(inner, names, false);
    };
    for (; at < texts.length; at++) {
      const text = texts[at]!;
      const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text ?? "") ?? [];
      if (isEnv && name !== undefined) {
        inner.variables.set(name, value!);
        exportAll(inner, [name]);
      } else if (text === null || !/^-/.test(text)) break;
      else if (isEnv && /^(?:-\w*i\w*|-|--ignore-environment)$/.test(text)) {
        unset([...inner.exported, this.name]);
      } else if (isEnv && /^-u$|^--unset$/.test(text)) unset([texts[++at] ?? ""]);
      else if (isEnv && /^(?:-u|--unset=)\w/.test(text)) {
        unset([text.replace(/^(?:-u|--unset=)/, "")]);
      }
    }
    if (at >= texts.length) return [{ state, status: "likely" }];
    const outcomes = this.command(words.slice(at), texts.slice(at), inner, isChecked);
    // What env sets is only for the program.
    return !isEnv ? outcomes : outcomes.map(({ state: { read, lost }, status }) => (
      { state: { ...cloneState(state), read, lost }, status }
    ));
  }

  /** Notes a program, and whether it gets the variable. */
  private noteProgram(start: number, name: string, { variables, exported }: State): void {
    const isMissing = variables.get(this.name) === undefined || !exported.has(this.name);
    this.programs.push({ start, name, isMissing });
  }

  /** Runs the script of `bash -c`, the text that a shell reads, or a file that the script wrote. */
  protected nested(words: readonly ShellWord[], texts: readonly Text[], state: State): Outcome[] {
    const end = texts.findIndex((text, i) =>
      i > 0 && (text === null || !/^[-+]/.test(text) && !/^[-+]\w*o$/.test(texts[i - 1] ?? ""))
    );
    const options = texts.slice(1, end < 0 ? undefined : end);
    const script = texts[end];
    const has = (letter: RegExp) => options.some((text) => letter.test(text ?? ""));
    const source = has(/^-\w*c/)
      ? typeof script === "string" ? { text: script, start: words[end]!.start + 1 } : undefined
      : end < 0 || has(/^-\w*s/)
      ? this.input
      : this.writtenFile(script);
    if (source !== undefined) return this.program(source, ["", ...options], undefined, state);
    this.noteProgram(words[0]!.start, "sh", state);
    return [{ state, status: "likely" }];
  }

  /** Runs a script in a shell of its own; without options, its first line can have them. */
  private program(
    { text, start }: ShellText,
    options: readonly Text[],
    args: readonly Text[] | undefined,
    state: State,
  ): Outcome[] {
    const inner: State = { ...cloneState(state), nounset: false, errexit: false, pipefail: false };
    if (args !== undefined) inner.args = args;
    for (const name of inner.variables.keys()) {
      const isKept = inner.exported.has(name) || name !== this.name && this.isSet(name);
      if (!isKept) inner.variables.set(name, undefined);
    }
    const [, first = ""] = /^#![^\n]*sh[ \t]+(-[^\n]*)/.exec(text) ?? [];
    setOptions("set", options.length > 0 ? options.slice(1) : first.split(/\s+/), inner);
    const outcomes = this.subshell(parsed(text, start), inner, false);
    return outcomes.map(({ state: { read, lost }, status }) => (
      { state: { ...cloneState(state), read, lost }, status: status === "ok" ? "likely" : status }
    ));
  }

  /** Ends the script. */
  protected exit(code: Text | undefined, state: State, stop: number): void {
    const status = statusOfCode(code, code === undefined ? state.last : "unknown");
    this.ends.push({
      isHealthy: status === "unknown" ? !state.isFailing : status !== "fails",
      offset: state.read,
      isUnset: false,
      stop,
    });
  }
}

/** Programs that start another one with their own environment, as in `timeout 60 python3 job.py`. */
const STARTER =
  /^(?:nice|ionice|timeout|stdbuf|setsid|taskset|numactl|flock|chrt|tini|dumb-init|gosu|su-exec|xargs)$/;

/** The name of the program that the words after such a program start. */
function programIn(args: readonly Text[]): string | undefined {
  const names = args.map((each) => (each ?? "").replace(/^.*\//, ""));
  return names.find((each) => /^(?:python[\d.]*|pyspark|spark-submit)$/.test(each));
}

/** A text of a script, with its place. */
export interface ShellText {
  /** The text. */
  readonly text: string;
  /** The start in the script. */
  readonly start: number;
}

/** The words of `env -S "…"` after env has split the text; a text is undefined if it has variables. */
function splitText(
  words: readonly ShellWord[],
  texts: readonly Text[],
):
  | { readonly words: readonly ShellWord[]; readonly texts: readonly (Text | undefined)[] }
  | undefined {
  const at = texts.findIndex((text, i) =>
    i > 0 && /^(?:-[A-Za-z]*S|--split-string)/.test(text ?? "")
  );
  const isFirst = texts.slice(1, at).every((text) => /^-/.test(text ?? ""));
  if (at < 0 || !isFirst) return undefined;
  const attached = texts[at]!.replace(/^(?:-[A-Za-z]*S|--split-string=?)/, "");
  const [line, rest] = attached === "" ? [texts[at + 1], at + 2] : [attached, at + 1];
  const [command, ...others] = parsed(line ?? "", words[at]!.start);
  if (command?.kind !== "simple" || others.length > 0) return undefined;
  const set = command.assignments.map(({ name, value }) => `${name}=${textOf(value) ?? ""}`);
  return {
    words: [
      ...words.slice(0, at),
      ...set.map(() => words[at]!),
      ...command.words,
      ...words.slice(rest),
    ],
    texts: [
      ...texts.slice(0, at),
      ...set,
      ...command.words.map(() => undefined),
      ...texts.slice(rest),
    ],
  };
}

/** The commands of a text in a script. */
function parsed(text: string, start: number): Sequence {
  const { body, isRead } = parseShell(text, start);
  if (!isRead) throw new TooLong();
  return body;
}

/** Undoes an assignment before a command. */
export function restore(after: State, name: string, text: Text | undefined, before: State): void {
  if (text === undefined && !before.variables.has(name)) after.variables.delete(name);
  else after.variables.set(name, text);
}

/** Keeps the value of an outer variable until the function ends. */
function hide(name: string, { locals, variables }: State): void {
  if (locals!.some(([each]) => each === name)) return;
  locals!.push([name, variables.get(name), variables.has(name)]);
}

/** Another file or command may set any variable. */
export function open(state: State): void {
  const { variables } = state;
  for (const [name, text] of variables) if (text === undefined) variables.set(name, null);
  exportAll(state, variables.keys());
}

function statusOfCode(code: Text | undefined, otherwise: Status): Status {
  if (code === undefined || code === null) return otherwise;
  return /^0*$/.test(code) ? "ok" : "fails";
}

/** Applies the options of `set` and `shopt`. */
export function setOptions(command: string, words: readonly Text[], state: State): void {
  for (let i = 0; i < words.length; i++) {
    const text = words[i] ?? "";
    if (text === "--" || !/^[-+]/.test(text)) {
      if (command === "set") state.args = undefined;
      if (command === "set") return;
    }
    const isOn = command === "shopt"
      ? !words.some((each) => /^-\w*u/.test(each ?? ""))
      : text.startsWith("-");
    const letters = command === "set" ? text : "";
    if (letters.includes("a")) state.allexport = isOn;
    if (letters.includes("u")) state.nounset = isOn;
    if (letters.includes("e")) state.errexit = isOn;
    const name = /^[-+]\w*o$/.test(text) && command === "set" ? words[++i] : text;
    if (name === "allexport") state.allexport = isOn;
    if (name === "nounset") state.nounset = isOn;
    if (name === "errexit") state.errexit = isOn;
    if (name === "pipefail") state.pipefail = isOn;
  }
}
