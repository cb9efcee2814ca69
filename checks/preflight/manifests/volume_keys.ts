import type { Finding } from "../../finding.ts";
import type { Tree } from "../../facts/tree.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { closestWord } from "../../kubernetes/spelling.ts";
import { workloadsOf } from "../../kubernetes/workloads.ts";

/**
 * The keys of ConfigMaps that workloads use as files, and that their ConfigMaps do not have. A
 * ConfigMap that is not in the manifests is not judged: it can be in the cluster.
 */
export function missingFiles({ objects }: Pick<Tree, "objects">): Finding[] {
  const maps = ofKind(objects, "ConfigMap");
  return workloadsOf(objects).flatMap(({ object, spec, specPath, containers, executor }) => {
    if (object.file === undefined || executor !== undefined) return [];
    const volumes = listOf(spec.volumes).map((volume, i) => ({
      name: volume.name,
      path: `${specPath}.volumes[${i}].configMap`,
      source: isFields(volume.configMap) ? volume.configMap : undefined,
    }));
    return volumes.flatMap(({ name: volume, path, source }): Finding[] => {
      const map = maps.find((each) =>
        source !== undefined && each.name === textOf(source.name) &&
        namespaceOf(each) === namespaceOf(object)
      );
      if (source === undefined || map === undefined || source.optional === true) return [];
      const keys = keysOf(map);
      const items = listOf(source.items);
      const missing = items.flatMap(({ key }, i): Finding[] => {
        const wanted = textOf(key) ?? "";
        return keys.includes(wanted)
          ? []
          : [missingKey(object, `${path}.items[${i}].key`, map, wanted, keys)];
      });
      const files = items.length === 0 ? keys : items.map((item) => textOf(item.path) ?? "");
      const mounts = containers.flatMap(({ fields, path: at }) =>
        listOf(fields.volumeMounts).map((mount, i) => (
          { mount, field: `${at}.volumeMounts[${i}].subPath` }
        ))
      ).filter(({ mount }) => mount.name === volume);
      return [
        ...missing,
        ...mounts.flatMap(({ mount, field }): Finding[] => {
          const subPath = textOf(mount.subPath);
          const isThere = subPath === undefined || subPath === "" ||
            files.some((file) => file === subPath || file.startsWith(`${subPath}/`));
          return isThere ? [] : [missingKey(object, field, map, subPath, files)];
        }),
      ];
    });
  });
}

function keysOf({ value }: ManifestObject): string[] {
  return [value.data, value.binaryData].flatMap((each: unknown) =>
    isFields(each) ? Object.keys(each as Fields) : []
  );
}

function missingKey(
  object: ManifestObject,
  field: string,
  map: ManifestObject,
  wanted: string,
  known: readonly string[],
): Finding {
  const meant = closestWord(wanted, known);
  return {
    severity: "fail",
    ...placeOf(object, field),
    problem: `ConfigMap ${map.name} has no file ${wanted}; it has ${known.join(", ") || "none"}`,
    why: "the pod does not start, or finds an empty folder instead of the file",
    fix: meant === undefined ? "Correct the name, or add the key." : `Write ${meant}.`,
  };
}
