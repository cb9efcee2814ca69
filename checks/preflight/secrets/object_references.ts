import { shell } from "../../../pipeline/shell.ts";
import type { Finding } from "../../finding.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import {
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../../kubernetes/objects.ts";
import { closestName, closestWord } from "../../kubernetes/spelling.ts";
import type { Workload } from "../../kubernetes/workloads.ts";
import { naming } from "../../list_names.ts";
import { secretReadsOf } from "./secret_references.ts";

/** The kinds of objects, besides Secrets, that a pod needs before it starts. */
export type ReadKind = "ConfigMap" | "PersistentVolumeClaim";

/** An object that a workload's pods need before they start. */
export interface ObjectRead {
  /** The kind of the object. */
  readonly kind: ReadKind;
  /** The name of the object. */
  readonly name: string;
  /** The key of a ConfigMap that becomes a variable or a file; undefined if all keys are read. */
  readonly key?: string | undefined;
  /** The field of the workload that names the object or the key. */
  readonly path: string;
}

/** ConfigMaps that Kubernetes or a service mesh creates in each namespace. */
const PROVIDED = ["kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert"];

/**
 * The ConfigMaps and claims that a workload's pods need, except optional ones, and except names that
 * a tool fills in.
 */
export function objectReadsOf({ spec, specPath, containers }: Workload): ObjectRead[] {
  const map = (value: unknown, path: string, isWhole = false): ObjectRead[] => {
    if (!isFields(value) || value.optional === true) return [];
    const read = { kind: "ConfigMap" as const, name: textOf(value.name) ?? "", path };
    const items = isWhole ? [] : listOf(value.items);
    if (items.length === 0) return [{ ...read, key: textOf(value.key) }];
    return items.map(({ key }, i) => ({ ...read, key: textOf(key), path: `${path}.items[${i}]` }));
  };
  const variables = containers.flatMap(({ env, fields, path }) => [
    ...env.flatMap((each) =>
      map(each.valueFrom?.configMapKeyRef, `${each.path}.valueFrom.configMapKeyRef`)
    ),
    ...listOf(fields.envFrom).flatMap(({ configMapRef }, i) =>
      map(configMapRef, `${path}.envFrom[${i}].configMapRef`)
    ),
  ]);
  const volumes = listOf(spec.volumes).flatMap((volume, i): ObjectRead[] => {
    const path = `${specPath}.volumes[${i}]`;
    const { configMap, projected, persistentVolumeClaim: claim } = volume;
    const sources = isFields(projected) ? listOf(projected.sources) : [];
    return [
      // The check manifests-readable judges the keys of such a volume.
      ...map(configMap, `${path}.configMap`, true),
      ...sources.flatMap((each, j) =>
        map(each.configMap, `${path}.projected.sources[${j}].configMap`)
      ),
      ...(isFields(claim)
        ? [{
          kind: "PersistentVolumeClaim" as const,
          name: textOf(claim.claimName) ?? "",
          path: `${path}.persistentVolumeClaim.claimName`,
        }]
        : []),
    ];
  });
  return [...variables, ...volumes].filter(({ name }) =>
    name !== "" && !/\{\{|\$[({]/.test(name) && !PROVIDED.includes(name)
  );
}

/** An object that a workload needs, and that does not exist. */
export interface AbsentObject {
  /** The kind of the object. */
  readonly kind: ReadKind;
  /** The name of the object. */
  readonly name: string;
  /** The namespace of the object. */
  readonly namespace: string;
  /** The workload that needs the object. */
  readonly reader: ManifestObject;
}

/** Judges whether the ConfigMaps and claims that a workload needs exist, with the keys. */
export function judgeObjectReads(
  workload: Workload,
  objects: readonly ManifestObject[],
  reads: readonly ObjectRead[] = objectReadsOf(workload),
): { readonly findings: readonly Finding[]; readonly absent: readonly AbsentObject[] } {
  const { object: reader } = workload;
  const namespace = namespaceOf(reader);
  const findings: Finding[] = [];
  const absent: AbsentObject[] = [];
  for (const { kind, name, key, path } of reads) {
    const object = ofKind(objects, kind, namespace).find((each) => each.name === name);
    if (object === undefined) absent.push({ kind, name, namespace, reader });
    else if (key !== undefined) {
      const { data, binaryData } = object.value;
      const keys = [data, binaryData].flatMap((each) => isFields(each) ? Object.keys(each) : []);
      if (!keys.includes(key)) findings.push(noKey(reader, path, object, { key, keys }));
    }
  }
  return { findings, absent };
}

/** Returns one finding for each object that does not exist, with all workloads that need the object. */
export function missingObjects(
  absent: readonly AbsentObject[],
  objects: readonly ManifestObject[],
): Finding[] {
  const groups = Map.groupBy(
    absent,
    ({ kind, namespace, name }) => `${kind} ${namespace}/${name}`,
  );
  return [...groups].map(([id, all]): Finding => {
    const { kind, namespace, name } = all[0]!;
    const readers = [...new Set(all.map(({ reader }) => objectId(reader)))];
    const isMap = kind === "ConfigMap";
    const meant = closestName(name, ofKind(objects, kind, namespace).map((each) => each.name));
    const words = (otherwise: string) =>
      meant === undefined
        ? `${otherwise[0]!.toUpperCase()}${otherwise.slice(1)}`
        : `Write ${meant}. If ${name} is right, ${otherwise}`;
    return {
      severity: "fail",
      object: id,
      problem: `the ${kind} does not exist, and ${naming(readers)} ${
        readers.length === 1 ? "needs" : "need"
      } it${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      why: isMap
        ? "the pod stays in CreateContainerConfigError, or in ContainerCreating"
        : "the pod stays pending, because the scheduler waits for the claim",
      ...(isMap
        ? {
          fix: words("declare it in the manifests, or create it: ") +
            shell`kubectl -n ${namespace} create configmap ${name} --from-file=<file>`,
          fixInFiles: words("declare it in the manifests."),
        }
        : { fix: words("declare the claim in the manifests, or correct claimName.") }),
    };
  });
}

/**
 * Warns about names that can be misspelled: the manifests do not declare an object with the name, and
 * declare an object with a similar name that no workload reads.
 */
export function misspelledNames(
  workloads: readonly Workload[],
  objects: readonly ManifestObject[],
): Finding[] {
  const reads = [
    ...workloads.flatMap((workload) =>
      [
        ...objectReadsOf(workload),
        ...secretReadsOf(workload).filter(({ optional }) => !optional)
          .map(({ secret, path }) => ({ kind: "Secret", name: secret, path })),
        ...pullSecretsIn(workload.spec, `${workload.specPath}.`),
      ].map((each) => ({ ...each, object: workload.object }))
    ),
    ...ofKind(objects, "ServiceAccount").flatMap((object) =>
      pullSecretsIn(object.value).map((each) => ({ ...each, object }))
    ),
  ];
  const idOf = (kind: string, name: string, namespace: string) => `${kind} ${namespace}/${name}`;
  const read = new Set(
    reads.map(({ kind, name, object }) => idOf(kind, name, namespaceOf(object))),
  );
  const declared = new Set(objects.map((each) => idOf(each.kind, each.name, namespaceOf(each))));
  const unread = Map.groupBy(
    objects.filter((each) => !read.has(idOf(each.kind, each.name, namespaceOf(each)))),
    (each) => idOf(each.kind, "", namespaceOf(each)),
  );
  const found = reads.flatMap(({ kind, name, path, object }): Finding[] => {
    const isPull = path.includes("imagePullSecrets");
    const namespace = namespaceOf(object);
    if (declared.has(idOf(kind, name, namespace))) return [];
    const others = unread.get(idOf(kind, "", namespace)) ?? [];
    const meant = closestName(name, others.map((each) => each.name));
    if (meant === undefined) return [];
    return [{
      severity: "warn",
      ...placeOf(object, path),
      problem: `the manifests have no ${kind} ${name}; did you mean ${meant}?`,
      why: `no workload reads ${kind} ${meant}, and ${
        isPull ? "a node pulls the image without a login" : "a pod does not start"
      } if ${name} does not exist`,
      fix: `Write ${meant}, or check that the cluster has ${kind} ${name}.`,
    }];
  });
  const ids = found.map(({ object, problem }) => `${object} ${problem}`);
  return found.filter((_, i) => ids.indexOf(ids[i]!) === i);
}

/** The Secrets with logins of registries that a pod or a service account names. */
function pullSecretsIn(
  fields: Fields,
  prefix = "",
): { kind: string; name: string; path: string }[] {
  return listOf(fields.imagePullSecrets).flatMap(({ name }, i) => {
    const text = textOf(name) ?? "";
    const path = `${prefix}imagePullSecrets[${i}].name`;
    return text === "" || /\{\{|\$[({]/.test(text) ? [] : [{ kind: "Secret", name: text, path }];
  });
}

function noKey(
  reader: ManifestObject,
  path: string,
  object: ManifestObject,
  { key, keys }: { readonly key: string; readonly keys: readonly string[] },
): Finding {
  const meant = closestWord(key, keys);
  return {
    severity: "fail",
    ...placeOf(reader, path),
    problem: `${objectId(object)} has no key ${key}; it has ${keys.join(", ") || "none"}`,
    why: "the pod stays in CreateContainerConfigError, or in ContainerCreating",
    fix: meant === undefined ? "Correct the name, or add the key." : `Write ${meant}.`,
  };
}
