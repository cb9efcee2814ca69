import apiSchema from "./api_schema.json" with { type: "json" };
import { child, type Fields, isFields, kindOf, typeNameOf } from "./fields.ts";
import { wrongValue } from "./field_rules.ts";
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
  /** True if the syntax of a label or an annotation is wrong. */
  readonly isLabel?: true;
  /** True if a container requests more than its limit. */
  readonly isExcess?: true;
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
  "V1PreferredSchedulingTerm.preference",
  "V1ReplicationControllerSpec.selector",
]);

/** The fields that the API server requires, and the schema does not. */
const NEEDED =
  /^V1((Secret|ConfigMap)(KeySelector|EnvSource|Projection)\.name|SecretVolumeSource\.secretName|ConfigMapVolumeSource\.name|ExecAction\.command|(Service|Ingress|PersistentVolumeClaim)\.spec|PersistentVolumeClaimSpec\.(accessModes|resources)|VolumeResourceRequirements\.requests|PersistentVolume\.spec|PersistentVolumeSpec\.(accessModes|capacity)|PodDNSConfigOption\.name|VolumeNodeAffinity\.required)$/;

/** The required lists that must not be empty. */
const FULL =
  /^V1(ExecAction\.command|PersistentVolume(Claim)?Spec\.accessModes|HTTPIngressRuleValue\.paths|PodFailurePolicyOnExitCodesRequirement\.values|PolicyRule\.verbs|NodeSelector\.nodeSelectorTerms|SuccessPolicy\.rules|TopologySelectorLabelRequirement\.values)$/;

/** The types that need exactly one of these fields. */
const ONE_OF: Readonly<Record<string, string>> = {
  V1EnvVarSource: "configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef",
  V1EnvFromSource: "configMapRef secretRef",
  V1Probe: "exec grpc httpGet tcpSocket",
  V1LifecycleHandler: "exec httpGet sleep tcpSocket",
  V1PodFailurePolicyRule: "onExitCodes onPodConditions",
  V1DownwardAPIVolumeFile: "fieldRef resourceFieldRef",
  V1IngressBackend: "resource service",
  V1ServiceBackendPort: "name number",
};

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
 * A code is `s` for a string, `b` for a boolean, `i` for an integer of 32 bits, `l` for
 * one of 64 bits, `n` for a number, `q` for a
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
    found.push(...wrongValues(`${name}.${field}`, known.replace(/!$/, ""), each, at, use));
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

/** The wrong values of a field: its own, or those of the items of a list. */
function wrongValues(
  field: string,
  code: string,
  value: unknown,
  path: string,
  { isHidden }: Shown,
): WrongField[] {
  const name = field.slice(field.indexOf(".") + 1);
  const isList = code.startsWith("[") && Array.isArray(value);
  return (isList ? value : [value]).flatMap((each, i) => {
    const at = isList ? `${path}[${i}]` : path;
    const wrong = wrongValue(field, isList ? code.slice(1) : code, each, isHidden?.(at) === true);
    if (wrong === undefined) return [];
    const problem = `${isList ? `an item of ${name}` : name} ${wrong.problem}`;
    return [{ ...wrong, path: at, problem }];
  });
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
  if (/^[iln]$/.test(code)) {
    if (code === "n" ? typeof value === "number" : Number.isInteger(value)) return undefined;
    return {
      problem: `must be ${code === "n" ? "a number" : "a whole number"}, but is ${is}`,
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

/** The beginning of the line of a value, as in `value: ` or `- `. */
function keyOf({ path, name }: At, sources?: Sources): string {
  if (name.startsWith("an item of ")) return "- ";
  return sources?.names.has(path) ? `"${name}": ` : `${name}: `;
}
