import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import { unreadLanguageOf } from "../../facts/scripts.ts";
import type { NotJudged } from "../../finding.ts";
import { typeOf } from "../../kubernetes/api_types.ts";
import { readResources } from "../../kubernetes/argo_resources.ts";
import { fieldsIn, isFields, textOf } from "../../kubernetes/fields.ts";
import { isInProject, jobsOf } from "../../kubernetes/jobs.ts";
import { type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import { isForeignPolicy, isStagedPolicy } from "../../network_policy/foreign_policies.ts";
import { groupOf, podTemplatesOf, workloadsOf } from "../../kubernetes/workloads.ts";
import { isStartedByImage } from "../../spark/image_program.ts";
import type { SparkJob } from "../../spark/spark_job.ts";

/** The objects that create pods, and that no check of jobs judges, each with the reason. */
export function notJudgedAmong(
  objects: readonly ManifestObject[],
  project: Project = DEFAULT_PROJECT,
): NotJudged[] {
  return objects.flatMap((object): NotJudged[] => {
    const { objects: created, unknown } = readResources(object);
    return [
      ...[object, ...created].flatMap((each): NotJudged[] => {
        const reason = reasonOf(each, project, objects);
        return reason === undefined ? [] : [{ object: objectId(each), reason }];
      }),
      ...unknown.map((reason) => ({ object: objectId(object), reason })),
    ];
  });
}

function reasonOf(
  object: ManifestObject,
  project: Project,
  objects: readonly ManifestObject[],
): string | undefined {
  const { apiVersion, kind, value, namespace } = object;
  const workloads = workloadsOf([object]);
  // The program of an image of Spark is not known here.
  const ofImage =
    workloads.some(({ containers }) =>
        containers.some((each) => isStartedByImage(each) && /spark/i.test(each.image))
      )
      ? "its image decides whether it starts Spark"
      : undefined;
  if (jobsOf([object], project).length > 0) {
    // Connections are judged in the namespace of the jobs.
    if (kind === "ClusterWorkflowTemplate") {
      return "it has no namespace, so its connections are not judged";
    }
    if (!isInProject(object, project)) {
      return `it is in the namespace ${namespace}, so its connections are not judged`;
    }
    if (groupOf(apiVersion) !== "argoproj.io") return undefined;
    const text = JSON.stringify(value);
    if (text.includes('"podSpecPatch":')) return "its podSpecPatch is not judged";
    return text.includes("{{") ? "its values with parameters are not judged" : undefined;
  }
  if (podTemplatesOf(value).length > 0 && workloads.every(({ part }) => part === undefined)) {
    const isElsewhere = namespace !== undefined && namespace !== project.jobs.namespace;
    if (kind === "Job" || kind === "CronJob") {
      return isElsewhere
        ? `it is in the namespace ${namespace}, and ${
          ofImage ?? "its command does not call spark-submit"
        }`
        : undefined;
    }
    if (kind === "PodTemplate") return "it creates no pods itself";
    const isNear = namespace === project.jobs.namespace || /\bspark/i.test(JSON.stringify(value));
    return isNear ? ofImage ?? "it does not start a driver of Spark" : undefined;
  }
  if (workloads.length > 0) return ofImage ?? "it does not start Spark";
  if (kind === "ConfigMap") return templateIn(object, objects) ?? codeIn(object);
  const { workflowTemplateRef } = fieldsIn(fieldsIn(value.spec).workflowSpec ?? value.spec);
  const template = textOf(fieldsIn(workflowTemplateRef).name);
  if (groupOf(apiVersion) === "argoproj.io" && template !== undefined) {
    const isThere = objects.some((each) =>
      /^(Cluster)?WorkflowTemplate$/.test(each.kind) && each.name === template
    );
    return isThere ? undefined : `its template ${template} is not in the manifests`;
  }
  if (isStagedPolicy(value)) return "Calico does not enforce a staged policy";
  return isSupported(object) ? undefined : "kind is not supported";
}

/**
 * The groups of objects that create no pods and change no connection: those of Kubernetes, and of
 * common tools for monitoring, certificates, secrets and routes.
 */
const PASSIVE =
  /^$|(^|\.)k8s\.io$|^(apps|batch|autoscaling|policy|monitoring\.coreos\.com|(acme\.)?cert-manager\.io|external-secrets\.io|bitnami\.com|traefik\.io|traefik\.containo\.us|secrets-store\.csi\.x-k8s\.io|sops\..*|grafana\..*)$/;

/** The groups of policies, which the checks of connections report. */
const POLICIES = /(^|\.)(cilium\.io|projectcalico\.org)$/;

/** Returns whether an object is known to need no judgement of its pods. */
function isSupported({ apiVersion, kind, value }: ManifestObject): boolean {
  if (typeOf(apiVersion, kind) !== undefined || kind === "CustomResourceDefinition") return true;
  const group = groupOf(apiVersion);
  if (isForeignPolicy(value)) return true;
  // Their templates are read.
  if (group === "argoproj.io" && kind.includes("Workflow")) return true;
  if (isSpark(kind, apiVersion) || group !== "" && makesPods(value.spec)) return false;
  return PASSIVE.test(group) || POLICIES.test(group);
}

/** Why the pod in a ConfigMap is not judged, as in the pod template of Airflow. */
function templateIn(
  { value }: ManifestObject,
  objects: readonly ManifestObject[],
): string | undefined {
  const texts = Object.entries(fieldsIn(value.data));
  const found = texts.find(([, text]) =>
    typeof text === "string" &&
    /^kind: *["']?(Pod|Job|CronJob|\w*SparkApplication)\b/m.test(text) &&
    /\b(image|mainApplicationFile): /.test(text)
  );
  if (found === undefined) return undefined;
  const path = new RegExp(`/${found[0].replaceAll(/[^\w-]/g, "\\$&")}(?![\\w.-])`);
  const isNamed = objects.some((each) =>
    each.kind !== "ConfigMap" && path.test(JSON.stringify(each.value))
  );
  return isNamed ? undefined : `${found[0]} contains a pod, and no job of the manifests names it`;
}

/** Why the code in a ConfigMap is not judged, as in a notebook. */
function codeIn({ value }: ManifestObject): string | undefined {
  const names = Object.keys(fieldsIn(value.data));
  const found = names.find((name) => name.includes(".") && unreadLanguageOf(name) !== undefined);
  return found && `${found} is code in ${unreadLanguageOf(found)}`;
}

/** The code that jobs give to the shells of Spark for Scala and R. */
export function codeOfShells(jobs: readonly SparkJob[]): NotJudged[] {
  return jobs.flatMap(({ label, containers, code }) => {
    const texts = [
      ...containers.flatMap(({ words }) => words.map(({ text }) => text)),
      ...code.filter(({ language }) => language === "shell").map(({ text }) => text),
    ].map((text) => text.replaceAll(/(?:^|\s)#[^\n]*/g, ""));
    const [shell] = ["spark-shell", "sparkR"].filter((name) =>
      texts.some((text) => new RegExp(`(?<![\\w.-])${name}(?![\\w.-])`).test(text))
    );
    const language = shell === "sparkR" ? "R" : "Scala";
    return shell === undefined
      ? []
      : [{ object: label, reason: `${shell} runs code in ${language}, which is not read` }];
  });
}

/** Returns whether an object belongs to an operator for Spark. */
function isSpark(kind: string, apiVersion: string): boolean {
  return /spark/i.test(kind) || /spark/i.test(groupOf(apiVersion));
}

/** Returns whether a value contains the template of a pod or of a container. */
function makesPods(value: unknown, depth = 0): boolean {
  if (depth > 12) return false;
  if (Array.isArray(value)) return value.some((each) => makesPods(each, depth + 1));
  if (!isFields(value)) return false;
  const { containers, container, image } = value;
  if (Array.isArray(containers) && containers.some((each) => isFields(each) && "image" in each)) {
    return true;
  }
  if (isFields(container) && "image" in container) return true;
  if (typeof image === "string" && ("command" in value || "args" in value || "script" in value)) {
    return true;
  }
  return Object.values(value).some((each) => makesPods(each, depth + 1));
}
