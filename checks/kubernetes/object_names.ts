import type { WrongField } from "./api_types.ts";
import { type Fields, isFields } from "./fields.ts";
import { isNamespaceName, isObjectName } from "./metadata.ts";
import { groupOf } from "./workloads.ts";

/** The kinds whose names may have any character except / and %. */
const ANY_CHARACTER = /^(PodDisruptionBudget|(Cluster)?Role(Binding)?)$/;

/** The kinds whose names are DNS labels in all versions of Kubernetes. */
const LABEL = /^(Namespace|Service)$/;

/** The kinds that belong to no namespace, so that the field has no effect. */
const OF_CLUSTER =
  /^(Namespace|PersistentVolume|IngressClass|ClusterRole|ClusterRoleBinding|PriorityClass|StorageClass)$/;

/** A text that a tool fills in, as in `${NAME}` and `{{ name }}`. */
const PLACEHOLDER = /\$[{(]|\{\{/;

/** The most characters of a prefix that the API server keeps; it adds 5 characters. */
const MAX_PREFIX = 58;

const TEMPLATE = "kubectl apply fails, unless the file is only a template of pods";

const SUBDOMAIN_FIX =
  "Use lowercase letters, digits, - and ., with a letter or digit at both ends, and at most 253 characters.";
const LABEL_FIX =
  "Use lowercase letters, digits and -, with a letter or digit at both ends, and at most 63 characters.";

/** The names in the metadata of an object that the API server refuses for its kind. */
export function wrongNames(object: Fields): WrongField[] {
  const { metadata, kind } = object;
  const { name, generateName, namespace } = isFields(metadata) ? metadata : {};
  const found: WrongField[] = [];
  if (isEmpty(name) && isEmpty(generateName) && (isFields(metadata) || isEmpty(metadata))) {
    found.push({
      path: isEmpty(metadata) ? "metadata" : "metadata.name",
      problem: `the ${kind} has no name`,
      fix: "Set metadata.name.",
      ...(kind === "Pod" ? { why: TEMPLATE, isUncertain: true } : {}),
    });
  }
  if (isJudged(name)) {
    const wrong = wrongName(object, name);
    if (wrong !== undefined) found.push({ path: "metadata.name", ...wrong });
  }
  if (isJudged(generateName)) {
    // With a prefix and a name, the API server uses the name.
    const names = [`${generateName.slice(0, MAX_PREFIX)}aaaaa`];
    if (kind !== "ReplicationController") names.push(generateName.replace(/.-$/, "a"));
    const wrong = names.map((each) => wrongName(object, each, generateName))
      .find((each) => each !== undefined);
    if (wrong !== undefined) found.push({ path: "metadata.generateName", ...wrong });
  }
  if (isJudged(namespace) && !OF_CLUSTER.test(String(kind)) && !isNamespaceName(namespace)) {
    found.push({
      path: "metadata.namespace",
      problem: `${JSON.stringify(namespace)} is no name of a namespace`,
      fix: LABEL_FIX,
      why: "a namespace cannot have this name, so kubectl apply fails",
    });
  }
  return found;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

function isJudged(name: unknown): name is string {
  return typeof name === "string" && name !== "" && !PLACEHOLDER.test(name);
}

type Wrong = Omit<WrongField, "path">;

/** @param shown the text of the file, if the name is made of it */
function wrongName(object: Fields, name: string, shown = name): Wrong | undefined {
  const kind = String(object.kind);
  const problem = `${JSON.stringify(shown)} is no name of a ${kind}`;
  if (ANY_CHARACTER.test(kind) && groupOf(object.apiVersion) !== "") {
    return /[/%]/.test(name) || name === "." || name === ".."
      ? { problem, fix: "Write a name without / and %, other than . and .." }
      : undefined;
  }
  if (LABEL.test(kind)) {
    if (!isNamespaceName(name)) return { problem, fix: LABEL_FIX };
    return kind === "Service" && /^\d/.test(name)
      ? {
        problem: `the name ${JSON.stringify(shown)} of a Service begins with a digit`,
        fix: "Begin the name with a letter.",
        why: "older versions of Kubernetes refuse it, so kubectl apply can fail",
        isUncertain: true,
      }
      : undefined;
  }
  if (!isObjectName(name)) return { problem, fix: SUBDOMAIN_FIX };
  if (kind === "StatefulSet" && !isNamespaceName(name)) {
    return {
      problem,
      fix: LABEL_FIX,
      why: "newer versions of Kubernetes refuse it, so kubectl apply can fail",
      isUncertain: true,
    };
  }
  const { spec } = object;
  const hasOwnLabels = isFields(spec) && spec.manualSelector === true;
  if (kind === "Job" && name.length > 63 && !hasOwnLabels && shown === name) {
    return {
      problem: `the name has ${name.length} characters, and a Job may have 63`,
      fix: "Shorten the name: the pods get it as a label.",
    };
  }
  return undefined;
}
