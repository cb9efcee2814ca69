import type { Project } from "../../../pipeline/contract/project.ts";
import type { Finding } from "../../finding.ts";
import {
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import type { Container, Workload } from "../../kubernetes/workloads.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { closestName, closestWord } from "../../kubernetes/spelling.ts";
import { storing } from "./secret_values.ts";

/** A key of a Secret that a workload reads. */
export interface SecretRead {
  /** The Secret's name. */
  readonly secret: string;
  /** The key; undefined if all keys are read. */
  readonly key: string | undefined;
  /** The field of the workload that names the key, as in `spec.volumes[0].secret.items[0]`. */
  readonly path: string;
  /** True if the pods start without the key. */
  readonly optional: boolean;
  /** True if the key becomes a variable; otherwise it becomes a file. */
  readonly variable: boolean;
}

/** The keys of Secrets that a workload's pods read. */
export function secretReadsOf({ spec, specPath, containers }: Workload): SecretRead[] {
  const volumes = listOf(spec.volumes).flatMap((volume, i) => {
    const path = `${specPath}.volumes[${i}]`;
    const projected = isFields(volume.projected) ? listOf(volume.projected.sources) : [];
    return [
      ...ofVolume(volume.secret, "secretName", `${path}.secret`),
      ...projected.flatMap(({ secret }, j) =>
        ofVolume(secret, "name", `${path}.projected.sources[${j}].secret`)
      ),
    ];
  });
  const variables = containers.flatMap(ofContainer).map((each) => ({ ...each, variable: true }));
  return [...variables, ...volumes];
}

function ofContainer({ env, fields, path }: Container): SecretRead[] {
  const single = env.flatMap((variable) =>
    reference(variable.valueFrom?.secretKeyRef, `${variable.path}.valueFrom.secretKeyRef`)
  );
  const whole = listOf(fields.envFrom).flatMap(({ secretRef }, i) =>
    reference(secretRef, `${path}.envFrom[${i}].secretRef`)
  );
  return [...single, ...whole];
}

function reference(value: unknown, path: string): SecretRead[] {
  if (!isFields(value)) return [];
  return [read(textOf(value.name), textOf(value.key), path, value)];
}

function ofVolume(value: unknown, nameField: string, path: string): SecretRead[] {
  if (!isFields(value)) return [];
  const items = listOf(value.items);
  const name = textOf(value[nameField]);
  if (items.length === 0) return [read(name, undefined, path, value)];
  return items.map((item, i) => read(name, textOf(item.key), `${path}.items[${i}]`, value));
}

function read(
  name: string | undefined,
  key: string | undefined,
  path: string,
  { optional }: Fields,
): SecretRead {
  return { secret: name ?? "", key, path, optional: optional === true, variable: false };
}

/** The keys in `data` and `stringData` of a Secret or ConfigMap. */
export function keysOf({ value: { data, stringData } }: ManifestObject): string[] {
  return [data, stringData].flatMap((each) => isFields(each) ? Object.keys(each) : []);
}

/** The keys of a Secret that become variables of workloads. */
export function variablesOf(secret: ManifestObject, workloads: readonly Workload[]): string[] {
  const readers = workloads.filter(({ object }) => namespaceOf(object) === namespaceOf(secret));
  const reads = readers.flatMap(secretReadsOf)
    .filter((each) => each.variable && each.secret === secret.name);
  return keysOf(secret).filter((own) => reads.some(({ key }) => key === undefined || key === own));
}

/**
 * The keys of a Secret that are only files: names that no variable can have, as in `ca.crt`, and keys
 * of a Secret that workloads mount and do not read as variables. A file often ends with a newline.
 */
export function fileKeysOf(secret: ManifestObject, workloads: readonly Workload[]): string[] {
  const variables = variablesOf(secret, workloads);
  const isMounted = mountsOf(secret, workloads).length > 0;
  return keysOf(secret).filter((key) =>
    !variables.includes(key) && (isMounted || !/^[A-Za-z_]\w*$/.test(key))
  );
}

function mountsOf(secret: ManifestObject, workloads: readonly Workload[]): SecretRead[] {
  return workloads.filter(({ object }) => namespaceOf(object) === namespaceOf(secret))
    .flatMap(secretReadsOf).filter((each) => !each.variable && each.secret === secret.name);
}

/** The keys of a Secret that workloads mount, and do not read as variables. */
export function mountedKeysOf(secret: ManifestObject, workloads: readonly Workload[]): string[] {
  const variables = variablesOf(secret, workloads);
  const mounts = mountsOf(secret, workloads);
  return keysOf(secret).filter((own) =>
    !variables.includes(own) && mounts.some(({ key }) => key === undefined || key === own)
  );
}

/** A Secret that a workload reads, and that does not exist. */
export interface AbsentSecret {
  /** The name of the Secret. */
  readonly name: string;
  /** The namespace of the Secret. */
  readonly namespace: string;
  /** The key that is read; undefined if all keys are read. */
  readonly key: string | undefined;
  /** The field of the workload that names the Secret or the key. */
  readonly path: string;
  /** The workload that reads the Secret. */
  readonly reader: ManifestObject;
}

/** Judges whether the keys that a workload reads exist. */
export function judgeReads(
  workload: Workload,
  objects: readonly ManifestObject[],
  project: Project,
  reads: readonly SecretRead[] = secretReadsOf(workload),
): { readonly findings: readonly Finding[]; readonly absent: readonly AbsentSecret[] } {
  const { object: reader } = workload;
  const namespace = namespaceOf(reader);
  const findings: Finding[] = [];
  const absent: AbsentSecret[] = [];
  for (const { secret: name, key, path, optional } of reads) {
    if (optional) continue;
    const all = ofKind(objects, "Secret").filter((each) => each.name === name);
    const secret = all.find((each) => namespaceOf(each) === namespace);
    const place = placeOf(reader, path);
    if (secret === undefined && all.length > 0) {
      findings.push(wrongNamespaceFinding(place, all[0]!, namespace));
    } else if (secret === undefined) absent.push({ name, namespace, key, path, reader });
    else if (key !== undefined && !keysOf(secret).includes(key)) {
      findings.push(noKey(place, secret, key, project));
    }
  }
  return { findings, absent };
}

/** Returns one finding for each Secret that does not exist, with all workloads that read it. */
export function missingSecrets(
  absent: readonly AbsentSecret[],
  objects: readonly ManifestObject[],
  project: Project,
): Finding[] {
  const groups = Map.groupBy(absent, ({ namespace, name }) => `${namespace}/${name}`);
  return [...groups].map(([id, all]): Finding => {
    const keys = [...new Set(all.flatMap(({ key }) => key ?? []))];
    const readers = [...new Set(all.map(({ reader }) => objectId(reader)))];
    const { name, namespace } = all[0]!;
    const meant = closestName(name, ofKind(objects, "Secret", namespace).map((each) => each.name));
    const way = storing(all[0]!, keys.length === 0 ? ["<key>"] : keys, project);
    return {
      severity: "fail",
      object: `Secret ${id}`,
      problem: `the Secret does not exist, and ${naming(readers)} ${
        readers.length === 1 ? "reads" : "read"
      } ${keys.length === 0 ? "all of it" : naming(keys)}${
        meant === undefined ? "" : `; did you mean ${meant}?`
      }`,
      why: "the pod stays in CreateContainerConfigError, or in ContainerCreating",
      fix: meant === undefined
        ? `Store the Secret ${way}`
        : `Write ${meant}. If ${name} is right, store the Secret ${way}`,
    };
  });
}

function wrongNamespaceFinding(
  place: ReturnType<typeof placeOf>,
  secret: ManifestObject,
  namespace: string,
): Finding {
  return {
    severity: "fail",
    ...place,
    problem: `${objectId(secret)} is in a different namespace than the pods that read it`,
    why: "a pod can read only the Secrets of its own namespace, so it never starts",
    fix: `Set the namespace of the Secret: metadata.namespace: ${namespace}`,
  };
}

function noKey(
  place: ReturnType<typeof placeOf>,
  secret: ManifestObject,
  key: string,
  project: Project,
): Finding {
  const keys = keysOf(secret);
  const meant = closestWord(key, keys);
  const read = meant === undefined ? "read an existing key" : `read ${meant}`;
  return {
    severity: "fail",
    ...place,
    problem: `${objectId(secret)} has no key ${key}; it has ${keys.join(", ") || "none"}`,
    why: "the pod stays in CreateContainerConfigError, or in ContainerCreating",
    fix: secret.file === undefined
      ? `R${read.slice(1)}, or store the key ${storing(secret, [key], project)}`
      : `Add ${key} to stringData of the Secret, or ${read}.`,
  };
}
