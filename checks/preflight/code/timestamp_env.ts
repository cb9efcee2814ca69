import { runEnds } from "../run_end.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding, Place } from "../../finding.ts";
import {
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../../kubernetes/objects.ts";
import { isInProject } from "../../kubernetes/jobs.ts";
import { type Code, lineAt, placeIn } from "../../source_code/code.ts";
import type { VariableRead } from "../../source_code/shell_reads.ts";
import { dayPlaceholderIn, namesDay, optionAt } from "./date_placeholders.ts";
import { isDay, referencedDay, wrongDay } from "./day_value.ts";
import { removesForPython, shellStartOf, variablesOfJob } from "./job_variables.ts";
import { unfollowedRead, variablesReadBy } from "../../source_code/environment.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { keysOf } from "../secrets/secret_references.ts";
import {
  codeWordsOf,
  type Known,
  shellIn,
  shellInArgument,
  type ShellSyntax,
} from "../../source_code/shell_syntax.ts";
import { isOfAirflow } from "../../kubernetes/placeholders.ts";
import type { NotJudged } from "../../finding.ts";
import { namesSecret } from "../../kubernetes/secret_text.ts";
import { isFilledValue } from "../../kubernetes/filled_values.ts";
import {
  type Container,
  dataOf,
  environmentOf,
  type VariableValue,
  type Workload,
  workloadsOf,
} from "../../kubernetes/workloads.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { type Judged, outcomeOf } from "../outcome.ts";
import type { Tree } from "../../facts/tree.ts";

/**
 * No variable has shell syntax, which Kubernetes ignores, and all job code runs without JOB_DATE.
 */
export const timestampEnv: PlatformCheck = platformCheck({
  id: "timestamp-env",
  title: "variables hold values, not shell expressions",
  reads: JOBS,
  judge: (platform) =>
    outcomeOf(
      platform,
      judgeEnvironments(platform.tree),
      "no workloads and no job code",
    ),
});

/**
 * Judges whether variables hold values instead of shell expressions, and whether JOB_DATE is a
 * date.
 *
 * @returns undefined without any workload and job code
 */
export function judgeEnvironments(tree: Tree): Judged | undefined {
  const { objects, code } = tree;
  const workloads = workloadsOf(objects);
  const sources = code.filter(({ language }) => language === "python" || language === "shell");
  if (workloads.length + sources.length === 0) return undefined;
  const containers = workloads.flatMap((workload) =>
    workload.containers.map((container) => ({ workload, container }))
  );
  const used = ofKind(objects, "ConfigMap").filter((map) =>
    workloads.some((workload) => isEnvironmentOf(map, workload))
  );
  const variables = containers.flatMap(({ container }) => container.env).length;
  const reads = dayReads(tree, sources);
  return {
    examined: `${plural(variables, "variable")} of ${plural(containers.length, "container")}, ${
      plural(sources.length, "job source file")
    }`,
    findings: [
      ...containers.flatMap(({ workload, container }) => ofContainer(workload, container, objects)),
      ...used.flatMap(ofConfigMap),
      ...tree.jobs.flatMap(ofSettings),
      ...reads.flatMap(dayFinding),
    ],
    ...notJudgedOf(
      reads,
      containers.flatMap(({ workload, container }) => renderedIn(workload, container)),
    ),
  };
}

/** Finds the code that reads JOB_DATE and where nothing sets JOB_DATE. */
function dayReads(tree: Tree, sources: readonly Code[]): DayRead[] {
  const foreign = foreignObjects(tree);
  const runs = tree.jobs.map(({ workload, code }) => ({ job: workload, sources: code }));
  return sources.flatMap((source): DayRead[] => {
    const own = runs.filter((run) => run.sources.includes(source));
    if (own.length === 0 && foreign.has(source.object)) return [];
    const known = own.map(({ job, sources }) => ({
      job,
      sources,
      variables: variablesOfJob(job, source, sources, tree),
    })).filter(({ variables: { open, removed } }) => !open || removed.has("JOB_DATE"));
    const without = known.filter(({ variables: { names } }) => !names.has("JOB_DATE"));
    // A shell script can remove the variable itself.
    const judged = without.length === 0 && source.language === "shell" ? known : without;
    if (own.length > 0 && judged.length === 0) return [];
    const removedBy = without.length === 0
      ? known.length === 0 ? undefined : "the script"
      : without[0]!.variables.removed.get("JOB_DATE");
    const starts = judged.map(({ job, variables, sources }) =>
      shellStartOf(job, source, variables, sources)
    );
    const start = starts.find((each) => each?.nounset) ?? starts[0];
    const reads = variablesReadBy(source, start, own.flatMap((run) => run.sources))
      .filter(({ name }) => name === "JOB_DATE");
    if (own.length === 0 && source.target !== undefined) {
      const unknown = "no command here names the file of the image that reads it";
      const open = reads.filter(({ optional, perhaps }) => !optional || perhaps === true);
      return open.map(({ name, offset }) => (
        { source, read: { name, offset, optional: true, unknown } }
      ));
    }
    const isMissing = own.length === 0 || without.length > 0 ||
      source.language === "shell" && removesForPython(source.text, "JOB_DATE");
    const other = reads.length === 0 && isMissing ? unfollowedRead(source, "JOB_DATE") : undefined;
    return [...reads, ...other === undefined ? [] : [other]].map((read) => (
      { source, read, ...removedBy === undefined ? {} : { removedBy } }
    ));
  });
}

/** A read of JOB_DATE where nothing sets it. */
interface DayRead {
  readonly source: Code;
  readonly read: VariableRead;
  /** What removes JOB_DATE, which the job has. */
  readonly removedBy?: string;
}

/** The reads of JOB_DATE whose end is not known, by name. */
function notJudgedOf(
  reads: readonly DayRead[],
  rendered: readonly NotJudged[],
): Pick<Judged, "notJudged"> {
  const notJudged = [
    ...rendered,
    ...reads.flatMap(({ source, read: { offset, unknown } }) => {
      if (unknown === undefined) return [];
      const { object, line } = placeIn(source, offset);
      return [{ object: `JOB_DATE in ${object}, line ${line}`, reason: unknown }];
    }),
  ];
  return notJudged.length === 0 ? {} : { notJudged };
}

/** The finding for code that checks JOB_DATE, and ends itself. */
function ownStop(source: Code, stop: number): Finding {
  const { text } = source;
  const end = text.indexOf("\n", stop);
  const line = text.slice(text.lastIndexOf("\n", stop - 1) + 1, end < 0 ? undefined : end).trim();
  const written = line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line;
  return {
    severity: "fail",
    ...placeIn(source, stop),
    problem: "the script itself stops without JOB_DATE",
    why: `a run for today has no JOB_DATE, so line ${
      lineAt(source, stop)
    } ends the job: ${written}`,
    fix:
      'Set JOB_DATE in the env of the Job, as in value: "2025-12-28", or let the script take today ' +
      (source.language === "shell"
        ? 'before that line: JOB_DATE="${JOB_DATE:-$(date -u +%F)}"'
        : 'before that line: os.environ.setdefault("JOB_DATE", f"{datetime.now(timezone.utc):%F}")'),
  };
}

/** A longer line is cut in a message. */
const MAX_LINE = 80;

/** The ids of objects in namespaces without a job of the project. Their JOB_DATE is not ours. */
function foreignObjects(tree: Tree): ReadonlySet<string | undefined> {
  const namespaces = tree.jobs.map(({ workload }) => namespaceOf(workload.object));
  const isForeign = (object: ManifestObject) =>
    !isInProject(object, tree.project) && !namespaces.includes(namespaceOf(object));
  return new Set(tree.objects.filter(isForeign).map(objectId));
}

function dayFinding({ source, read, removedBy }: DayRead): Finding[] {
  const { offset, optional, empty, perhaps, stop } = read;
  const before = source.text.slice(Math.max(0, offset - 60), offset);
  const isOption = empty && /(?:^|\s)--?[\w-]*date[\w-]*(?:=|[ \t]+)["']?$/i.test(before);
  if (optional && !isOption && !perhaps) return [];
  const today = removedBy === undefined
    ? "a run for today has no JOB_DATE, so"
    : `${removedBy} removes JOB_DATE, which the job has, so`;
  const [problem, why] = isOption
    ? [
      "JOB_DATE without a default is the value of an option",
      `${today} the option gets an empty text`,
    ]
    : perhaps
    ? [
      "JOB_DATE is read without a default on some paths",
      `${today} on some paths the code stops here, or goes on without a day`,
    ]
    : ["JOB_DATE is read without a default", `${today} the job stops here`];
  if (stop !== undefined && !optional && removedBy === undefined) return [ownStop(source, stop)];
  return [{
    severity: optional ? "warn" : "fail",
    ...placeIn(source, offset),
    problem,
    why,
    fix: removedBy !== undefined
      ? 'Pass JOB_DATE on, as in env -i JOB_DATE="$JOB_DATE" <command>, or do not remove it.'
      : source.language === "shell"
      ? "Write ${JOB_DATE:-$(date -u +%F)}"
      : 'Write os.environ.get("JOB_DATE") or datetime.now(timezone.utc).strftime("%Y-%m-%d")',
  }];
}

function ofContainer(
  { object }: Workload,
  { env, fields, words, path }: Container,
  objects: readonly ManifestObject[],
): Finding[] {
  const sources = listOf(fields.envFrom).map(({ configMapRef, prefix }) => {
    const name = isFields(configMapRef) ? textOf(configMapRef.name) : undefined;
    const map = ofKind(objects, "ConfigMap", namespaceOf(object))
      .find((each) => name !== undefined && each.name === name);
    return map && keysOf(map).map((key) => `${textOf(prefix) ?? ""}${key}`);
  });
  const inherited = sources.flatMap((keys) => keys ?? []);
  // Variables from objects that are not in the manifests can have any name.
  const open = sources.includes(undefined);
  const environment = environmentOf(
    [fields],
    namespaceOf(object),
    (kind, namespace, wanted) =>
      ofKind(objects, kind, namespace).find(({ name }) => name === wanted)?.value,
  );
  const declared = new Set(inherited);
  const later = env.map(({ name }) => name);
  const ofWords = wordFindings(object, words, {
    declared: new Set([...inherited, ...later]),
    later,
    open,
  });
  const ofVariables = env.flatMap(({ name, value, path }) => {
    const isParameter = value !== undefined && rendererOf(object, value) !== undefined;
    const findings = value === undefined || isParameter ? [] : judgeValue(
      placeOf(object, `${path}.value`),
      name,
      value,
      { declared, later, open },
      environment.variable(name),
    );
    declared.add(name);
    return findings;
  });
  const own = env.find(({ name }) => name === "JOB_DATE");
  const referenced = own?.value === undefined
    ? referencedDay(
      placeOf(object, own === undefined ? `${path}.envFrom` : own.path),
      environment.variable("JOB_DATE"),
      (value) =>
        ofKind(objects, "ConfigMap", namespaceOf(object))
          .some((map) => dataOf(map.value).get("JOB_DATE") === value),
    )
    : [];
  return [...ofVariables, ...referenced, ...ofWords];
}

/**
 * Finds shell syntax in the words of command and args. Only a script of `sh -c` is read by a shell.
 * Kubernetes replaces `$(NAME)` in every word if the container declares the variable.
 */
function wordFindings(
  object: ManifestObject,
  words: Container["words"],
  known: Known,
): Finding[] {
  const code = codeWordsOf(words);
  return words.flatMap(({ path, text }, i): Finding[] => {
    if (code.other.has(i)) return [];
    const place = placeOf(object, path);
    const [, name, value] = EXECUTOR_VARIABLE.exec(text) ?? [];
    if (name !== undefined && OPERATOR_FIELD.test(path)) return judgeValue(place, name, value!);
    if (code.shell.has(i)) {
      const called = undeclaredCall(text, known);
      return called === undefined ? [] : [{
        severity: "fail",
        ...place,
        problem: `the script contains the reference ${called}, but no such variable is declared`,
        why: "Kubernetes replaces $(NAME) only if the container declares the variable; the shell " +
          "then runs NAME as a command",
        fix:
          "Declare the variable in env, or write ${NAME:-<default>} for a variable of the shell.",
      }];
    }
    const { name: option, value: written } = optionAt(words, i);
    // For Kubernetes, `$$` stands for one `$`, which no shell expands.
    const isDay = namesDay(option) && written.includes("$$");
    const wrong = isDay ? shellIn(written.replaceAll("$$", "$")) : shellInArgument(text, known);
    if (wrong === undefined) {
      const [name, value] = [option, written];
      return rendererOf(object, text) === undefined
        ? placeholderFinding(place, name, value, "the argument")
        : [];
    }
    const before = words[i - 1]?.text ?? "";
    const isSecret = namesSecret(/^--?[\w.-]+/.exec(text)?.[0] ?? before);
    const variable = /^\$\{?([A-Za-z_]\w*)/.exec(wrong.written)?.[1];
    return [{
      severity: "fail",
      ...place,
      problem: `the argument contains ${printed(wrong, isSecret)}`,
      why:
        "Kubernetes does not run a shell for command and args: it replaces $(NAME) of variables " +
        "that the container declares, and leaves everything else unchanged" +
        (isDay ? "; $$ stands for one $" : ""),
      fix: isDay
        ? "Write a day such as 2025-12-28, or leave it out if the job then takes today."
        : variable !== undefined && known.declared.has(variable)
        ? `Write $(${variable}).`
        : "Declare the variable in env and write $(NAME), or write the value itself. If the text is " +
          "intended, write $$ for each $.",
    }];
  });
}

/** What fills in the expressions of a text before the object is created; undefined for kubectl. */
function rendererOf({ kind, value }: ManifestObject, text: string): string | undefined {
  if (!text.includes("{{")) return undefined;
  if (textOf(value.apiVersion)?.startsWith("argoproj.io/")) return "Argo";
  return OF_AIRFLOW.includes(kind) && isOfAirflow(text) ? "a task of Airflow" : undefined;
}

/** The kinds that tasks of Airflow create from a file. Other kinds are applied by kubectl. */
const OF_AIRFLOW = ["Pod", "SparkApplication"];

/** The values of a day that a tool fills in. */
function renderedIn({ object }: Workload, { env, words }: Container): NotJudged[] {
  const texts = [
    ...words.map(({ path, text }, i) => ({ path, text, ...optionAt(words, i) })),
    ...env.map(({ name, value = "", path }) => ({ path, text: value, name, value })),
  ];
  return texts.flatMap(({ path, text, name, value }) => {
    const by = rendererOf(object, text);
    const isDay = namesDay(name) || dayPlaceholderIn(name, value) !== undefined;
    return by === undefined || !isDay
      ? []
      : [{ object: `${path} of ${objectId(object)}`, reason: `${by} fills in ${text}` }];
  });
}

function placeholderFinding(place: Place, name: string, value: string, what: string): Finding[] {
  const placeholder = dayPlaceholderIn(name, value);
  if (placeholder === undefined) return [];
  const isDay = /^\d{4}-/.test(placeholder);
  return [{
    severity: "fail",
    ...place,
    problem: isDay
      ? `${what} contains ${placeholder}, which is not a date`
      : `${what} contains the placeholder ${placeholder}`,
    why: isDay
      ? "the job stops, or works on the wrong day"
      : "Kubernetes passes the text on as it is, so the job gets no day",
    fix: "Write a day such as 2025-12-28, or leave it out if the job then takes today.",
  }];
}

/** The variable of executors in a field of an operator, which Spark gets as a setting. */
const EXECUTOR_VARIABLE = /^--conf=spark\.executorEnv\.(\w+)=(.*)$/s;
const OPERATOR_FIELD = /\.executor\.env(Vars)?[[.]/;

/** The first `$(NAME)` of a script with the name of a variable that no container declares. */
function undeclaredCall(script: string, { declared, open }: Known): string | undefined {
  if (open) return undefined;
  for (const { 0: written, 1: name } of script.matchAll(/\$\$|\$\(([A-Z][A-Z\d_]+)\)/g)) {
    if (name !== undefined && !declared.has(name)) return written;
  }
  return undefined;
}

function printed({ what, written, detail }: ShellSyntax, isSecret: boolean): string {
  return `${what}${isSecret ? "" : ` ${written}`}${detail}`;
}

function ofConfigMap(object: ManifestObject): Finding[] {
  const data = isFields(object.value.data) ? object.value.data : {};
  return Object.entries(data).flatMap(([name, value]) => {
    // A key that is not a valid variable name becomes a file.
    if (!/^[A-Za-z_]\w*$/.test(name)) return [];
    return judgeValue(placeOf(object, `data.${name}`), name, textOf(value) ?? "");
  });
}

/** Settings that give variables to the pods that Spark creates. */
const POD_VARIABLE = /^spark\.(?:executorEnv|kubernetes\.driverEnv)\.(\w+)$/;

/** Judges the variables of pods that Spark creates, except those of the job's own words. */
function ofSettings({ settings, workload: { object } }: SparkJob): Finding[] {
  const id = objectId(object);
  return settings.values().toArray().flatMap(({ key, value, place, unknown, isSecret }) => {
    const name = POD_VARIABLE.exec(key)?.[1];
    if (name === undefined || unknown !== undefined || isSecret === true) return [];
    if (place.object === id) return [];
    return judgeValue(place, name, value);
  });
}

function isEnvironmentOf(map: ManifestObject, { object, containers }: Workload): boolean {
  if (namespaceOf(map) !== namespaceOf(object)) return false;
  return containers.some(({ env, fields }) =>
    [
      ...listOf(fields.envFrom).map(({ configMapRef }) => configMapRef),
      ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef),
    ].some((ref) => isFields(ref) && ref.name === map.name)
  );
}

/**
 * Judges the value of a variable.
 *
 * @param known the variables that the value may refer to
 * @param expanded the value that the job gets
 */
function judgeValue(
  place: Place,
  name: string,
  value: string,
  known?: Known,
  expanded: VariableValue = { value, isSecret: false },
): Finding[] {
  const isSecret = namesSecret(name);
  const shell = holdsScript(name, value) ? undefined : shellIn(value, known);
  if (shell !== undefined) {
    const isTemplate = shell.written.startsWith("${") && !namesDay(name) && !PLAIN.test(name);
    return [{
      severity: isSecret || isTemplate ? "warn" : "fail",
      ...place,
      problem: `the value of ${name} contains ${printed(shell, isSecret)}`,
      why: "Kubernetes does not run a shell for env: it replaces $(NAME) of variables that are " +
        "declared before, and does not change other text" +
        (isTemplate ? "; only some programs replace ${NAME} themselves" : "") +
        (name === "JOB_DATE" ? `; ${runEnds("at once", "JOB_DATE", "the Job as it is")}` : ""),
      fix: name === "JOB_DATE"
        ? 'Remove JOB_DATE: the job then runs for today in UTC. Or set a day such as "2025-12-28".'
        : `Write the value itself, or compute it in the job's code. If the ` +
          "text is intended, write $$ for each $.",
    }];
  }
  if (isSecret && known !== undefined && value.includes("$$")) {
    return [{
      severity: "warn",
      ...place,
      problem: `the value of ${name} contains $$`,
      why: "Kubernetes replaces $$ in env by one $, so the job gets another value",
      fix: "Write $$$$ for two dollar signs, or store the value in a Secret and use secretKeyRef.",
    }];
  }
  if (name !== "JOB_DATE") {
    return isSecret ? [] : placeholderFinding(place, name, value, `the value of ${name}`);
  }
  const { value: day, isSecret: isHidden } = expanded;
  if (day === undefined || isFilledValue(day)) return [];
  if (isDay(day)) return [];
  const printedDay = JSON.stringify(isHidden ? value : day);
  const written = isHidden || day === value ? "" : `, from ${JSON.stringify(value)}`;
  return [wrongDay(place, `JOB_DATE is ${printedDay}${written}, which`)];
}

/** The variables that programs read as they are. Frameworks such as Spring fill in other values. */
const PLAIN = /^(OUTBOX_TABLE|LAKE_URL|TZ|HOME|(DJANGO_DB|PG|AWS|S3)_?\w+|\w*PATH)$/;

/** Returns whether a variable holds code that a program runs or fills in later. */
function holdsScript(name: string, value: string): boolean {
  return /SCRIPT|COMMAND|(^|_)CMD|TEMPLATE|PATTERN|REGEX|FORMAT|PROMPT|(^|_)PS1$/i.test(name) ||
    /^#!/.test(value);
}
