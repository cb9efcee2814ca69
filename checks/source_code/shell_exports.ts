import { parseShell } from "./shell_parser.ts";
import type { ShellCommand, SimpleCommand } from "./shell_tree.ts";
import { textOf } from "./shell_words.ts";

// What a script gives to the programs that it starts.

/** What a script may give to the programs that it starts. */
export interface Exports {
  /** The variables that it passes on. */
  readonly names: readonly string[];
  /** The variables that only the script itself has, and files that it reads with `source`. */
  readonly own: readonly string[];
  /** The files that it reads with `source`, or an empty text for one that is not known. */
  readonly sourced: readonly string[];
}

/** The variables that a script may pass on to programs, and the files that may set others. */
export function exportsOf(text: string): Exports {
  const assigned: string[] = [];
  const exported: string[] = [];
  const passed = new Set<string>();
  const sourced: string[] = [];
  let isAll = false;
  for (const command of commandsIn(text)) {
    if (command.kind === "for") assigned.push(command.name);
    if (command.kind !== "simple") continue;
    const own = command.assignments.map(({ name }) => name);
    const [name, ...words] = command.words.map((word) => textOf(word) ?? "$");
    const isExport = name === "export" ||
      /^(?:declare|typeset)$/.test(name ?? "") && words.some((each) => /^-\w*x/.test(each));
    const named = words.flatMap((word) => /^([A-Za-z_]\w*)(?:=|$)/.exec(word)?.[1] ?? []);
    if (isExport) {
      exported.push(...own);
      for (const each of named) passed.add(each);
    } else if (name === undefined || /^(?:declare|typeset|local|readonly|alias)$/.test(name)) {
      assigned.push(...own);
    } else exported.push(...own);
    if (/^(?:read|mapfile|readarray|getopts|printf)$/.test(name ?? "")) assigned.push(...named);
    if (name === "env") exported.push(...environmentOf(command)?.names ?? []);
    if (name === "source" || name === ".") {
      sourced.push(textOf(command.words[1]) ?? lastOf(command.words[1]));
    }
    if (name === "eval" || isExport && words.includes("$")) sourced.push("");
    isAll ||= name === "set" && words.some((each) => /^-[A-Za-z]*a|^allexport$/.test(each));
  }
  const isPassed = (name: string) => isAll || passed.has(name);
  return { names: [...exported, ...assigned.filter(isPassed)], own: assigned, sourced };
}

/** The environment that `env` gives to a program. */
export interface StartEnvironment {
  /** True if it removes all variables, as with `env -i`. */
  readonly isCleared: boolean;
  /** The variables that it removes. */
  readonly removed: readonly string[];
  /** The variables that it sets. */
  readonly names: readonly string[];
}

/** The environment that `env` gives to a program; undefined for a command without `env`. */
export function environmentOf(
  { words }: Pick<SimpleCommand, "words">,
): StartEnvironment | undefined {
  return environmentIn(words.map((word) => textOf(word) ?? leadOf(word)));
}

/** The begin of a word with variables, as `A=` of `A="$B"`. */
function leadOf({ parts: [first] }: SimpleCommand["words"][number]): string {
  return first?.kind === "text" ? first.text : "";
}

/** The environment that `env` gives to a program; undefined for words without `env`. */
export function environmentIn(words: readonly string[]): StartEnvironment | undefined {
  let at = words.findIndex((each) => /(?:^|\/)env$/.test(each)) + 1;
  if (at === 0) return undefined;
  let isCleared = false;
  const [removed, names]: [string[], string[]] = [[], []];
  for (; at < words.length; at++) {
    const word = words[at]!;
    const [, name] = /^([A-Za-z_]\w*)=/.exec(word) ?? [];
    const [, unset] = /^(?:-u|--unset=)(\w+)$/.exec(word) ?? [];
    if (name !== undefined) names.push(name);
    else if (unset !== undefined) removed.push(unset);
    else if (/^(?:-u|--unset)$/.test(word)) removed.push(words[++at] ?? "");
    else if (/^-[A-Za-z]*i[A-Za-z]*$|^-$|^--ignore-environment$/.test(word)) isCleared = true;
    else if (word === "-C") at++;
    else if (!word.startsWith("-")) break;
  }
  return { isCleared, removed, names };
}

/** The simple commands of a script that start a program of a file, with their words. */
export function startsIn(text: string, file: string): readonly SimpleCommand[] {
  if (!text.includes(file)) return [];
  return commandsIn(text).filter((command) => command.kind === "simple")
    .filter(({ words }) =>
      !HANDLING.test(textOf(words[0]) ?? "") &&
      words.some((word) => isFile(textOf(word) ?? lastOf(word), file))
    );
}

/** Commands that do something with a file, and do not run it. */
const HANDLING = /^(?:cp|mv|ln|chmod|chown|ls|cat|echo|test|\[|tee|mkdir|rm)$/;

/** The end of a word with variables, as `/job.py` of `"$DIR/job.py"`. */
function lastOf(word: SimpleCommand["words"][number] | undefined): string {
  const last = word?.parts.at(-1);
  return last?.kind === "text" ? last.text : "";
}

/** Returns whether a word is the path of a file. */
export function isFile(word: string, file: string): boolean {
  return word === file || !/\s/.test(word) && word.endsWith(`/${file}`);
}

/** The commands of a script, also those in other commands. */
export function commandsIn(text: string): ShellCommand[] {
  const found: ShellCommand[] = [];
  const visit = (command: ShellCommand): void => {
    found.push(command);
    switch (command.kind) {
      case "pipeline":
        command.commands.forEach(visit);
        break;
      case "and-or":
        [command.first, ...command.rest.map((each) => each.command)].forEach(visit);
        break;
      case "background":
        visit(command.command);
        break;
      case "function":
        visit(command.body);
        break;
      case "if":
        command.clauses.forEach(({ test, body }) => [...test, ...body].forEach(visit));
        command.otherwise.forEach(visit);
        break;
      case "case":
        command.items.forEach(({ body }) => body.forEach(visit));
        break;
      case "while":
        [...command.test, ...command.body].forEach(visit);
        break;
      case "for":
      case "group":
        command.body.forEach(visit);
    }
  };
  parseShell(text).body.forEach(visit);
  return found;
}
