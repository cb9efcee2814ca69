import type { ClusterOpened } from "../../../checks/facts/cluster.ts";
import { type ManifestObject, objectId } from "../../../checks/kubernetes/objects.ts";
import { type ManifestsFact, readFile } from "../../../checks/facts/manifests.ts";
import { assert } from "../../support/assert.ts";
import { documentsOf, FILES } from "./manifests.ts";

// The healthy manifests as one text, and a cluster that has the objects of such a text.

/** Our manifests with one of the two Jobs, which is the last object. */
export const MANIFESTS = Object.keys(FILES).filter((file) => /^\d\d-/.test(file))
  .flatMap(documentsOf).join("---");

/** The objects of a text. */
export function objectsIn(yaml: string): readonly ManifestObject[] {
  return readFile("a.yaml", yaml).objects;
}

/** A text as the fact about a directory. */
export function manifestsFact(yaml: string = MANIFESTS): ManifestsFact {
  return { directory: "manifests", files: 1, ...readFile("a.yaml", yaml) };
}

/** A cluster with the objects of a text, and a user without permission for the dry run. */
export function clusterWith(
  live: string,
  changes: Partial<ClusterOpened> = {},
  manifests: string = MANIFESTS,
): ClusterOpened {
  return {
    opened: true,
    name: "kind at https://127.0.0.1:6443",
    version: "v1.34.2",
    namespace: "default",
    unread: [],
    objects: objectsIn(live).map((object) => ({ ...object, file: undefined })),
    trials: objectsIn(manifests).map((object) => ({ object })),
    ...changes,
  };
}

/** The same text with one thing changed. */
export function edited(from: string, to: string, yaml: string = MANIFESTS): string {
  assert(yaml.includes(from), `there is no ${from}`);
  return yaml.replace(from, () => to);
}

/** The text without one of its objects, as in `NetworkPolicy analytics-jobs/deny`. */
export function without(id: string, yaml: string = MANIFESTS): string {
  const documents = yaml.split("\n---\n");
  const rest = documents.filter((text) =>
    objectsIn(text).every((object) => objectId(object) !== id)
  );
  assert(rest.length === documents.length - 1, `there is no ${id}`);
  return rest.join("\n---\n");
}
