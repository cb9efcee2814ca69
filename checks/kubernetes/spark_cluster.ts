import { type Fields, fieldsIn, listOf, textOf } from "./fields.ts";
import type { PodTemplate } from "./pod_template.ts";
import { withSparkVersion } from "./spark_version.ts";

/** The kind of a cluster of masters and workers, of the operator of Apache Spark. */
export const SPARK_CLUSTER = "SparkCluster";

/** The programs of the two roles. */
const PROGRAMS = {
  master: "org.apache.spark.deploy.master.Master",
  worker: "org.apache.spark.deploy.worker.Worker",
} as const;

/** The container ports that the operator declares, by role. */
const PORTS = {
  master: [{ name: "web", containerPort: 8080 }, { name: "rest", containerPort: 6066 }],
  worker: [{ name: "web", containerPort: 8081 }],
} as const;

/** The labels that the operator sets. Earlier versions of the operator set only the role. */
const CLUSTER_LABEL = "spark.operator/spark-cluster-name";
const VERSION_LABEL = "spark-version";

/**
 * The field with the StatefulSet of a role. Versions of the operator differ in the name of the
 * field.
 */
export function setField(roleSpec: Fields, role: string): string {
  const long = `${role}StatefulSetSpec`;
  return roleSpec[long] === undefined ? "statefulSetSpec" : long;
}

/** The pods of the master and of the workers of a SparkCluster; empty for another object. */
export function sparkClusterTemplates(object: Fields, group: string): PodTemplate[] {
  if (group !== "spark.apache.org" || object.kind !== SPARK_CLUSTER) return [];
  const spec = fieldsIn(object.spec);
  const conf = fieldsIn(spec.sparkConf);
  const version = textOf(fieldsIn(spec.runtimeVersions).sparkVersion);
  // Without the setting, the operator uses an image of plain Spark.
  const named = textOf(conf["spark.kubernetes.container.image"]);
  const image = named !== undefined
    ? withSparkVersion(named, spec)
    : (version === undefined ? "apache/spark" : `apache/spark:${version}`);
  const instances = fieldsIn(fieldsIn(spec.clusterTolerations).instanceConfig);
  const workers = [instances.initWorkers, instances.maxWorkers]
    .map((each) => typeof each === "number" && each >= 0 ? each : 0);
  return (["master", "worker"] as const).map((role): PodTemplate => {
    const set = setField(fieldsIn(spec[`${role}Spec`]), role);
    const path = `spec.${role}Spec.${set}.template`;
    const template = fieldsIn(fieldsIn(fieldsIn(spec[`${role}Spec`])[set]).template);
    const metadata = fieldsIn(template.metadata);
    const podSpec = fieldsIn(template.spec);
    const containers = listOf(podSpec.containers);
    const at = containers.findIndex(({ name }) => name === role);
    const main = {
      ...containers[at],
      name: role,
      image,
      ports: [...listOf(containers[at]?.ports), ...PORTS[role]],
    };
    const labels = {
      ...fieldsIn(metadata.labels),
      "spark-role": role,
      [CLUSTER_LABEL]: textOf(fieldsIn(object.metadata).name) ?? "",
      ...(version === undefined ? {} : { [VERSION_LABEL]: version }),
    };
    return {
      metadata: { ...metadata, labels },
      spec: { ...podSpec, containers: [main, ...containers.filter((_, i) => i !== at)] },
      metadataPath: `${path}.metadata`,
      specPath: `${path}.spec`,
      main: {
        path: `${path}.spec.containers[${Math.max(0, at)}]`,
        words: [{ path, text: "spark-class" }, { path, text: PROGRAMS[role] }],
      },
      part: role === "master" ? role : "workers",
      replicas: role === "master" ? 1 : Math.max(1, ...workers),
    };
  });
}
