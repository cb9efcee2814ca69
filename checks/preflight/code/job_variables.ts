import type { Tree } from "../../facts/tree.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { namespaceOf, ofKind } from "../../kubernetes/objects.ts";
import type { Container, Workload } from "../../kubernetes/workloads.ts";
import type { Code } from "../../source_code/code.ts";
import { exportsOf, type ShellStart } from "../../source_code/shell_reads.ts";
import { codeWordsOf, startsNounset } from "../../source_code/shell_syntax.ts";
import { keysOf } from "../secrets/secret_references.ts";

/** The variables that the code of a job finds in its environment. */
export interface JobVariables {
  /** The names in the manifests, in Dockerfiles, and in the job's other shell scripts. */
  readonly names: ReadonlySet<string>;
  /** True if there can be more, from an object or a file that is not in the manifests. */
  readonly open: boolean;
}

/**
 * The other code of a job, which may set variables for a source. The variables that a shell script
 * sets itself are not among them: the search for its reads already follows them on each path.
 */
export function othersOf(source: Code, sources: readonly Code[]): Code[] {
  return sources.filter((each) => each.language !== source.language || each.text !== source.text);
}

/**
 * The variables of a job's containers.
 *
 * @param sources the code that may set variables, such as the scripts that start a program
 */
export function variablesOfJob(
  { object, containers }: Workload,
  sources: readonly Code[],
  { objects, imageVariables }: Pick<Tree, "objects" | "imageVariables">,
): JobVariables {
  const scripts = sources.filter(({ language }) => language === "shell")
    .map(({ text }) => exportsOf(text));
  const names = new Set<string>([
    ...imageVariables,
    ...scripts.flatMap((each) => each.names),
  ]);
  let open = scripts.some((each) => each.open);
  for (const { env, fields } of containers) {
    for (const { name } of env) names.add(name);
    for (const source of listOf(fields.envFrom)) {
      const kind = isFields(source.secretRef) ? "Secret" : "ConfigMap";
      const ref = kind === "Secret" ? source.secretRef : source.configMapRef;
      const wanted = isFields(ref) ? textOf(ref.name) : undefined;
      const found = ofKind(objects, kind, namespaceOf(object)).find(({ name }) => name === wanted);
      if (found === undefined) open = true;
      else for (const key of keysOf(found)) names.add(`${textOf(source.prefix) ?? ""}${key}`);
    }
  }
  return { names, open };
}

/**
 * How the containers of a job start the shell of a script.
 *
 * @param variables the variables that the script finds in its environment
 * @param sources the code of the job, which may start the script
 */
export function shellStartOf(
  { containers }: Workload,
  code: Code,
  { names, open }: JobVariables,
  sources: readonly Code[],
): ShellStart {
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
    language === "shell" && !containers.some(({ words }) =>
      words.some(({ path }) => path === field)
    )
  );
  const runs = name === "" ? [] : [
    ...containers.flatMap(({ words }) =>
      words.flatMap(({ text }, i) =>
        text === name || !/\s/.test(text) && text.endsWith(`/${name}`)
          ? [startsNounset(words.slice(0, i))]
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
      `["']?[\\w.\${}~-]*(?:/[\\w.\${}~-]+)*(?<![\\w.-])${file}(?![\\w.-])`,
    "g",
  );
  return [...text.matchAll(run)].map(({ 1: sourced, 2: options, index }) =>
    sourced === undefined
      ? options === undefined ? undefined : /(?:^|\s)-[A-Za-z]*u|\bnounset\b/.test(options)
      : isStrict || /\bset[ \t]+(?:-\w+[ \t]+)*(?:-[A-Za-z]*u|-o[ \t]+nounset|-[A-Za-z]*o[ \t]+nounset)/
        .test(text.slice(0, index))
  );
}

/** The name of a script's file: of a file, or the key of a ConfigMap. */
function fileNameOf({ field, file = "" }: Code): string {
  const key = /\[(?:"|')(.+)(?:"|')\]$|\.([\w-]+)$/.exec(field ?? "");
  return field === undefined ? file.slice(file.lastIndexOf("/") + 1) : key?.[1] ?? key?.[2] ?? "";
}

/** Returns whether a script is the last word of a command line, so that it gets no arguments. */
function isLastWord(words: Container["words"], code: Code): boolean {
  const last = words.at(-1);
  const name = fileNameOf(code);
  return last !== undefined &&
    (last.path === code.field || name !== "" && last.text.endsWith(`/${name}`));
}
