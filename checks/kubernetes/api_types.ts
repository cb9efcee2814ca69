import apiSchema from "./api_schema.json" with { type: "json" };
import { child, entryOf, type Fields, isFields, kindOf, typeNameOf } from "./fields.ts";
import { parseQuantity } from "./quantities.ts";
import { wrongLabels, wrongRequirement } from "./label_rules.ts";
import { closestWord } from "./spelling.ts";
import type { Sources } from "./yaml.ts";

/** A field that the API server refuses, with its correction. */
export interface WrongField {
  /** The field, as in `spec.containers[0].env[6].value`. */
  readonly path: string;
  /** The problem, as in `value must be a string, but is 5432`. */
  readonly problem: string;
  /** The correction. */
  readonly fix: string;
  /** True if the field is required, but missing. */
  readonly isMissing?: true;
  /** The effect of the problem. The default is that every API server refuses the object. */
  readonly why?: string;
  /** True if a version of the operator that is not known here can have the field. */
  readonly isUncertain?: true;
}

/** The fields of types, each with a code; see {@linkcode ofType}. */
export type Types = Readonly<Record<string, string>>;

/**
 * Required fields in the schema that the API server sets, or that may be empty, so that manifests
 * can omit them.
 */
const OMITTED = new Set([
  "V1RoleRef.apiGroup",
  "V1HTTPHeader.value",
  "V1Sysctl.value",
  "V1PodFailurePolicy.rules",
  "V1PodFailurePolicyOnPodConditionsPattern.status",
  "V1LimitRangeSpec.limits",
  "V1PodSpec.containers",
  "V1ReplicationControllerSpec.selector",
]);

/** The fields whose values are known, by type. */
const VALUES: Readonly<Record<string, string>> = {
  "V1PodSpec.restartPolicy": "Always OnFailure Never",
  "V1PodSpec.dnsPolicy": "ClusterFirst ClusterFirstWithHostNet Default None",
  "V1Container.imagePullPolicy": "Always IfNotPresent Never",
  "V1Container.terminationMessagePolicy": "File FallbackToLogsOnError",
  "V1ContainerPort.protocol": "TCP UDP SCTP",
  "V1ServicePort.protocol": "TCP UDP SCTP",
  "V1ServiceSpec.type": "ClusterIP ExternalName LoadBalancer NodePort",
  "V1CronJobSpec.concurrencyPolicy": "Allow Forbid Replace",
  "V1JobSpec.completionMode": "Indexed NonIndexed",
  "V1JobSpec.podReplacementPolicy": "Failed TerminatingOrFailed",
  "V1PodFailurePolicyRule.action": "Count FailIndex FailJob Ignore",
  "V1PodFailurePolicyOnExitCodesRequirement.operator": "In NotIn",
  "V1Toleration.operator": "Equal Exists Gt Lt",
  "V1Toleration.effect": "NoExecute NoSchedule PreferNoSchedule",
  "V1LabelSelectorRequirement.operator": "DoesNotExist Exists In NotIn",
  "V1NodeSelectorRequirement.operator": "DoesNotExist Exists Gt In Lt NotIn",
  "V1DeploymentStrategy.type": "Recreate RollingUpdate",
  "V1StatefulSetSpec.podManagementPolicy": "OrderedReady Parallel",
  "V1SeccompProfile.type": "Localhost RuntimeDefault Unconfined",
  "RbacV1Subject.kind": "Group ServiceAccount User",
  "V1RoleRef.kind": "ClusterRole Role",
  "V1RoleRef.apiGroup": "rbac.authorization.k8s.io",
  "KubeflowSpec.type": "Java Python R Scala",
  "KubeflowSpec.mode": "client cluster in-cluster-client",
  "KubeflowSpec.pythonVersion": "2 3",
  "KubeflowRestart.type": "Always Never OnFailure",
  "KubeflowScheduleSpec.concurrencyPolicy": "Allow Forbid Replace",
  "ApacheRestart.restartPolicy": "Always Never OnFailure OnInfrastructureFailure",
  "ApacheTolerations.resourceRetainPolicy": "Always Never OnFailure",
};

/** The fields that the API server requires, and the schema does not. */
const NEEDED =
  /^V1((Secret|ConfigMap)(KeySelector|EnvSource|Projection)\.name|SecretVolumeSource\.secretName|ConfigMapVolumeSource\.name|ExecAction\.command)$/;

/** The required lists that must not be empty. */
const FULL =
  /^V1(ExecAction\.command|PodFailurePolicyOnExitCodesRequirement\.values|PolicyRule\.verbs|NodeSelector\.nodeSelectorTerms)$/;

/** The types that need exactly one of these fields. */
const ONE_OF: Readonly<Record<string, string>> = {
  V1EnvVarSource: "configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef",
  V1EnvFromSource: "configMapRef secretRef",
  V1Probe: "exec grpc httpGet tcpSocket",
  V1LifecycleHandler: "exec httpGet sleep tcpSocket",
  V1PodFailurePolicyRule: "onExitCodes onPodConditions",
};

/** The smallest values of fields. */
const LEAST: Readonly<Record<string, number>> = {
  "KubeflowDriver.cores": 1,
  "KubeflowExecutor.cores": 1,
  "KubeflowExecutor.instances": 1,
  "KubeflowRestart.onFailureRetries": 0,
  "KubeflowRestart.onFailureRetryInterval": 1,
  "KubeflowRestart.onSubmissionFailureRetries": 0,
  "KubeflowRestart.onSubmissionFailureRetryInterval": 1,
};

/** The fields that must not be negative, by their names. */
const NATURAL =
  /^(backoffLimit|parallelism|completions|activeDeadlineSeconds|ttlSecondsAfterFinished|replicas|startingDeadlineSeconds|(successful|failed)JobsHistoryLimit|revisionHistoryLimit|minReadySeconds)$/;

/** Those of them with 64 bits. */
const LONG = /JobSpec\.(activeDeadline|startingDeadline)Seconds$/;

/** The fields that are numbers of users and groups. */
const ID = /^(runAsUser|runAsGroup|fsGroup)$/;

/** The fields that are modes of files, with their types. */
const MODE =
  /^V1\w*(?:VolumeSource|VolumeFile|KeyToPath|ServiceAccountTokenProjection)\.(?:defaultMode|mode)$/;

/** The fields that are ports. */
const PORT = /^(containerPort|hostPort|port|nodePort)$/;

/** The type of a kind in the schema; undefined for another kind. */
export function typeOf(apiVersion: string, kind: string): string | undefined {
  const kinds: Readonly<Record<string, string>> = apiSchema.kinds;
  return kinds[`${apiVersion} ${kind}`];
}

/** How messages show the values of an object. */
export interface Shown {
  /** The text of the value or the key at a path in its file, if it differs from the value. */
  readonly sources?: Sources;
  /** Returns whether the value at a path may be secret; messages name only its type. */
  readonly isHidden?: (path: string) => boolean;
}

/**
 * The fields of a value that the API server refuses: fields of another type, unknown and missing
 * fields, and unknown values.
 *
 * A code is `s` for a string, `b` for a boolean, `i` for an integer, `n` for a number, `q` for a
 * quantity, `I` for an integer or a string, `x` for any value, or else the name of a type. Before the
 * code, `[` means a list, and `{` an object with any keys. After the code, `!` means a required
 * field, and after the name of a type, `?` means that another version can have more fields.
 *
 * @param more types besides those of Kubernetes
 * @param shown how messages show the values
 */
export function wrongFields(
  value: unknown,
  code: string,
  more: Types = {},
  shown: Shown = {},
): WrongField[] {
  const found: WrongField[] = [];
  const use: Use = { ...shown, types: { ...apiSchema.types, ...more } };
  judge(value, code, { path: "", name: "the object" }, use, found);
  return found;
}

/** The types, and how messages show the values. */
interface Use extends Shown {
  readonly types: Types;
}

/** Describes a value of the wrong type, as in `a list` and `1.10`; a hidden one as `a number`. */
function described(value: unknown, path: string, { isHidden, sources }: Use): string {
  return isHidden?.(path) ? typeNameOf(value) : sources?.values.get(path) ?? kindOf(value);
}

/** The place of a value: its path, and its name in messages. */
interface At {
  readonly path: string;
  readonly name: string;
}

function judge(value: unknown, code: string, at: At, use: Use, found: WrongField[]): void {
  const { path, name } = at;
  const { types } = use;
  if (value === null || value === undefined || code === "x") return;
  if (code.startsWith("[")) {
    if (!Array.isArray(value)) {
      found.push({
        path,
        problem: `${name} must be a list, but is ${described(value, path, use)}`,
        fix: LIST_FIX,
      });
      return;
    }
    const isObject = code.slice(1).replace(/\?$/, "") in types;
    value.forEach((each, i) =>
      judge(
        // The API server reads null in a list of objects as an empty object.
        isObject ? each ?? {} : each,
        code.slice(1),
        { path: `${path}[${i}]`, name: `an item of ${name}` },
        use,
        found,
      )
    );
    return;
  }
  const type = code.startsWith("{") ? undefined : types[code.replace(/\?$/, "")];
  if (type === undefined && !code.startsWith("{")) {
    const wrong = wrongScalar(value, code, at, use);
    if (wrong !== undefined) {
      found.push({ path, problem: `${name} ${wrong.problem}`, fix: wrong.fix });
    }
    return;
  }
  if (!isFields(value)) {
    const problem = `${name} must be an object, but is ${described(value, path, use)}`;
    found.push({ path, problem, fix: OBJECT_FIX });
    return;
  }
  if (type !== undefined) {
    judgeFields(value, { code, type }, path, use, found);
    return;
  }
  for (const [key, each] of Object.entries(value)) {
    const at = child(path, key);
    judge(each, code.slice(1), { path: at, name: use.sources?.names.get(at) ?? key }, use, found);
  }
}

const LIST_FIX = "Write each item on a line of its own, after a hyphen.";
const OBJECT_FIX = "Write its fields on the lines below, indented.";

function judgeFields(
  value: Fields,
  { code, type }: { readonly code: string; readonly type: string },
  path: string,
  use: Use,
  found: WrongField[],
): void {
  const { types } = use;
  const isOpen = code.endsWith("?");
  const name = code.replace(/\?$/, "");
  const fields = new Map(
    type.split(" ").map((each) => {
      const at = each.indexOf(":");
      return [each.slice(0, at), each.slice(at + 1)];
    }),
  );
  for (const [field, each] of Object.entries(value)) {
    const known = fields.get(field);
    const at = child(path, field);
    if (known === undefined) {
      const { problem, fix } = unknownField(field, [...fields.keys()], types);
      found.push({
        path: at,
        problem: `${field} ${problem}`,
        fix,
        ...(isOpen ? ofOperator(field, [...fields.keys()], types) : {}),
      });
      continue;
    }
    judge(each, known.replace(/!$/, ""), { path: at, name: field }, use, found);
    found.push(...wrongLabels(`${name}.${field}`, each, at));
    const wrong = wrongValue(`${name}.${field}`, field, each);
    if (wrong !== undefined) {
      found.push({ path: at, problem: `${field} ${wrong.problem}`, fix: wrong.fix });
    }
  }
  for (const [field, known] of fields) {
    const full = `${name}.${field}`;
    const isRequired = NEEDED.test(full) || known.endsWith("!") && !OMITTED.has(full);
    if (!isRequired || !isEmpty(value[field], full)) continue;
    const isThere = value[field] !== undefined && value[field] !== null;
    found.push({
      path: child(path, field),
      problem: `${field} is required, but ${isThere ? "empty" : "missing"}`,
      ...(isThere ? {} : { isMissing: true }),
      fix: isThere
        ? `Write a value for ${field}.`
        : `Add ${field}. Check the indentation of the lines below, too.`,
    });
  }
  const wrong = Object.keys(value).every((field) => fields.has(field))
    ? wrongChoice(value, name) ?? wrongRequirement(name, value)
    : undefined;
  if (wrong !== undefined) found.push({ path, ...wrong });
}

/** Returns whether the API server takes the value of a required field for a missing one. */
function isEmpty(value: unknown, field: string): boolean {
  if (value === "") return /^(Core|Rbac)?V[12]/.test(field);
  return (value ?? null) === null || Array.isArray(value) && value.length === 0 && FULL.test(field);
}

/** The fault of an object that needs exactly one of several fields. */
function wrongChoice(value: Fields, type: string): Wrong | undefined {
  const choice = ONE_OF[type]?.split(" ");
  const given = choice?.filter((field) => {
    const each = value[field] ?? [];
    return !Array.isArray(each) || each.length > 0;
  });
  if (choice === undefined || given!.length === 1) return undefined;
  const all = `${choice.slice(0, -1).join(", ")} or ${choice.at(-1)}`;
  return given!.length > 1
    ? { problem: `only one of ${given!.join(", ")} is allowed`, fix: "Keep one of the fields." }
    : { problem: `one of ${all} is required, but missing`, fix: `Add ${all}.` };
}

type Wrong = Pick<WrongField, "problem" | "fix">;

function unknownField(field: string, known: readonly string[], types: Types): Wrong {
  const meant = closestWord(field, known);
  if (meant !== undefined) {
    return { problem: `is no field; did you mean ${meant}?`, fix: `Write ${meant}.` };
  }
  // A field of the parent or of a child is often only indented by mistake.
  const isElsewhere = Object.values(types).some((each) => ` ${each}`.includes(` ${field}:`));
  return {
    problem: `is no field; the fields here are ${known.slice(0, 12).join(", ")}${
      known.length > 12 ? ", …" : ""
    }`,
    fix: isElsewhere
      ? "Check the indentation of the line: another object has a field of this name."
      : "Remove the field, or correct its name.",
  };
}

/** The types of pods, whose fields are often written in an object of an operator by mistake. */
const POD_TYPES = ["V1PodSpec", "V1Container", "V1PodTemplateSpec"];

/** What an unknown field in an object of an operator means. */
function ofOperator(
  field: string,
  known: readonly string[],
  types: Types,
): Pick<WrongField, "why" | "isUncertain"> {
  const isElsewhere = Object.entries(types).some(([name, fields]) =>
    (POD_TYPES.includes(name) || !Object.hasOwn(apiSchema.types, name)) &&
    ` ${fields}`.includes(` ${field}:`)
  );
  const effect = "kubectl apply refuses the object, and other clients drop the field";
  return closestWord(field, known) !== undefined || isElsewhere
    ? { why: effect }
    : { why: `if the operator in the cluster has no such field, ${effect}`, isUncertain: true };
}

function wrongScalar(value: unknown, code: string, at: At, use: Use): Wrong | undefined {
  const { path } = at;
  const { sources } = use;
  const is = described(value, path, use);
  const isText = typeof value === "string";
  const quoted = isText || typeof value === "object"
    ? "Write it as a text."
    : use.isHidden?.(path)
    ? "Put the value in quotes."
    : `Put the value in quotes: ${keyOf(at, sources)}"${sources?.values.get(path) ?? value}"`;
  if (code === "s") {
    return isText ? undefined : { problem: `must be a string, but is ${is}`, fix: quoted };
  }
  const unquoted = isText && !use.isHidden?.(path) && /^(-?\d+|true|false)$/.test(value)
    ? `Remove the quotes: ${keyOf(at)}${value}`
    : undefined;
  if (code === "b") {
    if (typeof value === "boolean") return undefined;
    return {
      problem: `must be true or false, but is ${is}`,
      fix: unquoted ?? `Write ${keyOf(at)}true or ${keyOf(at)}false`,
    };
  }
  if (code === "i" || code === "n") {
    if (code === "n" ? typeof value === "number" : Number.isInteger(value)) return undefined;
    return {
      problem: `must be ${code === "i" ? "a whole number" : "a number"}, but is ${is}`,
      fix: unquoted ?? "Write a number without quotes.",
    };
  }
  if (code === "I") {
    if (isText || Number.isInteger(value)) return undefined;
    return { problem: `must be a whole number or a string, but is ${is}`, fix: quoted };
  }
  if (code === "q") {
    if (parseQuantity(value) !== undefined) return undefined;
    return {
      problem: `must be a quantity, but is ${is}`,
      fix: 'Write it like "500m" or "2" for cpu and counts, and "512Mi" or "2Gi" for memory.',
    };
  }
  return undefined;
}

function wrongValue(field: string, name: string, value: unknown): Wrong | undefined {
  const known = entryOf(VALUES, field)?.split(" ");
  if (known !== undefined && typeof value === "string" && value !== "" && !known.includes(value)) {
    const meant = closestWord(value, known);
    return {
      problem: `must be ${known.join(", ")}, but is ${JSON.stringify(value)}`,
      fix: meant === undefined ? `Write one of them.` : `Write ${name}: ${meant}`,
    };
  }
  const least = entryOf(LEAST, field);
  if (least !== undefined && typeof value === "number" && value < least) {
    return { problem: `must be ${least} or more, but is ${value}`, fix: `Write ${least} or more.` };
  }
  if (NATURAL.test(name) && typeof value === "number" && value < 0) {
    return { problem: `must not be negative, but is ${value}`, fix: "Write 0 or more." };
  }
  const most = ID.test(name) || NATURAL.test(name) && !LONG.test(field) ? 2 ** 31 - 1 : 2 ** 63 - 1;
  if (typeof value === "number" && (value > most || ID.test(name) && value < 0)) {
    return {
      problem: ID.test(name)
        ? `must be from 0 to ${most}, but is ${value}`
        : `is too large: ${value}`,
      fix: ID.test(name) ? `Write a number from 0 to ${most}.` : "Write a smaller number.",
    };
  }
  if (MODE.test(field) && typeof value === "number" && (value < 0 || value > 0o777)) {
    return {
      problem: `must be a mode up to 0777, but is ${value} in decimal`,
      fix: `Write an octal number, which begins with 0: ${name}: 0644`,
    };
  }
  if (PORT.test(name) && typeof value === "number" && (value < 1 || value > 65535)) {
    return {
      problem: `must be a port from 1 to 65535, but is ${value}`,
      fix: "Write the number of the port.",
    };
  }
  return undefined;
}

/** The beginning of the line of a value, as in `value: ` or `- `. */
function keyOf({ path, name }: At, sources?: Sources): string {
  if (name.startsWith("an item of ")) return "- ";
  return sources?.names.has(path) ? `"${name}": ` : `${name}: `;
}
