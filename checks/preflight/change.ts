// @ts-types="yaml"
import { stringify } from "yaml/esm";
import { shell } from "../../pipeline/shell.ts";
import type { Fix } from "../finding.ts";
import { type Fields, valueAt } from "../kubernetes/fields.ts";
import type { ManifestObject } from "../kubernetes/objects.ts";

// A change of objects has two forms: a command for the cluster, and words with YAML for people who
// change files, for example in a pull request.

/** An object that a fix changes. */
export interface Changed {
  /** The kind, as in `NetworkPolicy`. */
  readonly kind: string;
  /** The namespace. */
  readonly namespace: string;
  /** The name, as in `allow-dns`. */
  readonly name: string;
  /** The file and line of the declaration, as in `policies.yaml:12`. */
  readonly where?: string | undefined;
  /** The object as the API server stores it; needed only for steps in an item of a list. */
  readonly value?: Fields;
}

/** One step of a JSON patch (RFC 6902). */
export interface PatchStep {
  /** The operation. */
  readonly op: "add" | "replace" | "remove";
  /** The field, as in `spec.egress[0].to[1]`; `[-]` appends to a list. */
  readonly path: string;
  /** The new value of the field. */
  readonly value?: unknown;
}

/** Returns an object of the manifests as the object of a change. */
export function changedObject(
  { kind, namespace = "default", name, file, line }: ManifestObject,
): Changed {
  return { kind, namespace, name, where: file === undefined ? undefined : `${file}:${line}` };
}

/**
 * Returns the fix that changes fields of an object. Another change can have moved the items of a list,
 * so the patch first tests the items that it changes: if one is not as expected, the API server refuses
 * the whole patch. People who change files are shown the items.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { patchObject } from "./change.ts";
 * const policy = { kind: "NetworkPolicy", namespace: "jobs", name: "a", where: "a.yaml:1" };
 * const value = { spec: { egress: [{}] } };
 * assertEquals(patchObject({ ...policy, value }, { op: "remove", path: "spec.egress[0]" }), {
 *   fix: "kubectl -n jobs patch networkpolicy a --type=json -p " +
 *     `'[{"op":"test","path":"/spec/egress/0","value":{}},{"op":"remove","path":"/spec/egress/0"}]'`,
 *   fixInFiles: "In NetworkPolicy jobs/a (a.yaml:1), find spec.egress[0]:\n- {}\n\n" +
 *     "Then remove spec.egress[0].",
 * });
 * ```
 */
export function patchObject(object: Changed, ...steps: readonly PatchStep[]): Fix {
  const { kind, namespace, name } = object;
  const items = [...new Set(steps.flatMap(({ path }) => /^.*?\[\d+\]/.exec(path)?.[0] ?? []))]
    .map((path) => ({ op: "test", path, value: valueAt(object.value ?? {}, path) }) as const);
  const patch = [...items, ...steps].map(({ op, path, value }) => (
    { op, path: pointer(path), ...(value === undefined ? {} : { value }) }
  ));
  const place = `In ${nameOf(object)}, `;
  const shown = items.map(({ path, value }) => `${place}find ${path}:\n${yaml([value])}`);
  return {
    fix: shell`kubectl -n ${namespace} patch ${kind.toLowerCase()} ${name} --type=json ` +
      shell`-p ${JSON.stringify(patch)}`,
    fixInFiles: [
      ...shown,
      ...steps.map((step) => (shown.length > 0 ? "Then " : place) + inFile(step)),
    ].join("\n\n"),
  };
}

/** Returns the words that set fields of an object in its file. */
export function setInFile(object: Changed, path: string, fields: Fields): string {
  return `In ${nameOf(object)}, set in ${path}:\n${yaml(fields)}`;
}

/** Returns the fix that deletes an object. */
export function deleteObject(object: Changed): Fix {
  const { kind, namespace, name } = object;
  return {
    fix: shell`kubectl -n ${namespace} delete ${kind.toLowerCase()} ${name}`,
    fixInFiles: `Remove ${nameOf(object)}.`,
  };
}

/**
 * Returns the fix that creates objects. The command never replaces an object of the same name. It has
 * no `echo`, because the echo of some shells changes the backslashes of JSON.
 *
 * @param command the command, if a shorter one can create the objects
 */
export function createObjects(
  objects: readonly Fields[],
  command = objects.map((each) =>
    shell`printf ${"%s\\n"} ${JSON.stringify(each)} | kubectl create -f -`
  )
    .join(" && "),
): Fix {
  return {
    fix: command,
    fixInFiles: "Add to the manifests, in a new file or below a line ---:\n" +
      objects.map(yaml).join("\n---\n"),
  };
}

/** Puts words before both forms of a fix. */
export function explained(before: string, { fix, fixInFiles, opens }: Fix): Fix {
  return {
    fix: before + fix,
    ...(fixInFiles === undefined ? {} : { fixInFiles: before + fixInFiles }),
    ...(opens === undefined ? {} : { opens }),
  };
}

function nameOf({ kind, namespace, name, where }: Changed): string {
  const object = kind === "Namespace" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
  return where === undefined ? object : `${object} (${where})`;
}

function inFile({ op, path, value }: PatchStep): string {
  if (op === "remove") return `remove ${path}.`;
  // An item of a list is shown with its hyphen, and another field with its key.
  const [, outer = "", key = ""] = /^(.*)(\[(?:\d+|-)\]|\.\w+)$/.exec(path) ?? [];
  const shown = yaml(key.startsWith("[") ? [value] : { [key.slice(1)]: value });
  return op === "replace"
    ? `replace ${path} with these lines, indented as the old ones:\n${shown}`
    : key === "[-]"
    ? `append to ${outer}:\n${shown}`
    : `set in ${outer}:\n${shown}`;
}

/** Writes YAML as kubectl reads it, which follows YAML 1.1. */
function yaml(value: unknown): string {
  return stringify(value, { version: "1.1", lineWidth: 0 }).trimEnd();
}

/** Converts the path of a field to a JSON pointer (RFC 6901). */
function pointer(path: string): string {
  return `/${path.replaceAll(/\[(\d+|-)\]/g, ".$1").replaceAll(".", "/")}`;
}
