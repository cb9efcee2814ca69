import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { type Fields, isFields } from "../../kubernetes/fields.ts";
import { decodeBase64 } from "../../kubernetes/base64.ts";
import type { ManifestObject } from "../manifests.ts";

/**
 * An object of the API server's as checks read it: without the server's notes on who set which field,
 * and with a Secret's values in `stringData` as they are, since how they are encoded is the server's
 * business.
 *
 * @param declared the object of the manifests that it comes from; findings then name its file
 */
export function observed(object: KubeObject, declared?: ManifestObject): ManifestObject {
  const { apiVersion, kind, metadata } = object;
  const { managedFields: _, ...plain } = metadata;
  return {
    file: declared?.file,
    document: declared?.document ?? 0,
    line: declared?.line ?? 0,
    lines: declared?.lines ?? new Map(),
    ...{ apiVersion, kind, name: metadata.name, namespace: metadata.namespace },
    value: decoded({ ...object, metadata: plain }),
  };
}

function decoded(value: Fields): Fields {
  const { data, ...rest } = value;
  if (value.kind !== "Secret" || !isFields(data)) return value;
  const texts = Object.entries(data).map(([key, text]) => [key, decodeBase64(String(text)) ?? ""]);
  return { ...rest, stringData: Object.fromEntries(texts) };
}
