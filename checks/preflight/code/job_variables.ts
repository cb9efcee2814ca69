import type { Tree } from "../../facts/tree.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { namespaceOf, ofKind } from "../../kubernetes/objects.ts";
import type { Container, Workload } from "../../kubernetes/workloads.ts";
import type { Code } from "../../source_code/code.ts";
import {
  environmentIn,
  environmentOf,
  exportsOf,
  isFile,
  type StartEnvironment,
  startsIn,
} from "../../source_code/shell_exports.ts";
import type { ProgramStart } from "../../source_code/shell_builtins.ts";
import { programsWithout, type ShellStart } from "../../source_code/shell_reads.ts";
import { codeWordsOf, startsNounset } from "../../source_code/shell_syntax.ts";
import { keysOf } from "../secrets/secret_references.ts";

/** The variables that the code of a job finds in its environment. */
export interface JobVariables {
  /** The names in the manifests, in Dockerfiles, and in the job's other shell scripts. */
  readonly names: ReadonlySet<string>;
  /** True if there can be more, from an object or a file that is not in the manifests. */
  readonly open: boolean;
  /** The variables of the job that the code does not get, with the cause, as in `env -i`. */
  readonly removed: ReadonlyMap<string, string>;
}

/**
 * The other code of a job, which may set variables for a source. The variables that a shell script
 * sets itself are not among them: the search for its reads already follows them on each path.
 */
function othersOf(source: Code, sources: readonly Code[]): Code[] {
  return sources.filter((each) => each.language !== source.language || each.text !== source.text);
}

/**
 * The variables that code of a job finds in its environment.
 *
 * @param source the code
 * @param sources all code of the job, which may set variables, such as the scripts that start a program
 */
export function variablesOfJob(
  { object, containers }: Workload,
  source: Code,
  sources: readonly Code[],
  { objects, imageVariables }: Pick<Tree, "objects" | "imageVariables">,
): JobVariables {
  const shells = othersOf(source, sources).filter(({ language }) => language === "shell");
  const scripts = shells.map(({ text }) => exportsOf(text));
  const files = shells.concat(source).map(fileNameOf).filter((each) => each !== "");
  const sourced = scripts.flatMap((each) => each.sourced);
  const names = new Set<string>([...imageVariables, ...scripts.flatMap((each) => each.names)]);
  // A script that another one reads with `source` also has its own variables.
  if (source.language === "shell" && sourced.length > 0) {
    for (const each of scripts.flatMap(({ own }) => own)) names.add(each);
  }
  let open = sourced.some((path) => !files.some((file) => isFile(path, file)));
  for (const { env, fields } of containers) {
    for (const { name } of env) names.add(name);
    for (const each of listOf(fields.envFrom)) {
      const kind = isFields(each.secretRef) ? "Secret" : "ConfigMap";
      const ref = kind === "Secret" ? each.secretRef : each.configMapRef;
      const wanted = isFields(ref) ? textOf(ref.name) : undefined;
      const found = ofKind(objects, kind, namespaceOf(object)).find(({ name }) => name === wanted);
      if (found === undefined) open = true;
      else for (const key of keysOf(found)) names.add(`${textOf(each.prefix) ?? ""}${key}`);
    }
  }
  const found = given({ names, open }, startsOf(source, containers, shells));
  const removed = removedByScripts(source, containers, shells);
  if (removed.length === 0) return found;
  const had = removed.filter((name) => open || found.names.has(name));
  return {
    names: new Set([...found.names].filter((name) => !removed.includes(name))),
    open: found.open,
    removed: new Map([...found.removed, ...had.map((name) => [name, "the script"] as const)]),
  };
}

/** The variables that a check asks for. */
const FOLLOWED = ["JOB_DATE"];

/** The variables of code that its scripts remove before each start of the code, as with `unset`. */
function removedByScripts(
  source: Code,
  containers: readonly Container[],
  shells: readonly Code[],
): string[] {
  // Each name takes a run of each script.
  const names = FOLLOWED.filter((name) => source.text.includes(name));
  if (names.length === 0) return [];
  const file = fileNameOf(source);
  const outer = shells.find((each) =>
    source.language !== "shell" && each.field === source.field && each.file === source.file &&
    each.object === source.object && each.text.includes(source.text)
  );
  const isDirect = containers.some(({ words }) => words.some(({ text }) => isFile(text, file)));
  if (outer === undefined && (file === "" || isDirect)) return [];
  const scripts = outer === undefined
    ? shells.filter(({ text }) => startsIn(text, file).length > 0)
    : [outer];
  return scripts.length === 0 ? [] : names.filter((name) =>
    scripts.every(({ text }) => {
      const starts = outer === undefined
        ? startsOfFile(text, name, file)
        : startsOfInput(text, name, text.indexOf(source.text));
      return starts.length > 0 && starts.every(({ isMissing }) => isMissing);
    })
  );
}

/** The starts of a file in a script. */
function startsOfFile(text: string, name: string, file: string): ProgramStart[] {
  const words = startsIn(text, file).flatMap((command) => command.words.map(({ start }) => start));
  return programsWithout(text, name).filter(({ start }) => words.includes(start));
}

/** The starts of Python in a script that read the here-document at a place. */
function startsOfInput(text: string, name: string, at: number): ProgramStart[] {
  const before = programsWithout(text, name).filter((each) => isPython(each) && each.start < at);
  const last = Math.max(...before.map(({ start }) => start));
  return before.filter(({ start }) => start === last);
}

function isPython({ name }: ProgramStart): boolean {
  return /^(?:python[\d.]*|pyspark|spark-submit)$/.test(name);
}

/** Returns whether a script starts Python on some path without a variable that it removes. */
export function removesForPython(script: string, name: string): boolean {
  return programsWithout(script, name).some((each) => isPython(each) && each.isMissing);
}

/** The commands of a job that start code, with the environment that `env` gives to it. */
function startsOf(
  source: Code,
  containers: readonly Container[],
  shells: readonly Code[],
): (StartEnvironment | undefined)[] {
  const name = fileNameOf(source);
  const isStart = ({ words }: Container) =>
    words.some(({ path, text }) => path === source.field || name !== "" && isFile(text, name));
  return [
    ...containers.filter(isStart).map(({ words }) => environmentIn(words.map(({ text }) => text))),
    ...shells.flatMap((shell) =>
      (name === "" ? [] : startsIn(shell.text, name)).map((command) =>
        environmentOf(command) ?? environmentFrom(shell, containers, shells)
      )
    ),
  ];
}

/** The environment that a script gets and passes on, if `env` starts it each time. */
function environmentFrom(
  shell: Code,
  containers: readonly Container[],
  shells: readonly Code[],
): StartEnvironment | undefined {
  const all = startsOf(shell, containers, shells.filter((each) => each !== shell));
  const starts = all.filter((each) => each !== undefined);
  const [first, ...others] = starts;
  if (first === undefined || starts.length < all.length) return undefined;
  return {
    isCleared: starts.every(({ isCleared }) => isCleared),
    removed: first.removed.filter((name) => others.every((each) => each.removed.includes(name))),
    names: [...starts.flatMap(({ names }) => names), ...exportsOf(shell.text).names],
  };
}

/** The variables that each start of the code gives to it. */
function given(
  { names, open }: Pick<JobVariables, "names" | "open">,
  all: readonly (StartEnvironment | undefined)[],
): JobVariables {
  const starts = all.filter((each) => each !== undefined);
  const [first] = starts;
  if (first === undefined || starts.length < all.length) {
    return { names, open, removed: new Map() };
  }
  const isCleared = starts.every((each) => each.isCleared);
  const isGone = (name: string) =>
    starts.every((each) =>
      !each.names.includes(name) && (each.isCleared || each.removed.includes(name))
    );
  const kept = [...names].filter((name) => !isGone(name));
  const gone = [...names].filter(isGone);
  return {
    names: new Set([...kept, ...starts.flatMap((each) => each.names)]),
    open: open && !isCleared,
    removed: new Map(gone.map((name) => [name, first.isCleared ? "env -i" : `env -u ${name}`])),
  };
}

/**
 * How the containers of a job start the shell of a script; undefined for code in other languages.
 *
 * @param variables the variables that the script finds in its environment
 * @param sources the code of the job, which may start the script
 */
export function shellStartOf(
  { containers }: Workload,
  code: Code,
  { names, open }: JobVariables,
  sources: readonly Code[],
): ShellStart | undefined {
  if (code.language !== "shell") return undefined;
  const own = containers.filter(({ words }) => words.some(({ path }) => path === code.field));
  const isArgument = own.length > 0 || /containers\[\d+\]/.test(code.field ?? "");
  const runs = isArgument
    ? (own.length > 0 ? own : containers).map(({ words }) => startsNounset(words))
    : runsOf(fileNameOf(code), containers, sources.filter((each) => each !== code));
  return {
    nounset: runs.includes(true),
    named: isArgument || runs.length > 0 && !runs.includes(undefined),
    isAlone: containers.some(({ words }) => isLastWord(words, code)),
    has: (name) => open || names.has(name),
  };
}

/**
 * For each place that runs a script file: whether its shell stops at unset variables; undefined if
 * the first line of the script decides that.
 */
function runsOf(
  name: string,
  containers: readonly Container[],
  sources: readonly Code[],
): (boolean | undefined)[] {
  const shells = sources.filter(({ language, field = "" }) =>
    language === "shell" &&
    !containers.some(({ words }) => words.some(({ path }) => path === field))
  );
  const runs = name === "" ? [] : [
    ...containers.flatMap(({ words }) =>
      words.flatMap(({ text }, i) =>
        isFile(text, name)
          ? [codeWordsOf(words).shell.has(i) ? undefined : startsNounset(words.slice(0, i))]
          : runsIn(text, name, startsNounset(words) === true)
      )
    ),
    ...shells.flatMap(({ text }) => runsIn(text, name, false)),
  ];
  if (runs.length > 0) return runs;
  // The file can have another name in the container.
  return containers.filter(({ words }) => codeWordsOf(words).shell.size === 0)
    .map(({ words }) => startsNounset(words));
}

/** The places where a shell script runs a file, as in `bash -u /opt/run.sh` and `. /opt/run.sh`. */
function runsIn(text: string, name: string, isStrict: boolean): (boolean | undefined)[] {
  if (!/\s/.test(text) || !text.includes(name)) return [];
  const file = name.replace(/[^\w]/g, "\\$&");
  const run = new RegExp(
    `(?:(?<![^\\s;&|(])(\\.|source)[ \\t]+|\\b(?:ba|da|a|z|k)?sh((?:[ \\t]+(?:[-+]\\S+|pipefail|nounset|errexit))*)[ \\t]+)?` +
      `["']?(?:[\\w.\${}~-]*/)*(?<![\\w.-])${file}(?![\\w.-])`,
    "g",
  );
  return [...text.matchAll(run)].map(({ 1: sourced, 2: options, index }) =>
    sourced === undefined
      ? options === undefined ? undefined : /(?:^|\s)-[A-Za-z]*u|\bnounset\b/.test(options)
      : isStrict ||
        /\bset[ \t]+(?:-\w+[ \t]+)*(?:-[A-Za-z]*u|-o[ \t]+nounset|-[A-Za-z]*o[ \t]+nounset)/
          .test(text.slice(0, index))
  );
}

/** The name of a script's file: of a file, or the key of a ConfigMap. */
function fileNameOf({ field, file, target: path = file ?? "" }: Code): string {
  if (field === undefined) return path.slice(path.lastIndexOf("/") + 1);
  const [, key, quoted] = /^data(?:\.(.+)|\[["'](.+)["']\])$/.exec(field) ?? [];
  return key ?? quoted ?? "";
}

/** Returns whether a script is the last word of a command line, so that it gets no arguments. */
function isLastWord(words: Container["words"], code: Code): boolean {
  const last = words.at(-1);
  const name = fileNameOf(code);
  return last !== undefined &&
    (last.path === code.field || name !== "" && last.text.endsWith(`/${name}`));
}
