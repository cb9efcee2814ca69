import type { ManifestObject } from "../facts/manifests.ts";
import { type Fields, isFields } from "./fields.ts";

/**
 * What an object of a cluster would be once its manifest is applied, where the API server may not be
 * asked: the manifest's fields, and those that only the cluster has. It is as good as that can be
 * without the server: whether a field would be removed, only the server knows.
 */
export function merged(live: ManifestObject, manifest: ManifestObject): ManifestObject {
  return { ...manifest, value: mergedFields(live.value, manifest.value) };
}

/** Lists are taken as a whole, as those of NetworkPolicies and Roles are. */
function mergedFields(live: Fields, manifest: Fields): Fields {
  const all: Record<string, unknown> = { ...live };
  for (const [name, value] of Object.entries(manifest)) {
    const before = live[name];
    all[name] = isFields(value) && isFields(before) ? mergedFields(before, value) : value;
  }
  return all;
}
