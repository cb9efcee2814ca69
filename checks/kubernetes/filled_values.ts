import { type Fields, fieldsIn } from "./fields.ts";
import type { ManifestObject } from "./objects.ts";

/** Values that SOPS or Ansible encrypted, or that refer to a vault. */
const REFERENCE =
  /^(ENC\[AES256_GCM,.*\]|\$ANSIBLE_VAULT;.*|ref\+[\w+]+:\/\/.+|vault:[^\s]+#.+|<path:[^>]+>|op:\/\/.+)$/s;

/** Returns whether a tool replaces a value before the object is applied. */
export function isFilledValue(value: unknown): boolean {
  return typeof value === "string" && REFERENCE.test(value.trim());
}

/**
 * Returns whether a tool replaces the values of a Secret before it is applied: SOPS decrypts them,
 * and others look them up in a vault.
 */
export function isFilledByTool({ value }: { readonly value: Fields }): boolean {
  if (isEncryptedFile(value)) return true;
  const annotations = Object.keys(fieldsIn(fieldsIn(value.metadata).annotations));
  if (annotations.some((name) => name.startsWith("avp.kubernetes.io/"))) return true;
  return [value.data, value.stringData].flatMap((each) => Object.values(fieldsIn(each)))
    .some(isFilledValue);
}

/** The objects with values that a tool fills in: the API server must not get them as they are. */
export function filledByTools<T extends ManifestObject>(objects: readonly T[]): T[] {
  return objects.filter((each) =>
    isEncryptedFile(each.value) || each.kind === "Secret" && isFilledByTool(each)
  );
}

/** Returns whether SOPS encrypted the file of an object. SOPS removes its field `sops` again. */
export function isEncryptedFile({ sops }: Fields): boolean {
  return typeof sops === "object" && sops !== null && !Array.isArray(sops);
}

/** The object as SOPS restores it: without the field `sops`. */
export function withoutEncryption(value: Fields): Fields {
  if (!isEncryptedFile(value)) return value;
  const { sops: _, ...rest } = value;
  return rest;
}
