import type { Finding, Place } from "../../finding.ts";
import type { Tree } from "../../facts/tree.ts";
import { type Fields, fieldsIn, listOf } from "../../kubernetes/fields.ts";
import { namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { type Workload, workloadsOf } from "../../kubernetes/workloads.ts";
import type { Role, SparkPod } from "../../spark/pods.ts";
import { argumentsPath, type SparkJob } from "../../spark/spark_job.ts";
import { type Level, levelOf, wrongLabels } from "./pod_security_level.ts";
import { refusedIn } from "./pod_security_rules.ts";

/** A pod that the API server would create, and its place. */
interface PodOf {
  readonly namespace: string;
  readonly spec: Fields;
  /** The annotations of the pod, not validated. */
  readonly annotations?: Fields;
  readonly place: (field: string) => Place;
  /** The container, if no manifest declares the pod. */
  readonly container?: string;
  /** True if only a part of the pod is known, so that fields which it does not set can be elsewhere. */
  readonly isPart?: boolean;
}

/**
 * The fields of pods that the API server refuses because of the level of pod security that their
 * namespace enforces, and labels of namespaces that name no such level. Only namespaces of the
 * manifests are judged.
 */
export function refusedPods(tree: Pick<Tree, "objects" | "jobs">): Finding[] {
  const namespaces = ofKind(tree.objects, "Namespace");
  const levels = new Map(namespaces.map((each) => [each.name, levelOf(each)]));
  const pods = [
    // A pod of the cluster runs already.
    ...workloadsOf(tree.objects).filter(({ object }) => object.file !== undefined)
      .flatMap((each) => ownPods(each, tree.jobs)),
    ...tree.jobs.flatMap((job) => job.workload.executor === undefined ? madePods(job) : []),
  ];
  const findings = pods.flatMap((pod) => {
    const level = levels.get(pod.namespace);
    return level === undefined ? [] : judgePod(pod, level);
  });
  // Several jobs can have the same template, and several containers the fields of one pod.
  const byText = new Map(findings.map((each) => [JSON.stringify(each), each]));
  return [
    ...namespaces.filter(({ file }) => file !== undefined).flatMap(wrongLabels),
    ...byText.values(),
  ];
}

/** The pods of a workload. The operator makes those of a SparkApplication as the object says. */
function ownPods(
  { object, spec, specPath, metadata, metadataPath, executor }: Workload,
  jobs: readonly SparkJob[],
): PodOf[] {
  const namespace = namespaceOf(object);
  const annotations = fieldsIn(fieldsIn(metadata).annotations);
  if (executor === undefined) {
    const place = (field: string) =>
      placeOf(
        object,
        field.startsWith("metadata.")
          ? field.replace("metadata", metadataPath)
          : `${specPath}.${field}`,
      );
    return [{ namespace, spec, annotations, place }];
  }
  const raw = executor.path.split(".").reduce<Fields>(
    (fields, name) => fieldsIn(fields[name]),
    object.value,
  );
  const [first = {}, ...others] = listOf(executor.spec.containers);
  // In a pod template, this is the field of the pod.
  const hasOwn = raw.securityContext !== undefined && !isTemplate(executor.path);
  const container = hasOwn ? { ...first, securityContext: raw.securityContext } : first;
  const executorSpec = { ...executor.spec, containers: [container, ...others] };
  const job = jobs.find((each) => each.workload.object === object);
  return ([["driver", specPath, spec], ["executor", executor.path, executorSpec]] as const).map((
    [role, path, pod],
  ) => ({
    namespace,
    spec: pod,
    place: (field) => placeOf(object, `${path}.${fieldOfOperator(field, path)}`),
    container: `the container of the ${role}`,
    // A file can have the fields that the object does not set.
    isPart: job === undefined || job.unreadProperties !== undefined ||
      job.settings.has(`spark.kubernetes.${role}.podTemplateFile`),
  }));
}

function isTemplate(path: string): boolean {
  return path.endsWith(".spec");
}

/** The field of a SparkApplication for the field of a pod. The first container has fields of its own. */
function fieldOfOperator(field: string, path: string): string {
  if (isTemplate(path)) return field;
  return field.replace(/^containers\[0\]\./, "")
    .replace(/^containers\[(\d+)\]/, (_, i) => `sidecars[${Number(i) - 1}]`)
    .replace(/^securityContext\.(?=sysctls)/, "podSecurityContext.");
}

/** The pods that Spark creates: their templates, and the volumes of the settings. */
function madePods(job: SparkJob): PodOf[] {
  const { driver, executor, namespace, workload: { object } } = job;
  return [driver, executor].flatMap((pod): PodOf[] => {
    if (pod === undefined) return [];
    const { template } = pod;
    const ofSettings = volumesOf(job, pod.role, namespace);
    // The file that was not read can name a template.
    const isUnread = template === undefined && job.unreadProperties !== undefined;
    if (isUnread || template !== undefined && template.spec === undefined) return ofSettings;
    const place = template?.place ?? placeOf(object, argumentsPath(job));
    const spec = template?.spec ?? {};
    const hasOwn = listOf(spec.containers).length > 0;
    return [{
      namespace,
      annotations: Object.fromEntries(pod.annotations),
      spec: hasOwn ? spec : { ...spec, containers: [containerOf(pod)] },
      place: () => place,
      ...(hasOwn ? {} : { container: `the container of the ${pod.role}` }),
    }, ...ofSettings];
  });
}

/** The container that Spark adds to a pod whose template has none. */
function containerOf({ role }: SparkPod): Fields {
  return { name: `spark-kubernetes-${role}` };
}

const VOLUME = /^spark\.kubernetes\.(driver|executor)\.volumes\.(hostPath|nfs)\.([^.]+)\./;

function volumesOf({ settings }: SparkJob, role: Role, namespace: string): PodOf[] {
  const first = new Map(
    settings.values().toArray().flatMap(({ key, place }) => {
      const [, of, type, name] = VOLUME.exec(key) ?? [];
      return of === role ? [[`${type} ${name}`, { type: type!, name: name!, place }]] : [];
    }),
  );
  return [...first.values()].map(({ type, name, place }) => ({
    namespace,
    spec: { volumes: [{ name, [type]: {} }] },
    place: () => place,
    isPart: true,
  }));
}

function judgePod(
  { namespace, spec, annotations, place, isPart, container = "the container" }: PodOf,
  level: Level,
): Finding[] {
  const why =
    `the namespace ${namespace} enforces the pod security level ${level.name}, so no pod is ` +
    "created";
  const { refused, absent } = refusedIn(spec, level, annotations);
  return [
    ...refused.map(({ field, problem, fix }): Finding => ({
      severity: "fail",
      ...place(field),
      problem,
      why,
      fix,
    })),
    ...(isPart === true ? [] : absent).map(({ field, wanted }): Finding => ({
      severity: "warn",
      ...place(field),
      problem: `${container} does not set ${wanted.join(", ")}`,
      why: `${why}, unless an admission webhook adds the fields`,
      fix: `Set in the securityContext of the container: ${wanted.join(", ")}`,
    })),
  ];
}
