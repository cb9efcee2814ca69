/** The text of a word or a variable; null if it is not known. */
export type Text = string | null;

/** Whether a command succeeds: `likely` for a program that usually does. */
export type Status = "ok" | "fails" | "likely" | "unknown";

/** The state of a shell on one path through a script. */
export interface State {
  /** The variables that the script sets, and the one in question: undefined if it is unset. */
  readonly variables: Map<string, Text | undefined>;
  /** The variables that programs get: those of the environment, and those that the script exports. */
  exported: ReadonlySet<string>;
  /** True after `set -a`, which exports all variables. */
  allexport: boolean;
  /** True after `set -u`. */
  nounset: boolean;
  /** True after `set -e`. */
  errexit: boolean;
  /** True after `set -o pipefail`. */
  pipefail: boolean;
  /** The arguments of the script or the current function; undefined if they are not known. */
  args: readonly Text[] | undefined;
  /** The variables of outer functions that local variables hide; undefined outside of a function. */
  locals: [string, Text | undefined, boolean][] | undefined;
  /** The last place that read the variable in question. */
  read: number | undefined;
  /** The place where a subshell stopped, if the last command failed for that reason. */
  lost: number | undefined;
  /** The status of the last command. */
  readonly last: Status;
  /** True after a command that usually succeeds has failed. */
  readonly isFailing: boolean;
}

/** A script takes more steps than allowed, or nests too deeply. */
export class TooLong extends Error {}

/** A state after a command, with the status of the command. */
export interface Outcome {
  /** The state. */
  readonly state: State;
  /** The status. */
  readonly status: Status;
}

/** The state of a shell at its start. */
export function firstState(
  name: string,
  text: Text | undefined,
  { nounset, args }: Pick<State, "nounset" | "args">,
): State {
  return {
    variables: new Map([[name, text]]),
    exported: new Set(text === undefined ? [] : [name]),
    allexport: false,
    nounset,
    errexit: false,
    pipefail: false,
    args,
    locals: undefined,
    read: undefined,
    lost: undefined,
    last: "ok",
    isFailing: false,
  };
}

/** A copy that other commands can change. */
export function cloneState(state: State): State {
  return {
    ...state,
    variables: new Map(state.variables),
    locals: state.locals?.slice(),
  };
}

/** Exports variables, or stops to export them. */
export function exportAll(state: State, names: Iterable<string>, isExported = true): void {
  const exported = new Set(state.exported);
  for (const name of names) isExported ? exported.add(name) : exported.delete(name);
  state.exported = exported;
}

/** The state at the start of a function. */
export function functionState(state: State, args: readonly Text[]): State {
  return { ...state, args, locals: [] };
}

/** The most states that are followed one by one. */
const MAX_STATES = 12;

/** Leaves out equal outcomes. Of too many, only the variable in question stays known. */
export function distinct(outcomes: readonly Outcome[], name: string): Outcome[] {
  if (outcomes.length < 2) return [...outcomes];
  const found = new Map(outcomes.map((each) => [keyOf(each), each]));
  if (found.size <= MAX_STATES) return [...found.values()];
  return withoutOthers(outcomes, name);
}

/** Forgets the values of all variables except the one in question, and leaves out equal outcomes. */
export function withoutOthers(outcomes: readonly Outcome[], name: string): Outcome[] {
  return [
    ...new Map(
      outcomes.map(({ state, status }) => {
        const text = state.variables.get(name);
        const known = typeof text === "string" && text !== "" ? null : text;
        const each: Outcome = { state: { ...state, variables: new Map([[name, known]]) }, status };
        return [keyOf(each), each];
      }),
    ).values(),
  ];
}

/** A text that is equal for outcomes after which a script does the same. */
export function keyOf({ state, status }: Outcome): string {
  const { variables, exported, allexport, nounset, errexit, pipefail, args, locals, isFailing } =
    state;
  const values = [...variables].filter(([, text]) => text !== null).sort()
    .map(([name, text]) => [name, text === undefined, text]);
  const options = [allexport, nounset, errexit, pipefail];
  return JSON.stringify([values, [...exported].sort(), status, options, args, locals, isFailing]);
}

/** The status of a command that can have several. */
export function combine(statuses: readonly Status[]): Status {
  const [first = "unknown", ...others] = new Set(statuses);
  return others.length === 0 ? first : "unknown";
}

/** Returns whether a text matches a pattern of `case` or `[[ … == … ]]`. */
export function matchesGlob(text: string, glob: string): boolean | undefined {
  if (text.length > 200 || glob.length > 200 || glob.split("*").length > 6) return undefined;
  const source = glob.replace(/\[!/g, "[^").replace(/[\\^$.|+(){}]/g, "\\$&")
    .replaceAll("[\\^", "[^").replaceAll("*", "[^]*").replaceAll("?", ".");
  return matchesPattern(text, `^(?:${source})$`);
}

/** Returns whether a text matches a regular expression; undefined if the expression is not known here. */
export function matchesPattern(text: string, pattern: string): boolean | undefined {
  if (text.length > 200 || pattern.length > 200) return undefined;
  const source = pattern.replaceAll("[:digit:]", "0-9").replaceAll("[:space:]", "\\s");
  // Nested repetitions are slow.
  if (source.includes("[:") || /[+*}]\)[+*{]/.test(source)) return undefined;
  try {
    return new RegExp(source).test(text);
  } catch {
    return undefined;
  }
}

/** The status of a command after `!`. */
export const OPPOSITES: Readonly<Record<Status, Status>> = {
  ok: "fails",
  fails: "ok",
  likely: "unknown",
  unknown: "unknown",
};

/** Whether a command runs. */
export type Runs = "yes" | "no" | "perhaps";

/** Whether a command runs after `&&`, by the status of the one before. */
export const RUNS_AFTER_AND: Readonly<Record<Status, Runs>> = {
  ok: "yes",
  likely: "yes",
  fails: "no",
  unknown: "perhaps",
};

/** Whether a command runs after `||`, by the status of the one before. */
export const RUNS_AFTER_OR: Readonly<Record<Status, Runs>> = {
  ok: "no",
  likely: "perhaps",
  fails: "yes",
  unknown: "perhaps",
};
