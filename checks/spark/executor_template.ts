import type { Finding } from "../finding.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../kubernetes/objects.ts";
import { parseDocuments } from "../kubernetes/yaml.ts";
import { type Fields, isFields, listOf, textOf } from "../kubernetes/fields.ts";
import type { Workload } from "../kubernetes/workloads.ts";
import type { SparkSetting } from "./spark_settings.ts";

/** The pod that Spark makes executors from. */
export interface ExecutorTemplate {
  /** Its spec, unread. */
  readonly spec: Fields;
  /** Where it stands. */
  readonly place: Pick<Finding, "object" | "field" | "file" | "line">;
}

/**
 * Finds the pod template of a job's executors in the ConfigMap that the job mounts.
 *
 * @returns undefined where it has none, `unknown` where it is not in the manifests
 */
export function executorTemplate(
  { object, spec, containers }: Workload,
  settings: ReadonlyMap<string, SparkSetting>,
  objects: readonly ManifestObject[],
): ExecutorTemplate | "unknown" | undefined {
  const path = settings.get("spark.kubernetes.executor.podTemplateFile")?.value;
  if (path === undefined) return undefined;
  const plain = path.replace(/^(local|file):\/\//, "");
  for (const { fields } of containers) {
    for (const { mountPath, name, subPath } of listOf(fields.volumeMounts)) {
      const folder = textOf(mountPath)?.replace(/\/+$/, "");
      if (folder === undefined) continue;
      const key = plain === folder
        ? textOf(subPath)
        : plain.startsWith(`${folder}/`)
        ? plain.slice(folder.length + 1)
        : undefined;
      if (key === undefined) continue;
      const volume = listOf(spec.volumes).find((each) => each.name === name);
      const map = isFields(volume?.configMap) ? volume.configMap : undefined;
      const source = ofKind(objects, "ConfigMap", namespaceOf(object))
        .find((each) => each.name === textOf(map?.name));
      const item = listOf(map?.items).find((each) => each.path === key);
      const found = source === undefined ? undefined : read(source, textOf(item?.key) ?? key);
      return found ?? "unknown";
    }
  }
  return "unknown";
}

function read(map: ManifestObject, key: string): ExecutorTemplate | undefined {
  const data = isFields(map.value.data) ? map.value.data : {};
  const text = textOf(data[key]);
  if (text === undefined) return undefined;
  const pod = parseDocuments(text).documents[0]?.value;
  const spec = isFields(pod) && isFields(pod.spec) ? pod.spec : {};
  return { spec, place: placeOf(map, `data.${key}`) };
}
