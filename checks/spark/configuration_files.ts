import { type Fields, fieldsIn, listOf, textOf } from "../kubernetes/fields.ts";
import {
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../kubernetes/objects.ts";
import { type Environment, groupOf, type Workload } from "../kubernetes/workloads.ts";
import { readHadoopFile } from "./hadoop_file.ts";
import type { Code } from "../source_code/code.ts";
import { type MountedFile, mountedFiles } from "./pods.ts";
import { inImage } from "./image_files.ts";
import { settingsIn, type SparkSetting } from "./settings.ts";
import { unreadVolume } from "./unread_volume.ts";

/** The objects and variables of a job whose configuration files are read. */
export interface ConfigurationSource {
  /** The workload that runs the job. */
  readonly workload: Workload;
  /** The objects of the manifests. */
  readonly objects: readonly ManifestObject[];
  /** The variables of the job's containers. */
  readonly environment: Environment;
  /** The code beside the objects, with the Dockerfiles. */
  readonly code: readonly Code[];
  /** The settings of the job that other sources have. */
  readonly settings: readonly SparkSetting[];
}

/** The files of Hadoop and Hive with settings. Spark reads the settings of S3A in each of them. */
const SITES = [
  "core-site.xml",
  "hdfs-site.xml",
  "hive-site.xml",
  "mapred-site.xml",
  "yarn-site.xml",
];
const HADOOP_FILE = /^(?:core|hdfs|hive|mapred|yarn)-site\.xml$/;

/**
 * The settings in files of ConfigMaps that Spark reads besides its own command line: the files of
 * Hadoop, and the files that an operator mounts by the name of their ConfigMap.
 */
export function settingsOfFiles(source: ConfigurationSource): SparkSetting[] {
  const ofOperator = operatorFiles(source);
  const hadoop = [...hadoopFiles(source), ...ofOperator.hadoop];
  const defaults = ofOperator.spark.filter(({ path }) => path === "spark-defaults.conf");
  return [
    ...unknownFiles(source),
    ...hadoop.flatMap((file) => propertiesOf(file, source)),
    ...defaults.flatMap(({ map, key, text }) => {
      const field = `data.${key}`;
      const settings = settingsIn({
        language: "conf",
        file: map.file,
        object: objectId(map),
        field,
        line: 1,
        text,
      });
      return settings.map((each) => ({ ...each, place: placeOf(map, field) }));
    }),
  ];
}

/**
 * The mounted files of Hadoop. Hadoop reads the files in `HADOOP_CONF_DIR`, and Spark adds
 * `SPARK_CONF_DIR`. If a job sets neither, the image decides, so every file counts.
 */
function hadoopFiles({ workload, objects, environment }: ConfigurationSource): MountedFile[] {
  const folders = foldersOf(environment);
  return mountedFiles(workload, objects).filter(({ path }) => {
    const at = path.lastIndexOf("/");
    return HADOOP_FILE.test(path.slice(at + 1)) &&
      (folders.length === 0 || folders.includes(path.slice(0, at)));
  });
}

/** The folders of configuration files that variables name; empty if no variable names one. */
function foldersOf(environment: Environment): string[] {
  const named = ["HADOOP_CONF_DIR", "SPARK_CONF_DIR", "YARN_CONF_DIR"]
    .flatMap((name) => environment.value(name)?.replace(/\/+$/, "") ?? []);
  const isUsual = named.length > 0 && environment.value("SPARK_CONF_DIR") === undefined;
  return isUsual ? [...named, "/opt/spark/conf"] : named;
}

/** The folders where images have the files of Hadoop, unless a variable names another folder. */
const USUAL_FOLDERS = [
  "/etc/hadoop/conf",
  "/etc/hadoop",
  "/opt/hadoop/conf",
  "/opt/hadoop/etc/hadoop",
  "/opt/spark/conf",
];

/** The volumes that can have a file of Hadoop, and whose files are not known, as unknown settings. */
function unknownFiles(source: ConfigurationSource): SparkSetting[] {
  const { workload: { object, spec, specPath, containers }, objects, environment } = source;
  const folders = foldersOf(environment);
  const read = folders.length > 0 ? folders : USUAL_FOLDERS;
  const volumes = listOf(spec.volumes);
  const mounted = containers.flatMap(({ fields }) => listOf(fields.volumeMounts)).filter(
    (mount) => {
      const path = textOf(mount.mountPath)?.replace(/\/+$/, "") ?? "";
      if (mount.subPath === undefined) return read.includes(path);
      return HADOOP_FILE.test(path.slice(path.lastIndexOf("/") + 1));
    },
  );
  const found = mounted.flatMap(({ name }): SparkSetting[] => {
    const at = volumes.findIndex((each) => each.name === name);
    const unread = at < 0 ? undefined : unreadVolume(volumes[at]!, { object, spec, objects });
    if (unread === undefined) return [];
    const place = placeOf(object, `${specPath}.volumes[${at}]`);
    return [{
      key: UNREAD_FILE,
      value: "",
      unknown: `${unread} can have the file core-site.xml, and is not in the manifests`,
      source: "hadoop",
      place,
    }];
  });
  const named = hadoopMapOf(source);
  const isThere = ofKind(objects, "ConfigMap", namespaceOf(object)).some((map) =>
    map.name === named
  );
  const ofImage = inImage(SITES, source.code);
  const reasons = [
    ...(named === undefined || isThere
      ? []
      : [`ConfigMap ${named} can have the file core-site.xml, and is not in the manifests`]),
    ...(ofImage === undefined ? [] : [`${ofImage} can have more settings, and is not read`]),
  ];
  return [...found, ...reasons.map((reason) => unreadSetting(reason, object))];
}

/** The setting that stands for those of a file that was not read. */
export function unreadSetting(unknown: string, object: ManifestObject): SparkSetting {
  const place = placeOf(object, "spec");
  return { key: UNREAD_FILE, value: "", unknown, source: "hadoop", place };
}

/** The ConfigMap that Spark, or the operator of Kubeflow, mounts for Hadoop by name. */
function hadoopMapOf(
  { workload: { object }, settings }: ConfigurationSource,
): string | undefined {
  const setting = settings.findLast(({ key }) => key === "spark.kubernetes.hadoop.configMapName");
  return setting?.value ??
    (isKubeflow(object) ? textOf(specOf(object).hadoopConfigMap) : undefined);
}

function isKubeflow({ value }: ManifestObject): boolean {
  return groupOf(value.apiVersion) === "sparkoperator.k8s.io";
}

/** The spec of a SparkApplication, also of a scheduled one. */
function specOf({ kind, value }: ManifestObject): Fields {
  const spec = fieldsIn(value.spec);
  return kind === "ScheduledSparkApplication" ? fieldsIn(spec.template) : spec;
}

/** The ConfigMap that the operator of Kubeflow mounts for Spark by name. */
export function sparkMapOf(object: ManifestObject): string | undefined {
  return isKubeflow(object) ? textOf(specOf(object).sparkConfigMap) : undefined;
}

/** The files of ConfigMaps that Spark, or the operator of Kubeflow, mounts by name. */
function operatorFiles(
  source: ConfigurationSource,
): Readonly<Record<"hadoop" | "spark", readonly MountedFile[]>> {
  const { workload: { object }, objects } = source;
  const files = (name: unknown): MountedFile[] =>
    ofKind(objects, "ConfigMap", namespaceOf(object)).filter((map) => map.name === textOf(name))
      .flatMap((map) =>
        Object.entries(fieldsIn(map.value.data)).map(([key, value]) => (
          { path: key, map, key, text: textOf(value) ?? "" }
        ))
      );
  const hadoop = files(hadoopMapOf(source));
  const spark = files(sparkMapOf(object));
  return { hadoop: [...hadoop, ...spark].filter(({ path }) => HADOOP_FILE.test(path)), spark };
}

/** The key of the setting that stands for the part of a file of Hadoop that was not read. */
export const UNREAD_FILE = "spark.hadoop.*";

/** The properties of a file of Hadoop, as settings of Spark. */
function propertiesOf(
  { map, key: file, text }: MountedFile,
  { environment }: ConfigurationSource,
): SparkSetting[] {
  const { properties, unread } = readHadoopFile(text);
  const common = { place: placeOf(map, `data.${file}`), source: "hadoop" } as const;
  return [
    ...properties.map(({ name, value }) => (
      { key: `spark.hadoop.${name}`, ...resolve(value, environment), ...common }
    )),
    ...(unread === undefined ? [] : [{
      key: UNREAD_FILE,
      value: "",
      unknown: `${file} of ${objectId(map)} has ${unread}, which is not read`,
      ...common,
    }]),
  ];
}

/** Replaces `${env.NAME}` and `${env.NAME:-default}`, as Hadoop does. */
function resolve(
  text: string,
  environment: Environment,
): Pick<SparkSetting, "value" | "unknown" | "isSecret"> {
  let isSecret = false;
  const value = text.replace(
    /\$\{env\.(\w+)(?::?-([^}]*))?\}/g,
    (all, name: string, fallback: string | undefined) => {
      const variable = environment.variable(name);
      isSecret ||= variable?.isSecret === true;
      return variable?.value ?? fallback ?? all;
    },
  );
  const [unknown] = /\$\{[^}]*\}/.exec(value) ?? [];
  return {
    value,
    ...(unknown === undefined ? {} : { unknown: `the value of ${unknown} is not known` }),
    ...(isSecret ? { isSecret: true } : {}),
  };
}
