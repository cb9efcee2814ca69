/**
 * Generates `checks/kubernetes/api_schema.json`: the fields of the kinds that the checks read, from
 * the types of the Kubernetes client. The file has no other source, and a test compares both.
 *
 * Run `deno run -P=test tests/support/api_schema.ts` after an update of the client.
 */

const MODELS = new URL(
  "../../node_modules/@kubernetes/client-node/dist/gen/models/",
  import.meta.url,
);

/** The file that this module generates. */
export const SCHEMA_FILE = new URL("../../checks/kubernetes/api_schema.json", import.meta.url);

/** The kinds by their `apiVersion`, and the names of their types in the client. */
const KINDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  v1: Object.fromEntries([
    "ConfigMap",
    "Endpoints",
    "LimitRange",
    "Namespace",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodTemplate",
    "ReplicationController",
    "ResourceQuota",
    "Secret",
    "Service",
    "ServiceAccount",
  ].map((kind) => [kind, `V1${kind}`])),
  "apps/v1": Object.fromEntries(
    ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"].map((kind) => [kind, `V1${kind}`]),
  ),
  "batch/v1": { CronJob: "V1CronJob", Job: "V1Job" },
  "policy/v1": { PodDisruptionBudget: "V1PodDisruptionBudget" },
  "networking.k8s.io/v1": {
    Ingress: "V1Ingress",
    IngressClass: "V1IngressClass",
    NetworkPolicy: "V1NetworkPolicy",
  },
  "rbac.authorization.k8s.io/v1": Object.fromEntries(
    ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"].map((kind) => [kind, `V1${kind}`]),
  ),
  "autoscaling/v2": { HorizontalPodAutoscaler: "V2HorizontalPodAutoscaler" },
  "scheduling.k8s.io/v1": { PriorityClass: "V1PriorityClass" },
  "storage.k8s.io/v1": { StorageClass: "V1StorageClass" },
};

/** The fields that hold quantities, by type: the client calls them strings. */
const QUANTITIES: Readonly<Record<string, readonly string[]>> = {
  V1ResourceRequirements: ["limits", "requests"],
  V1VolumeResourceRequirements: ["limits", "requests"],
  V1ResourceQuotaSpec: ["hard"],
  V1LimitRangeItem: ["default", "defaultRequest", "max", "maxLimitRequestRatio", "min"],
  V1EmptyDirVolumeSource: ["sizeLimit"],
  V1ResourceFieldSelector: ["divisor"],
  V1PodSpec: ["overhead"],
  V1PersistentVolumeSpec: ["capacity"],
  V2MetricTarget: ["averageValue", "value"],
  V2HPAScalingRules: ["tolerance"],
};

/** The fields that the server sets: any value of them is accepted. */
const SERVERS = ["status", "managedFields"];

/** The codes of simple types. */
const CODES: Readonly<Record<string, string>> = {
  string: "s",
  boolean: "b",
  any: "x",
  object: "x",
  IntOrString: "I",
  V1MicroTime: "s",
  Date: "s",
};

/** The text of the file with the schema. */
export function generateSchema(): string {
  const types = new Map<string, Record<string, string>>();
  for (const kinds of Object.values(KINDS)) {
    for (const type of Object.values(kinds)) addType(type, types);
  }
  const kinds = Object.fromEntries(
    Object.entries(KINDS).flatMap(([version, byKind]) =>
      Object.entries(byKind).map(([kind, type]) => [`${version} ${kind}`, type])
    ),
  );
  const texts = [...types].sort(([a], [b]) => a < b ? -1 : 1).map(([name, fields]) => [
    name,
    Object.entries(fields).map(([field, code]) => `${field}:${code}`).join(" "),
  ]);
  return `${JSON.stringify({ kinds, types: Object.fromEntries(texts) }, null, 2)}\n`;
}

function addType(name: string, types: Map<string, Record<string, string>>): void {
  if (types.has(name)) return;
  const declared = Deno.readTextFileSync(new URL(`${name}.d.ts`, MODELS))
    .replace(/\{\s*\[key: string\]: ([^;]+);\s*\}/g, "{$1}");
  const formats = formatsOf(Deno.readTextFileSync(new URL(`${name}.js`, MODELS)));
  const fields: Record<string, string> = {};
  types.set(name, fields);
  for (const [, field, optional, type] of declared.matchAll(/^ {4}'(.+?)'(\?)?: (.+);$/gm)) {
    // The client appends an underscore to reserved words.
    const key = field!.replace(/^_/, "");
    // The status of a condition that a rule waits for is a text.
    if (SERVERS.includes(key) && !name.endsWith("Pattern")) {
      fields[key] = "x";
      continue;
    }
    const isQuantity = QUANTITIES[name]?.includes(key) === true;
    const code = codeOf(type!, formats.get(key), isQuantity, types);
    fields[key] = `${code}${optional === undefined ? "!" : ""}`;
  }
}

function codeOf(
  type: string,
  format: string | undefined,
  isQuantity: boolean,
  types: Map<string, Record<string, string>>,
): string {
  const list = /^Array<(.+)>$/.exec(type)?.[1];
  if (list !== undefined) return `[${codeOf(list, format, isQuantity, types)}`;
  const map = /^\{(.+)\}$/.exec(type)?.[1];
  if (map !== undefined) return `{${codeOf(map, format, isQuantity, types)}`;
  if (isQuantity) return "q";
  if (type === "number") return { double: "n", int64: "l" }[format ?? ""] ?? "i";
  const code = CODES[type];
  if (code !== undefined) return code;
  addType(type, types);
  return type;
}

function formatsOf(text: string): Map<string, string> {
  const found = text.matchAll(/"baseName": "(.+?)",\s*"type": ".+?",\s*"format": "(.*?)"/g);
  return new Map([...found].map(([, name, format]) => [name!, format!]));
}

if (import.meta.main) Deno.writeTextFileSync(SCHEMA_FILE, generateSchema());
