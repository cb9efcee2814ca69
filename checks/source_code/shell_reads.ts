import { parseShell } from "./shell_parser.ts";
import type { ProgramStart } from "./shell_builtins.ts";
import { firstState, TooLong } from "./shell_state.ts";
import { type Budget, ShellRun } from "./shell_run.ts";
import type { Sequence } from "./shell_tree.ts";

/** A place where code reads a variable of its environment. */
export interface VariableRead {
  /** The variable. */
  readonly name: string;
  /**
   * The position where the code reads the variable, in characters from the beginning of the text.
   */
  readonly offset: number;
  /** True if the code goes on without the variable, at least in some runs. */
  readonly optional: boolean;
  /** True if the code goes on with an empty text instead of the variable. */
  readonly empty?: true;
  /** True if the code stops without the variable in some runs. */
  readonly perhaps?: true;
  /** The place where the code ends itself without the variable, as with `exit 1`. */
  readonly stop?: number;
  /** The reason why it is not known what the code does without the variable. */
  readonly unknown?: string;
}

/** How a shell starts. */
export interface ShellStart {
  /** True if the shell stops at an unset variable from the beginning, as with `bash -u`. */
  readonly nounset: boolean;
  /** True if a command line names the shell, so that the first line of the script has no effect. */
  readonly named: boolean;
  /** True if the script gets no arguments. */
  readonly isAlone?: boolean;
  /** Returns whether the environment has a variable. Then only a script that removes it stops. */
  readonly has?: (name: string) => boolean;
}

/** The steps for all variables of a script. A script with more steps is not judged. */
const MAX_STEPS = 100_000;

/**
 * The variables without which a shell script stops, or reads an empty text. Follows the paths of the
 * script for each variable.
 */
export function shellReads(
  text: string,
  start: ShellStart = { nounset: false, named: false },
): VariableRead[] {
  const { body, isRead } = parseShell(text);
  const firstLine = start.named ? null : /^#![^\n]*[ \t](?:-[A-Za-z]*u|-o[ \t]+nounset)/.exec(text);
  const nounset = start.nounset || firstLine !== null;
  const budget = { steps: MAX_STEPS };
  return [...namesIn(text)].flatMap(([name, offset]) => {
    if (start.has?.(name) === true && !(isRead && REMOVING.test(text))) return [];
    if (!isRead) return [{ name, offset, optional: true, perhaps: true as const }];
    return readsOf(name, offset, body, { ...start, nounset }, budget);
  }).sort((a, b) => a.offset - b.offset);
}

/** Commands that can remove a variable of the environment. */
const REMOVING = /\b(?:unset|env|export[ \t]+-n)\b/;

/**
 * The programs that a script starts, each with whether it lacks a variable that the script has.
 * Empty if the script removes no variable, or is not read.
 */
export function programsWithout(text: string, name: string): readonly ProgramStart[] {
  if (!REMOVING.test(text)) return [];
  const { body, isRead } = parseShell(text);
  if (!isRead) return [];
  const run = new ShellRun(name, () => false, { steps: MAX_STEPS });
  try {
    run.script(body, firstState(name, null, { nounset: false, args: undefined }));
  } catch (error) {
    if (error instanceof TooLong) return [];
    throw error;
  }
  return run.programs;
}

/** The names that may be variables of the environment, with the place of the first one. */
function namesIn(text: string): Map<string, number> {
  const names = new Map<string, number>();
  const isByName =
    /\$\{!|\bprintenv\b|\(\(|\blet\b|\b(?:declare|typeset|local)[ \t]+-\w*[pn]|\beval\b/.test(text);
  const pattern = isByName
    ? /(?<![\w])[A-Z][A-Z\d_]*(?![\w])/g
    : /(?<=\$|\$\{[#!]?|-v[ \t]+)[A-Z][A-Z\d_]*(?![a-z\w])/g;
  for (const { 0: name, index } of text.matchAll(pattern)) {
    if (!names.has(name)) names.set(name, index);
  }
  return names;
}

function readsOf(
  name: string,
  offset: number,
  body: Sequence,
  { nounset, isAlone, has = () => false }: ShellStart,
  budget: Budget,
): VariableRead[] {
  const isSet = has(name);
  const follow = (text: null | undefined) => {
    const run = new ShellRun(name, has, budget);
    run.script(body, firstState(name, text, { nounset, args: isAlone ? [] : undefined }));
    return run;
  };
  try {
    const run = follow(isSet ? null : undefined);
    const stops = run.ends.filter((end) => end.isUnset && end.offset !== undefined);
    const isHealthy = run.ends.some((end) => end.isHealthy);
    const empties = [...run.empties].map((each): VariableRead => (
      { name, offset: each, optional: true, empty: true }
    ));
    if (isHealthy || isSet && stops.length === 0) {
      const perhaps = new Set([...stops.map((end) => end.offset!), ...run.notes]);
      return [
        ...[...perhaps].map((each): VariableRead => (
          { name, offset: each, optional: true, perhaps: true }
        )),
        ...empties,
      ];
    }
    const [end] = [...stops, ...run.ends.filter((each) => each.offset !== undefined)];
    // If the script also stops with the variable, the missing variable is not the cause.
    const isCause = stops.length > 0 || follow(null).ends.some((each) => each.isHealthy);
    return [
      ...end !== undefined && isCause
        ? [{
          name,
          offset: end.offset!,
          optional: false,
          ...(end.stop === undefined ? {} : { stop: end.stop }),
        }]
        : [],
      ...empties,
    ];
  } catch (error) {
    if (error instanceof TooLong) {
      return isSet ? [] : [{ name, offset, optional: true, perhaps: true }];
    }
    throw error;
  }
}
