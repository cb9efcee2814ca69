import { open, restore, ShellBuiltins, type ShellEnd } from "./shell_builtins.ts";
import { Unset } from "./shell_expander.ts";
import { textOf } from "./shell_words.ts";
import {
  cloneState,
  combine,
  distinct,
  exportAll,
  functionState,
  keyOf,
  matchesGlob,
  OPPOSITES,
  type Outcome,
  RUNS_AFTER_AND,
  RUNS_AFTER_OR,
  type State,
  type Text,
  TooLong,
  withoutOthers,
} from "./shell_state.ts";
import type { TestWord } from "./shell_test.ts";
import type { Sequence, ShellCommand, ShellWord, SimpleCommand } from "./shell_tree.ts";

/** The steps that are left for a script. */
export interface Budget {
  /** The number of steps. */
  steps: number;
}

/** The deepest nesting of commands, also in the functions that they call. */
const MAX_DEPTH = 200;

/** The rounds of a loop in which all variables keep their values. */
const MAX_ROUNDS = 20;

/**
 * Follows all paths of a script, for one variable. All other values that the script does not set itself
 * are unknown, and so are the results of commands.
 */
export class ShellRun extends ShellBuiltins {
  private readonly called = new Set<string>();
  /** The calls that run, by function and state. */
  private readonly calling = new Set<string>();
  private depth = 0;

  /** Follows a variable, with a number of steps. */
  constructor(name: string, isSet: (name: string) => boolean, private readonly budget: Budget) {
    super(name, isSet);
  }

  /** Runs a whole script. */
  script(body: Sequence, state: State): void {
    const outcomes = this.sequence(body, state, false);
    for (const { state: last, status } of outcomes) {
      const before = this.ends;
      this.ends = [];
      const after = this.sequence(this.onExit, cloneState(last), false);
      this.note(this.ends);
      // Without `set -e`, an unset variable ends only the commands of the trap.
      this.ends = before.concat(
        this.ends.map((end) =>
          end.isUnset && !last.errexit
            ? { isHealthy: status !== "fails", offset: end.offset, isUnset: false }
            : end
        ),
      );
      if (after.length === 0) continue;
      this.ends.push({ isHealthy: status !== "fails", offset: last.read, isUnset: false });
    }
    const end = outcomes[0]?.state ?? state;
    const isLibrary = body.every(({ kind }) => kind === "function");
    if (!isLibrary && !this.callsAny) return;
    for (const [name, command] of this.functions) {
      if (!this.called.has(name)) this.aside(() => this.call(name, command, [], cloneState(end)));
    }
  }

  /** Runs commands that may never run. Only notes their stops. */
  private aside(run: () => void): void {
    const before = this.ends;
    this.ends = [];
    run();
    this.note(this.ends);
    this.ends = before;
  }

  /** Notes the stops among the ends of a subshell. */
  private note(ends: readonly ShellEnd[]): void {
    for (const { isUnset, offset } of ends) if (isUnset) this.notes.add(offset!);
  }

  /** Runs commands one after the other, on each path. */
  protected override sequence(body: Sequence, state: State, isChecked: boolean): Outcome[] {
    let outcomes: Outcome[] = [{ state, status: "ok" }];
    for (const command of body) {
      outcomes = distinct(
        outcomes.flatMap(({ state: before, status: last }) =>
          this.run(command, { ...before, last }, isChecked)
        ),
        this.name,
      );
    }
    return outcomes;
  }

  /** Runs a command. Ends the path if the variable is unset. */
  private run(command: ShellCommand, state: State, isChecked: boolean): Outcome[] {
    if (--this.budget.steps < 0 || ++this.depth > MAX_DEPTH) throw new TooLong();
    try {
      return this.runKind(command, state, isChecked);
    } catch (error) {
      if (!(error instanceof Unset)) throw error;
      const { offset, isOwn } = error;
      const end = { isHealthy: false, offset, isUnset: true };
      this.ends.push(isOwn ? { ...end, stop: offset } : end);
      return [];
    } finally {
      this.depth--;
    }
  }

  /** Runs a command by its kind. */
  private runKind(command: ShellCommand, state: State, isChecked: boolean): Outcome[] {
    switch (command.kind) {
      case "simple":
        return this.settle(this.simple(command, state, isChecked), isChecked);
      case "pipeline":
        return this.settle(this.pipeline(command, state), isChecked || command.not);
      case "and-or":
        return this.andOr(command, state, isChecked);
      case "background":
        this.subshell([command.command], state, isChecked);
        return [{ state, status: "ok" }];
      case "group":
        return command.isSubshell
          ? this.settle(this.subshell(command.body, state, isChecked), isChecked)
          : this.sequence(command.body, state, isChecked);
      case "if":
        return this.ifCommand(command, state, isChecked);
      case "while":
        return this.whileCommand(command, state, isChecked);
      case "for":
        return this.forCommand(command, state, isChecked);
      case "case":
        return this.caseCommand(command, state, isChecked);
      case "function":
        this.functions.set(command.name, command.body);
        return [{ state, status: "ok" }];
      case "test": {
        const words = command.words.map((word): TestWord => this.testWord(word, state));
        return this.settle([{ state, status: this.test(words, state) }], isChecked);
      }
      case "calculation":
        this.calculate(command.word, state);
        return [{ state, status: "unknown" }];
    }
  }

  /** Ends the script after a command that fails, under `set -e`. */
  private settle(outcomes: readonly Outcome[], isChecked: boolean): Outcome[] {
    return outcomes.filter(({ state, status }) => {
      if (isChecked || !state.errexit || status !== "fails") return true;
      const isUnset = state.lost !== undefined;
      this.ends.push({ isHealthy: false, offset: state.lost ?? state.read, isUnset });
      return false;
    });
  }

  /** Runs a pipeline. */
  private pipeline(
    { commands, not }: Extract<ShellCommand, { kind: "pipeline" }>,
    state: State,
  ): Outcome[] {
    const flip = (each: Outcome): Outcome =>
      !not ? each : { ...each, status: OPPOSITES[each.status] };
    if (commands.length === 1) return this.run(commands[0]!, state, true).map(flip);
    const passed = passedOn(commands);
    let read = state.read;
    let lost: number | undefined;
    const statuses = commands.map((command, i) => {
      const last = command.kind === "simple" && i > 0 && i === commands.length - 1;
      const targets = last ? [...command.targets, ...passed] : [];
      const outcomes = this.subshell([last ? { ...command, targets } : command], state, true);
      for (const each of outcomes) {
        read = each.state.read ?? read;
        lost = each.state.lost ?? lost;
      }
      return combine(outcomes.map(({ status }) => status));
    });
    const fails = state.pipefail && statuses.includes("fails");
    const status = fails ? "fails" : statuses.at(-1)!;
    return [
      flip({ state: { ...state, read, lost: status === "fails" ? lost : undefined }, status }),
    ];
  }

  /** Runs commands in a subshell: what they set, and their end, stays there. */
  protected override subshell(body: Sequence, state: State, isChecked: boolean): Outcome[] {
    const [ends, returned, left] = [this.ends, this.returned, this.left];
    [this.ends, this.returned, this.left] = [[], [], []];
    const outcomes = this.sequence(body, cloneState(state), isChecked);
    const inner = this.ends;
    [this.ends, this.returned, this.left] = [ends, returned, left];
    this.note(inner);
    const results: Outcome[] = [
      ...outcomes.map(({ state: { read }, status }) => ({ state: { ...state, read }, status })),
      ...inner.map(({ isHealthy, offset, isUnset }): Outcome => ({
        state: { ...state, read: offset ?? state.read, lost: isUnset ? offset : undefined },
        status: isHealthy ? "ok" : "fails",
      })),
    ];
    return distinct(results.map((each) => ({ ...each, state: cloneState(each.state) })), this.name);
  }

  /** Runs commands with `&&` and `||`. */
  private andOr(
    { first, rest }: Extract<ShellCommand, { kind: "and-or" }>,
    state: State,
    isChecked: boolean,
  ): Outcome[] {
    let outcomes = this.run(first, state, true);
    rest.forEach(({ operator, command }, i) => {
      const checked = isChecked || i < rest.length - 1;
      outcomes = outcomes.flatMap((each): Outcome[] => {
        const runs = operator === "&&" ? RUNS_AFTER_AND[each.status] : RUNS_AFTER_OR[each.status];
        if (runs === "no") return [each];
        const next = {
          ...cloneState(each.state),
          last: operator === "||" ? "fails" as const : each.status,
          isFailing: operator === "||" || state.isFailing,
        };
        const after = this.run(command, next, checked)
          .map((one) => ({ ...one, state: { ...one.state, isFailing: state.isFailing } }));
        if (runs === "yes") return after;
        return [{ ...each, status: operator === "||" ? "ok" : each.status }, ...after];
      });
    });
    return distinct(outcomes, this.name);
  }

  /** Runs `if`. */
  private ifCommand(
    { clauses, otherwise }: Extract<ShellCommand, { kind: "if" }>,
    state: State,
    isChecked: boolean,
  ): Outcome[] {
    const results: Outcome[] = [];
    let states: State[] = [state];
    for (const { test, body } of clauses) {
      const next: State[] = [];
      for (
        const { state: after, status } of states.flatMap((each) => this.sequence(test, each, true))
      ) {
        if (status !== "ok") next.push(cloneState(after));
        if (status !== "fails") results.push(...this.sequence(body, after, isChecked));
      }
      states = next;
    }
    return [...results, ...states.flatMap((each) => this.sequence(otherwise, each, isChecked))];
  }

  /** Runs `while` and `until`. */
  private whileCommand(
    { not, test, body }: Extract<ShellCommand, { kind: "while" }>,
    state: State,
    isChecked: boolean,
  ): Outcome[] {
    const done: State[] = [];
    let states = [state];
    const seen = new Set<string>();
    for (let round = 0; states.length > 0; round++) {
      const next: State[] = [];
      for (
        const { state: after, status } of states.flatMap((each) => this.sequence(test, each, true))
      ) {
        const isOver = not ? status === "ok" : status === "fails";
        const isSure = status === (not ? "fails" : "ok");
        if (!isSure) done.push(cloneState(after));
        if (!isOver) next.push(...this.round(body, after, isChecked, done));
      }
      const merge = round < MAX_ROUNDS ? distinct : withoutOthers;
      const all = merge(next.map((each) => ({ state: each, status: "ok" })), this.name);
      // An equal round gives nothing new. An endless loop counts as one that ends.
      states = all.filter((each) => !seen.has(keyOf(each))).map((each) => each.state);
      done.push(
        ...all.filter((each) => seen.has(keyOf(each))).map(({ state }) => cloneState(state)),
      );
      for (const each of all) seen.add(keyOf(each));
    }
    return distinct(done.map((each) => ({ state: each, status: "ok" })), this.name);
  }

  /** One round of a loop. Returns the states before the next round. */
  private round(body: Sequence, state: State, isChecked: boolean, done: State[]): State[] {
    const left = { breaks: [], continues: [] };
    this.left.push(left);
    const outcomes = this.sequence(body, state, isChecked);
    this.left.pop();
    done.push(...left.breaks);
    return [...outcomes.map((each) => each.state), ...left.continues];
  }

  /** Runs `for`. */
  private forCommand(
    { name, words, body }: Extract<ShellCommand, { kind: "for" }>,
    state: State,
    isChecked: boolean,
  ): Outcome[] {
    const items: readonly (Text | undefined)[] | undefined = words === undefined
      ? state.args
      : words.flatMap((word) => this.itemsOf(word, state));
    const done: State[] = [];
    let states = [state];
    // Without known arguments, the loop may have no round.
    if (items === undefined || items.includes(undefined)) done.push(cloneState(state));
    for (const item of items ?? [null]) {
      states = states.flatMap((each) => {
        each.variables.set(name, item ?? null);
        return this.round(body, each, isChecked, done);
      });
      states = distinct(states.map((each) => ({ state: each, status: "ok" })), this.name)
        .map((each) => each.state);
    }
    return distinct([...done, ...states].map((each) => ({ state: each, status: "ok" })), this.name);
  }

  /** The items of a loop; undefined for items that may not exist, as of `"$@"`. */
  private itemsOf(word: ShellWord, state: State): readonly (Text | undefined)[] {
    const [part] = word.parts;
    if (part?.kind === "variable" && /^[@*]$/.test(part.name)) return state.args ?? [undefined];
    const text = this.word(word, state);
    const isQuoted = word.parts.some((each) => each.isQuoted);
    // A second round shows what depends on the first one.
    if (text === null) return isQuoted ? [null] : [undefined, undefined];
    if (
      word.parts.some((each) => !each.isQuoted && each.kind === "text" && /[*?]/.test(each.text))
    ) {
      return [null, null];
    }
    if (part?.kind === "variable" && part.index !== "") return text.split("\n").filter(Boolean);
    return isQuoted ? [text] : text.split(/\s+/).filter(Boolean);
  }

  /** Runs `case`. */
  private caseCommand(
    { word, items }: Extract<ShellCommand, { kind: "case" }>,
    state: State,
    isChecked: boolean,
  ): Outcome[] {
    const text = this.word(word, state);
    const results: Outcome[] = [];
    for (const { patterns, body } of items) {
      const matches = patterns.map((pattern) => {
        const glob = this.word(pattern, state);
        return glob === "*"
          ? true
          : text === null || glob === null
          ? undefined
          : matchesGlob(text, glob);
      });
      if (matches.every((each) => each === false)) continue;
      const isSure = matches.includes(true);
      results.push(...this.sequence(body, isSure ? state : cloneState(state), isChecked));
      if (isSure) return results;
    }
    return [...results, { state, status: "ok" }];
  }

  /** A word of a test. */
  private testWord(word: ShellWord, state: State): TestWord {
    return { literal: textOf(word), start: word.start, text: () => this.word(word, state) };
  }

  /** Runs a simple command. */
  private simple(command: SimpleCommand, state: State, isChecked: boolean): Outcome[] {
    this.substituted = "ok";
    const { assignments, targets } = command;
    const expanded = command.words.flatMap((word) => {
      const [part] = word.parts;
      const isAll = part?.kind === "variable" && /^[@*]$/.test(part.name) &&
        word.parts.length === 1;
      return isAll && state.args !== undefined
        ? state.args.map((text) => ({ word, text }))
        : [{ word, text: this.word(word, state) }];
    });
    const words = expanded.map(({ word }) => word);
    const texts = expanded.map(({ text }) => text);
    const values = assignments.map(({ name, appends, value, words }) => {
      const items = words.map((each) => this.word(each, state));
      const text = value !== undefined
        ? this.word(value, state)
        : items.includes(null)
        ? null
        : items.map((each) => `${each}\n`).join("");
      const before = appends ? this.valueOf(name, state) ?? "" : "";
      return [name, text === null || before === null ? null : before + text] as const;
    });
    const input = targets.map((target) => ({ target, text: this.word(target, state) }))
      .findLast(({ target }) => target.isInput);
    const [name] = texts;
    if (command.words.length === 0) {
      for (const [each, text] of values) {
        const target = this.references.get(each) ?? each;
        if (this.references.get(each) === null) open(state);
        state.variables.set(target, text);
        if (state.allexport) exportAll(state, [target]);
      }
      return [{ state, status: this.substituted }];
    }
    if (typeof name === "string" && /^(export|declare|typeset|readonly|local)$/.test(name)) {
      return this.declare(name, texts.slice(1), values, state);
    }
    const before = values.map(([each]) => [each, state.variables.get(each)] as const);
    for (const [each, text] of values) state.variables.set(each, text);
    const added = values.map(([each]) => each).filter((each) => !state.exported.has(each));
    if (added.length > 0) exportAll(state, added);
    const outer = this.input;
    const text = input?.text ?? undefined;
    this.input = text === undefined ? undefined : { text, start: input!.target.start };
    this.keepFile(texts, targets, state);
    const outcomes = this.command(words, texts, state, isChecked);
    this.input = outer;
    for (const { state: after } of outcomes) {
      for (const [each, text] of before) restore(after, each, text, state);
      if (added.length > 0) exportAll(after, added, false);
    }
    return outcomes;
  }

  /** Keeps a file that the script writes out, as with `cat > run.sh <<'EOF'`. */
  private keepFile(texts: readonly Text[], targets: readonly ShellWord[], state: State): void {
    if (this.input === undefined || !/^(?:cat|tee)$/.test(texts[0] ?? "")) return;
    const written = texts[0] === "tee" ? texts.slice(1) : targets.filter(({ isInput }) => !isInput)
      .map((target) => this.word(target, state));
    const file = written.find((each) => each !== null && !/^-|^\/dev\/|^\d*$/.test(each));
    if (typeof file === "string") this.files.set(file.replace(/^\.\//, ""), this.input);
  }

  /** Calls a function. */
  protected override call(
    name: string,
    body: ShellCommand,
    args: readonly Text[],
    state: State,
  ): Outcome[] {
    this.called.add(name);
    const inner = functionState(state, args);
    const key = JSON.stringify([name, keyOf({ state: inner, status: "ok" })]);
    // A function that calls itself in the same state does nothing new.
    if (this.calling.has(key)) return [{ state, status: "unknown" }];
    this.calling.add(key);
    this.returned.push([]);
    const outcomes = this.run(body, inner, false);
    this.calling.delete(key);
    const all = [...outcomes, ...this.returned.pop()!];
    return distinct(
      all.map(({ state: after, status }) => {
        for (const [each, text, wasSet] of (after.locals ?? []).toReversed()) {
          if (wasSet) after.variables.set(each, text);
          else after.variables.delete(each);
        }
        const outer = { ...after, args: state.args, locals: state.locals?.slice() };
        return { state: outer, status };
      }),
      this.name,
    );
  }
}

/** The text that the first of two commands passes on, as in `cat <<EOF | sh` and `echo x | sh`. */
function passedOn([first, , third]: readonly ShellCommand[]): readonly ShellWord[] {
  if (first?.kind !== "simple" || third !== undefined) return [];
  const [name, word, ...more] = first.words;
  if (textOf(name) === "cat" && word === undefined) {
    return first.targets.filter((target) => target.isInput && textOf(target) !== undefined);
  }
  return textOf(name) === "echo" && textOf(word) !== undefined && word && more.length === 0
    ? [{ ...word, isInput: true }]
    : [];
}
