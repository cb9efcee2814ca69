import { type Fields, isFields } from "./fields.ts";
import { decodeBase64 } from "./base64.ts";

/** Looks for an object by kind, namespace and name. */
export type Lookup = (kind: string, namespace: string, name: string) => Fields | undefined;

/** The variables that a pod's containers declare, and their values where the manifests have them. */
export interface Environment {
  /** The variables' names. */
  readonly names: ReadonlySet<string>;
  /**
   * What the manifests say a variable is. It may come from a Secret: use it to find out where
   * something is, and never print it.
   */
  readonly value: (name: string) => string | undefined;
}

/** Reads the environment of a pod's containers; of several values of one name the last wins. */
export function environmentOf(
  containers: readonly Fields[],
  namespace: string,
  lookup: Lookup,
): Environment {
  const values = new Map<string, string | undefined>();
  for (const { env, envFrom } of containers) {
    for (const each of listOf(envFrom)) {
      const prefix = typeof each.prefix === "string" ? each.prefix : "";
      for (const [ref, kind] of SOURCES) {
        const source = each[`${ref}Ref`];
        if (!isFields(source)) continue;
        for (const [key, value] of dataOf(lookup(kind, namespace, String(source.name)))) {
          values.set(prefix + key, value);
        }
      }
    }
    for (const each of listOf(env)) {
      if (typeof each.name === "string") values.set(each.name, valueOf(each, namespace, lookup));
    }
  }
  return { names: new Set(values.keys()), value: (name) => values.get(name) };
}

/** The items of a list that are objects. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** What a ConfigMap or a Secret holds, decoded. */
export function dataOf(object: Fields | undefined): Map<string, string> {
  const texts = new Map<string, string>();
  const put = (fields: unknown, decode: (text: string) => string) => {
    for (const [key, value] of Object.entries(isFields(fields) ? fields : {})) {
      if (typeof value === "string") texts.set(key, decode(value));
    }
  };
  // What is no base64 is told by secret-escaping.
  const decoded = (text: string) => decodeBase64(text.trim()) ?? "";
  put(object?.data, object?.kind === "Secret" ? decoded : (text) => text);
  put(object?.stringData, (text) => text);
  return texts;
}

const SOURCES = [["configMap", "ConfigMap"], ["secret", "Secret"]] as const;

function valueOf(variable: Fields, namespace: string, lookup: Lookup): string | undefined {
  if (typeof variable.value === "string") return variable.value;
  const from = isFields(variable.valueFrom) ? variable.valueFrom : {};
  for (const [ref, kind] of SOURCES) {
    const source = from[`${ref}KeyRef`];
    if (!isFields(source)) continue;
    return dataOf(lookup(kind, namespace, String(source.name))).get(String(source.key));
  }
  return undefined;
}
