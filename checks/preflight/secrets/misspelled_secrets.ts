import { DATABASE_KEYS, LAKE_KEYS, type Project } from "../../../pipeline/contract/project.ts";
import type { Finding } from "../../finding.ts";
import { type ManifestObject, namespaceOf, placeOf } from "../../kubernetes/objects.ts";
import { isSlip } from "../../kubernetes/spelling.ts";
import type { AbsentSecret, SecretRead } from "./secret_references.ts";

/** A key of a Secret that an object reads. */
export interface ReadBy extends Pick<SecretRead, "secret" | "key"> {
  /** The object that reads the key. */
  readonly reader: ManifestObject;
}

/**
 * Finds the misspelled names of the two Secrets of the pipeline and of their keys, where neither the
 * manifests nor a cluster has the Secret. A name that all of a job reads can be another Secret if
 * another job reads the Secret of the project, so it is only a warning.
 *
 * @param absent the reads of Secrets that are not known
 * @param reads all reads of the workloads
 */
export function misspelledSecrets(
  absent: readonly AbsentSecret[],
  reads: readonly ReadBy[],
  project: Project,
): Finding[] {
  const groups = [["database", DATABASE_KEYS], ["lake", LAKE_KEYS]] as const;
  const own = groups.map(([group]) => project[group].secret);
  const found = absent.flatMap(({ name, namespace, key, path, reader }): Finding[] => {
    if (namespace !== project.jobs.namespace) return [];
    return groups.flatMap(([group, keys]): Finding[] => {
      const { secret } = project[group];
      const meantKey = keys.find((each) => key !== undefined && isSlip(key, each));
      const isKey = keys.some((each) => each === key) || meantKey !== undefined;
      const place = placeOf(reader, path);
      const why = "the pod stays in CreateContainerConfigError, or in ContainerCreating";
      const field = `${group}.secret of ${project.file ?? "the default project"}`;
      if (name === secret && meantKey !== undefined) {
        return [{
          severity: "fail",
          ...place,
          problem: `${secret}, which is ${field}, has no key ${key}; did you mean ${meantKey}?`,
          why,
          fix: `Write ${meantKey}.`,
        }];
      }
      if (own.includes(name) || !isSlip(name, secret) || key !== undefined && !isKey) return [];
      const readers = reads.filter((each) =>
        each.secret === secret && namespaceOf(each.reader) === namespace
      );
      const beside = readers.filter((each) => each.reader === reader);
      const isSure = readers.length === 0 ||
        beside.length > 0 && beside.every((each) => each.key !== key);
      const setting = JSON.stringify({ [group]: { secret: name } });
      return [{
        severity: isSure ? "fail" : "warn",
        ...place,
        problem: `the manifests have no Secret ${name}; did you mean ${secret}, which is ${field}?`,
        why,
        fix: `Write ${secret}. If ${name} is right, set in ${
          project.file ?? "a project file, deep-storage.json"
        }: ${setting}`,
      }];
    });
  });
  // All of a workload's references to a Secret have the same problem.
  const ids = found.map(({ object, problem }) => `${object} ${problem}`);
  return found.filter((_, i) => ids.indexOf(ids[i]!) === i);
}
