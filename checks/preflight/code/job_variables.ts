import type { Tree } from "../../facts/tree.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { namespaceOf, ofKind } from "../../kubernetes/objects.ts";
import type { Container, Workload } from "../../kubernetes/workloads.ts";
import type { Code } from "../../source_code/code.ts";
import { exportsOf, type ShellStart } from "../../source_code/shell_reads.ts";
import { startsNounset } from "../../source_code/shell_syntax.ts";
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
 */
export function shellStartOf(
  { containers }: Workload,
  code: Code,
  { names, open }: JobVariables,
): ShellStart {
  const starts = containers.map(({ words }) => startsNounset(words));
  const isArgument = /containers\[\d+\]/.test(code.field ?? "");
  return {
    nounset: starts.some((each) => each === true),
    named: isArgument || starts.some((each) => each !== undefined),
    isAlone: containers.some(({ words }) => isLastWord(words, code)),
    has: (name) => open || names.has(name),
  };
}

/** Returns whether a script is the last word of a command line, so that it gets no arguments. */
function isLastWord(words: Container["words"], { field, file = "" }: Code): boolean {
  const last = words.at(-1);
  if (last === undefined) return false;
  const key = /\[(?:"|')(.+)(?:"|')\]$|\.([\w-]+)$/.exec(field ?? "");
  const name = field === undefined ? file.slice(file.lastIndexOf("/") + 1) : key?.[1] ?? key?.[2];
  return last.path === field || name !== undefined && name !== "" && last.text.endsWith(`/${name}`);
}
