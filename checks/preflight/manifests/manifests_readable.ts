import { shellPath } from "../../../pipeline/shell.ts";
import { manifestsTree } from "../platform.ts";
import { pythonOf } from "../../source_code/python.ts";
import { mayReadVariables } from "../../source_code/environment.ts";
import { isUndecided } from "../../spark/spark_job.ts";
import { mayMakeSettings } from "../../spark/settings.ts";
import { mayNameTable } from "../code/table_name_code.ts";
import { mayHaveNulls } from "../code/untyped_nulls.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check, computeAgain } from "../../check.ts";
import type { Finding, NotJudged } from "../../finding.ts";
import { type ManifestObject, placeOf } from "../../kubernetes/objects.ts";
import type {
  IgnoredFile,
  ManifestProblem,
  ManifestsFact,
  Replaced,
} from "../../facts/manifests.ts";
import { hasFailure } from "../outcome.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { readResources, withResources } from "../../kubernetes/argo_resources.ts";
import { podTemplatesOf } from "../../kubernetes/workloads.ts";
import { pathOf, type Tree } from "../../facts/tree.ts";
import { UNREAD_FILE } from "../../spark/configuration_files.ts";
import { notInDriver, unmountedApplications, withoutUpload } from "./cluster_mode.ts";
import { codeOfShells, notJudgedAmong } from "./not_judged.ts";
import { otherNames } from "./platform_names.ts";
import { wrongSubmits } from "./submit_arguments.ts";
import { wrongTemplates } from "./template_mounts.ts";
import { missingFiles } from "./volume_keys.ts";
import { refusedPods } from "./pod_security.ts";
import { wrongVersion } from "../../kubernetes/api_versions.ts";
import { refusedFields } from "./refused_objects.ts";

/** Every file of the manifests can be read, and an API server accepts the fields of every object. */
export const manifestsReadable: Check<"manifests"> = check({
  id: "manifests-readable",
  title: "the manifests can be read and have the names of the platform",
  phase: "before",
  needs: ["manifests"],
  run({ manifests }, share = computeAgain) {
    const { directory, files, objects, problems, ignored, project } = manifests;
    const names = project?.file === undefined ? "" : `; names of the platform: ${project.file}`;
    const left = (ignored.length === 0 ? "" : `; ignored: ${listIgnored(directory, ignored)}`) +
      names;
    if (objects.length + problems.length === 0) {
      return { unknown: `${placeName(directory)} contains no Kubernetes objects${left}` };
    }
    const tree = manifestsTree(manifests, share);
    const findings = [
      ...problems.filter(({ render }) => render === undefined)
        .map((problem) => problemFinding(manifests, problem)),
      ...objects.flatMap((each) => wrongResources(manifests, each)),
      ...objects.flatMap(withResources).flatMap((each) => {
        const isKnown = wrongVersion(each.apiVersion, each.kind) === undefined;
        const found = isKnown ? podless(manifests, each) : [];
        return found.length > 0 ? found : refusedFields(manifests, each);
      }),
      ...refusedPods(tree),
      ...missingFiles(tree),
      ...wrongTemplates(tree),
      ...wrongSubmits(tree),
      ...unmountedApplications(tree),
      ...withoutUpload(tree),
      ...tree.code.flatMap(unparseable),
      ...otherNames(tree, directory),
      ...(manifests.replaced ?? []).map((each) => replacedFinding(manifests, each)),
    ];
    const unrendered = problems.filter(({ render }) => render !== undefined);
    const outcome = {
      examined: `${plural(objects.length, "object")} in ${plural(files, "file")}${left}`,
      findings: [...findings, ...unrendered.map((each) => unrenderedFinding(manifests, each))],
      notJudged: [
        ...notJudgedAmong(objects, manifests.project),
        ...tree.jobs.filter(isUndecided).map(({ label, unknown = "" }) => (
          { object: label, reason: unknown }
        )),
        ...notInDriver(tree),
        ...unreadFiles(tree),
        ...codeOfShells(tree.jobs),
      ],
    };
    if (unrendered.length === 0 || hasFailure(outcome)) return outcome;
    return {
      unknown: unrendered.map((each) => {
        const { object, problem, fix } = unrenderedFinding(manifests, each);
        return `${object}: ${problem}. ${fix}`;
      }).join(" "),
    };
  },
});

/** The manifests in Argo Workflows that are not valid YAML. */
function wrongResources({ directory }: ManifestsFact, object: ManifestObject): Finding[] {
  const located = { ...object, file: pathOf(directory, object.file) };
  return readResources(object).problems.map(({ path, problem }) => ({
    severity: "fail",
    ...placeOf(located, path),
    problem,
    why: "the workflow cannot create the object, so it fails",
    fix: "Correct the manifest.",
  }));
}

/** The most ignored files that are listed by name. */
const MOST_IGNORED = 50;

/** Lists ignored files by what they contain. */
function listIgnored(directory: string, ignored: readonly IgnoredFile[]): string {
  const groups = Map.groupBy(ignored.slice(0, MOST_IGNORED), ({ content }) => content);
  const lists = [...groups].map(([content, files]) => {
    const names = files.map(({ file, line }) =>
      `${pathOf(directory, file)}${line === undefined ? "" : `:${line}`}`
    );
    return `${names.join(", ")} (${content})`;
  });
  const more = ignored.length - MOST_IGNORED;
  return [...lists, ...(more > 0 ? [`${more} more files`] : [])].join(", ");
}

function placeName(directory: string): string {
  return directory === "-" ? "the standard input" : directory;
}

/** Warns about a file that a tool must render. The check is no pass because of it. */
function unrenderedFinding(
  { directory }: ManifestsFact,
  { file, line, problem, render = "" }: ManifestProblem,
): Finding {
  const path = pathOf(directory, file);
  return {
    severity: "warn",
    object: path,
    file: path,
    ...(line === undefined ? {} : { line }),
    problem,
    why: "the checks do not judge what would be applied",
    fix: render,
  };
}

/** Warns about an object that is declared twice. */
function replacedFinding({ directory }: ManifestsFact, { object, by }: Replaced): Finding {
  const located = { ...object, file: pathOf(directory, object.file) };
  return {
    severity: "warn",
    ...placeOf(located, ""),
    problem: `the object is declared again in ${pathOf(directory, by.file)}:${by.line}`,
    why: "kubectl applies the later declaration last, so the checks judge only the later one",
    fix: "Remove one of the two declarations.",
  };
}

function problemFinding(
  { directory }: ManifestsFact,
  { file, line, column, problem }: ManifestProblem,
): Finding {
  const path = pathOf(directory, file);
  return {
    severity: "fail",
    object: path,
    ...(column === undefined || line === undefined
      ? {}
      : { field: `line ${line}, column ${column}` }),
    file: path,
    ...(line === undefined ? {} : { line }),
    problem,
    why: "kubectl refuses the file, and the checks do not judge its objects",
    fix:
      "Correct the file, or move it out of the directory if it is not a manifest. For details: " +
      `kubectl apply --dry-run=client -f ${directory === "-" ? "-" : shellPath(path)}`,
  };
}

function podless({ directory }: ManifestsFact, object: ManifestObject): Finding[] {
  const template = podTemplatesOf(object.value).find(({ spec }) => {
    const containers = isFields(spec) ? spec.containers : undefined;
    return !Array.isArray(containers) || !containers.some(isFields);
  });
  if (template === undefined) return [];
  return [{
    severity: "fail",
    ...placeOf(
      { ...object, file: pathOf(directory, object.file) },
      `${template.specPath}.containers`,
    ),
    problem: "the pod template has no containers",
    why: "the API server refuses the workload",
    fix: "Check the indentation of the lines below, or add the containers.",
  }];
}

/**
 * Whether checks can find a problem in Python code. Parsing is slow, so other code is not parsed.
 */
const SEARCHES = [mayReadVariables, mayHaveNulls, mayNameTable, mayMakeSettings];

/**
 * Warns about a syntax error. It is no failure, since the parser does not know all of Python's
 * syntax.
 */
function unparseable(code: Code): Finding[] {
  if (code.language !== "python" || !SEARCHES.some((isSearched) => isSearched(code))) return [];
  const { error } = pythonOf(code);
  if (error === undefined) return [];
  return [{
    severity: "warn",
    ...placeIn(code, error.offset),
    problem: error.problem,
    why: "the checks of job code may miss code near this place",
    fix: "Check the syntax with Python: python3 -m py_compile <file>",
  }];
}

/** The files of Hadoop that jobs read and that were not read completely. */
function unreadFiles({ jobs }: Tree): NotJudged[] {
  const all = jobs.flatMap(({ settings }) => settings.get(UNREAD_FILE) ?? [])
    .map(({ place: { object = "" }, unknown = "" }) => ({ object, reason: unknown }));
  return all.filter(({ reason }, at) => at === all.findIndex((each) => each.reason === reason));
}
