import type { WrongField } from "./api_types.ts";
import { type Fields, fieldsIn, textOf } from "./fields.ts";

/** The keys that a Secret needs, by its type. One key of each list is enough. */
const REQUIRED: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "kubernetes.io/dockerconfigjson": [[".dockerconfigjson"]],
  "kubernetes.io/dockercfg": [[".dockercfg"]],
  "kubernetes.io/tls": [["tls.crt"], ["tls.key"]],
  "kubernetes.io/basic-auth": [["username", "password"]],
  "kubernetes.io/ssh-auth": [["ssh-privatekey"]],
};

/** The keys that the API server requires for the type of a Secret, and that the Secret lacks. */
export function missingSecretKeys({ kind, type, data, stringData }: Fields): WrongField[] {
  if (kind !== "Secret") return [];
  const keys = [...Object.keys(fieldsIn(data)), ...Object.keys(fieldsIn(stringData))];
  return (REQUIRED[textOf(type) ?? ""] ?? []).filter((each) =>
    !each.some((key) => keys.includes(key))
  ).map((each) => ({
    path: "type",
    problem: `a Secret of type ${textOf(type)} needs the key ${each.join(" or ")}`,
    fix: `Add ${each[0]}, or write type: Opaque`,
  }));
}
