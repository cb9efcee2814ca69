import { listOf, textOf } from "../kubernetes/fields.ts";
import { type ManifestObject, namespaceOf, ofKind } from "../kubernetes/objects.ts";
import type { Environment, Workload } from "../kubernetes/workloads.ts";
import type { Code } from "../source_code/code.ts";
import { sparkMapOf } from "./configuration_files.ts";
import { inImage } from "./image_files.ts";
import { mountedFiles } from "./pods.ts";
import { withoutArguments, wordsForSpark } from "./submit_words.ts";
import { unreadVolume } from "./unread_volume.ts";

// The files with settings of Spark that are not in the manifests.

/** A job, and where its files can be. */
export interface SettingsSource {
  /** The workload that runs the job. */
  readonly workload: Workload;
  /** The objects of the manifests. */
  readonly objects: readonly ManifestObject[];
  /** The code beside the objects, with the Dockerfiles. */
  readonly code: readonly Code[];
  /** The variables of the job's containers. */
  readonly environment: Environment;
}

/** The folders where images have the configuration of Spark, unless a variable names another. */
const USUAL_FOLDERS = ["/opt/spark/conf", "/etc/spark/conf"];

/**
 * The file with settings of Spark that is not read, as in `/opt/etl.conf` or `spark-defaults.conf of
 * ConfigMap spark`: the file of `--properties-file`, else `spark-defaults.conf` on a volume whose
 * files are not known, or in the image according to a Dockerfile. Undefined if all files are read.
 */
export function unreadProperties(source: SettingsSource): string | undefined {
  const { workload, objects } = source;
  const named = propertiesFileOf(workload);
  const files = mountedFiles(workload, objects);
  if (named !== undefined) {
    return files.some(({ path }) => path === named) ? undefined : named;
  }
  const folders = foldersOf(source);
  const isRead = files.some(({ path }) =>
    folders.some((folder) => path === `${folder}/spark-defaults.conf`)
  );
  if (isRead) return undefined;
  const volume = volumeOf(source, folders) ?? unreadMap(source);
  if (volume !== undefined) return `spark-defaults.conf of ${volume}`;
  const mounts = workload.containers.flatMap(({ fields }) => listOf(fields.volumeMounts));
  const isHidden = mounts.some(({ mountPath, subPath }) =>
    subPath === undefined && folders.includes(textOf(mountPath)?.replace(/\/+$/, "") ?? "")
  );
  return isHidden ? undefined : inImage(["spark-defaults.conf"], source.code);
}

/** The file of `--properties-file`; undefined without the option. */
export function propertiesFileOf({ containers }: Workload): string | undefined {
  const words = containers.flatMap(({ words }) =>
    wordsForSpark(words).flatMap(({ text }) => withoutArguments(text).split(/\s+/))
  );
  const at = words.findIndex((word) => /^--properties-file(=|$)/.test(word));
  return at < 0 ? undefined : words[at]!.split("=")[1] ?? words[at + 1];
}

function foldersOf({ environment }: SettingsSource): readonly string[] {
  const named = environment.value("SPARK_CONF_DIR")?.replace(/\/+$/, "");
  return named === undefined ? USUAL_FOLDERS : [named];
}

/** The source of a volume in a folder of Spark, if the files of the volume are not known. */
function volumeOf(
  { workload: { object, spec, containers }, objects }: SettingsSource,
  folders: readonly string[],
): string | undefined {
  const mounts = containers.flatMap(({ fields }) => listOf(fields.volumeMounts)).filter(
    ({ mountPath, subPath }) => {
      const path = textOf(mountPath)?.replace(/\/+$/, "") ?? "";
      return subPath === undefined
        ? folders.includes(path)
        : folders.some((folder) => path === `${folder}/spark-defaults.conf`);
    },
  );
  for (const { name } of mounts) {
    const volume = listOf(spec.volumes).find((each) => each.name === name);
    const unread = volume && unreadVolume(volume, { object, spec, objects });
    if (unread !== undefined) return unread;
  }
  return undefined;
}

/** The ConfigMap that the operator of Kubeflow mounts for Spark, if it is not in the manifests. */
function unreadMap({ workload: { object }, objects }: SettingsSource): string | undefined {
  const name = sparkMapOf(object);
  const isThere = ofKind(objects, "ConfigMap", namespaceOf(object))
    .some((map) => map.name === name);
  return name === undefined || isThere ? undefined : `ConfigMap ${name}`;
}
