import { type Fields, fieldsIn, listOf, textOf } from "../kubernetes/fields.ts";
import { type ManifestObject, namespaceOf, ofKind } from "../kubernetes/objects.ts";

/** The volumes whose files the manifests never show. */
const OTHERS = [
  ["persistentVolumeClaim", "claimName"],
  ["hostPath", "path"],
  ["nfs", "path"],
  ["csi", "driver"],
  ["image", "reference"],
] as const;

/**
 * The source of a volume whose files are not known, as in `ConfigMap hadoop`; undefined for a ConfigMap of
 * the manifests, and for an empty volume that no init container fills.
 */
export function unreadVolume(
  volume: Fields,
  { object, spec, objects }: {
    readonly object: ManifestObject;
    readonly spec: Fields;
    readonly objects: readonly ManifestObject[];
  },
): string | undefined {
  const { projected } = volume;
  const sources = [volume, ...listOf(fieldsIn(projected).sources)];
  for (const { configMap, secret } of sources) {
    const { name, secretName } = fieldsIn(configMap ?? secret);
    if (secret !== undefined) return `Secret ${textOf(secretName) ?? textOf(name)}`;
    const isThere = ofKind(objects, "ConfigMap", namespaceOf(object))
      .some((map) => map.name === textOf(name));
    if (configMap !== undefined && !isThere) return `ConfigMap ${textOf(name)}`;
  }
  for (const [kind, field] of OTHERS) {
    if (volume[kind] !== undefined) return `the volume ${textOf(fieldsIn(volume[kind])[field])}`;
  }
  const isFilled = volume.emptyDir !== undefined &&
    listOf(spec.initContainers).some((each) =>
      listOf(each.volumeMounts).some(({ name }) => name === volume.name)
    );
  return isFilled ? `the volume ${textOf(volume.name)}, which an init container fills,` : undefined;
}
