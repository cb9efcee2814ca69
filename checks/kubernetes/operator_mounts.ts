import type { WrongField } from "./api_types.ts";
import { type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";
import { setField } from "./spark_cluster.ts";
import { closestWord } from "./spelling.ts";
import { groupOf, podTemplatesOf } from "./workloads.ts";

// The mounts of pods that an operator creates. The rules of pods judge those of Kubernetes itself.

/** A list of mounts, and what becomes of a mount whose volume does not exist. */
interface Mounts {
  readonly path: string;
  readonly mounts: unknown;
  readonly volumes: readonly string[];
  readonly why: string;
}

/** The names of volumes that Spark and its operators add to pods. */
const ADDED =
  /^(spark-local-dir-\d+|spark-conf-volume-(driver|exec)|(hadoop|krb5|pod-template)-.+)$/;

const REFUSED = "the API server refuses the pods, so the operator creates none";

/**
 * The mounts of the pods of an operator that name no volume: of SparkApplications, SparkClusters and
 * Argo Workflows.
 */
export function wrongMounts(object: Fields): WrongField[] {
  const group = groupOf(object.apiVersion);
  const all = group === "sparkoperator.k8s.io"
    ? ofKubeflow(object)
    : group === "spark.apache.org"
    ? ofApache(object)
    : group === "argoproj.io"
    ? ofArgo(object)
    : [];
  return all.flatMap(wrongIn);
}

/**
 * The mounts of a pod template of Spark that name no volume.
 *
 * @param spec the spec of the template's pod
 * @param role `driver` or `executor`
 * @param settings the names of the job's settings, which can add volumes
 */
export function wrongTemplateMounts(
  spec: Fields,
  role: string,
  settings: readonly string[],
): WrongField[] {
  const volumes = [...namesOf(spec.volumes), ...volumesOfSettings(settings, role)];
  return ofContainers(spec, "spec", volumes).flatMap(wrongIn);
}

/** The folders of a driver that an operator fills without a mount of the driver's container. */
export function operatorFolders(object: Fields): string[] {
  const group = groupOf(object.apiVersion);
  if (group !== "sparkoperator.k8s.io" && group !== "spark.apache.org") return [];
  const outer = fieldsIn(object.spec);
  const spec = object.kind === "ScheduledSparkApplication" ? fieldsIn(outer.template) : outer;
  const driver = fieldsIn(spec.driver);
  const containers = listOf(fieldsIn(fieldsIn(driver.template).spec).containers);
  const paths = [
    ...[...listOf(driver.configMaps), ...listOf(driver.secrets)].map(({ path }) => path),
    ...containers.flatMap((each) => listOf(each.volumeMounts).map(({ mountPath }) => mountPath)),
  ];
  return paths.flatMap((path) => textOf(path) ?? []);
}

function wrongIn({ path, mounts, volumes, why }: Mounts): WrongField[] {
  return listOf(mounts).flatMap(({ name }, i): WrongField[] => {
    const wanted = textOf(name) ?? "";
    if (wanted === "" || wanted.includes("{{") || ADDED.test(wanted)) return [];
    if (volumes.includes(wanted)) return [];
    const meant = closestWord(wanted, volumes);
    return [{
      path: `${path}[${i}].name`,
      problem: `there is no volume ${wanted}${
        meant === undefined ? "" : `; did you mean ${meant}?`
      }`,
      fix: meant === undefined ? `Add ${wanted} to the volumes.` : `Write ${meant}.`,
      why,
    }];
  });
}

function namesOf(volumes: unknown): string[] {
  return listOf(volumes).map(({ name }) => textOf(name) ?? "");
}

/** The mounts of a container, also of block devices. */
function mountsOf(container: Fields, path: string, volumes: readonly string[]): Mounts[] {
  return ["volumeMounts", "volumeDevices"].map((field) => (
    { path: `${path}.${field}`, mounts: container[field], volumes, why: REFUSED }
  ));
}

/** The mounts of the containers of a pod's spec. */
function ofContainers(spec: Fields, path: string, volumes: readonly string[]): Mounts[] {
  return ["initContainers", "containers"].flatMap((list) =>
    listOf(spec[list]).flatMap((container, i) =>
      mountsOf(container, `${path}.${list}[${i}]`, volumes)
    )
  );
}

/** The volumes that the settings of Spark add to the pods of a role. */
function volumesOfSettings(settings: readonly string[], role: string): string[] {
  return settings.flatMap((key) => {
    const volume = new RegExp(`^spark\\.kubernetes\\.${role}\\.volumes\\.\\w+\\.([\\w-]+)\\.`)
      .exec(key)?.[1];
    const secret = new RegExp(`^spark\\.kubernetes\\.${role}\\.secrets\\.([\\w.-]+)$`)
      .exec(key)?.[1];
    return [volume ?? [], secret === undefined ? [] : `${secret}-volume`].flat();
  });
}

function ofKubeflow({ kind, spec: outer }: Fields): Mounts[] {
  const isScheduled = kind === "ScheduledSparkApplication";
  const spec = isScheduled ? fieldsIn(fieldsIn(outer).template) : fieldsIn(outer);
  const base = isScheduled ? "spec.template" : "spec";
  return ["driver", "executor"].flatMap((role): Mounts[] => {
    const pod = fieldsIn(spec[role]);
    const volumes = [
      ...namesOf(spec.volumes),
      ...namesOf(fieldsIn(fieldsIn(pod.template).spec).volumes),
      ...volumesOfSettings(Object.keys(fieldsIn(spec.sparkConf)), role),
    ];
    const added = [
      ...listOf(pod.configMaps).map(({ name }) => `${textOf(name)}-vol`),
      ...listOf(pod.secrets).map(({ name }) => `${textOf(name)}-volume`),
    ];
    const path = `${base}.${role}`;
    return [
      {
        path: `${path}.volumeMounts`,
        mounts: pod.volumeMounts,
        volumes,
        why: "the operator leaves out the mount, so the container does not have the files",
      },
      ...["initContainers", "sidecars"].flatMap((list) =>
        listOf(pod[list]).flatMap((container, i) =>
          mountsOf(container, `${path}.${list}[${i}]`, [...volumes, ...added])
        )
      ),
    ];
  });
}

function ofApache({ kind, spec: outer }: Fields): Mounts[] {
  const spec = fieldsIn(outer);
  const isCluster = kind === "SparkCluster";
  const roles = isCluster ? ["master", "worker"] : ["driver", "executor"];
  return roles.flatMap((role) => {
    const roleSpec = fieldsIn(spec[`${role}Spec`]);
    const set = isCluster ? setField(roleSpec, role) : "podTemplateSpec";
    const inner = fieldsIn(roleSpec[set]);
    const template = isCluster ? fieldsIn(inner.template) : inner;
    const claims = listOf(inner.volumeClaimTemplates).map(({ metadata }) => fieldsIn(metadata));
    const pod = fieldsIn(template.spec);
    const path = `spec.${role}Spec.${set}${isCluster ? ".template" : ""}.spec`;
    return ofContainers(pod, path, [
      ...namesOf(pod.volumes),
      ...namesOf(claims),
      ...volumesOfSettings(Object.keys(fieldsIn(spec.sparkConf)), role),
    ]);
  });
}

/** A WorkflowTemplate can use the volumes of the Workflow that calls its templates. */
function ofArgo(object: Fields): Mounts[] {
  if (object.kind !== "Workflow" && object.kind !== "CronWorkflow") return [];
  return podTemplatesOf(object).flatMap(({ spec, specPath, main }) => {
    if (!isFields(spec) || main === undefined) return [];
    const [first, ...others] = ofContainers(spec, specPath, namesOf(spec.volumes))
      .toSorted((a, b) =>
        Number(b.path.includes(".containers[0]")) -
        Number(a.path.includes(".containers[0]"))
      );
    return first === undefined ? [] : [{ ...first, path: `${main.path}.volumeMounts` }, ...others];
  });
}
