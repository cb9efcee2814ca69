import { child, readFields, readList, readText, type Report } from "./fields.ts";
import { type Labels, readLabels, wrongLabelKey, wrongLabelValue } from "./metadata.ts";

/** One condition of a label selector. */
export interface Requirement {
  /** The path in the object, as in `spec.podSelector.matchExpressions[0]`. */
  readonly path: string;
  /** The key of the label, as in `app.kubernetes.io/name`. */
  readonly key: string;
  /** The operator. An entry of `matchLabels` has `In` and one value. */
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** The values of `In` and `NotIn`; empty for the other operators. */
  readonly values: readonly string[];
}

/** A label selector. It selects what meets all requirements: everything, if there are none. */
export interface Selector {
  /** The path in the object, as in `spec.podSelector`. */
  readonly path: string;
  /** The requirements, from `matchLabels` and `matchExpressions`. */
  readonly requirements: readonly Requirement[];
}

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/** Returns whether a selector selects an object with these labels. */
export function selects({ requirements }: Selector, labels: Labels): boolean {
  return requirements.every((requirement) => meets(requirement, labels));
}

/** The requirements that labels do not meet, which is why the selector does not select them. */
export function unmetRequirements({ requirements }: Selector, labels: Labels): Requirement[] {
  return requirements.filter((requirement) => !meets(requirement, labels));
}

/** Formats a selector for `kubectl -l`. A selector without requirements becomes `everything`. */
export function formatSelector({ requirements }: Selector): string {
  return requirements.length === 0 ? "everything" : requirements.map(formatRequirement).join(",");
}

/** Formats a requirement for `kubectl -l`, as in `app=web` and `tier notin (a,b)`. */
export function formatRequirement({ key, operator, values }: Requirement): string {
  if (operator === "Exists") return key;
  if (operator === "DoesNotExist") return `!${key}`;
  if (operator === "In" && values.length === 1) return `${key}=${values[0]}`;
  return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
}

/** Reads a label selector. An absent selector is empty, so it selects everything. */
export function readSelector(value: unknown, path: string, report: Report): Selector {
  const fields = readFields(value, path, report, ["matchLabels", "matchExpressions"]) ?? {};
  const labelsPath = child(path, "matchLabels");
  const labels = [...readLabels(fields.matchLabels, labelsPath, report)];
  const expressionsPath = child(path, "matchExpressions");
  const expressions = readList(fields.matchExpressions, expressionsPath, report)
    .map((each, i) => readExpression(each ?? {}, `${expressionsPath}[${i}]`, report));
  return {
    path,
    requirements: [
      ...labels.map(([key, text]): Requirement => ({
        path: labelsPath,
        key,
        operator: "In",
        values: [text],
      })),
      ...expressions.filter((each) => each !== undefined),
    ],
  };
}

/**
 * Returns whether labels meet a requirement. Without the key they meet `NotIn` and `DoesNotExist`.
 */
function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labels.get(key);
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

function readExpression(value: unknown, path: string, report: Report): Requirement | undefined {
  const fields = readFields(value, path, report, ["key", "operator", "values"]);
  if (fields === undefined) return undefined;
  const key = readText(fields.key, child(path, "key"), report) ?? "";
  const wrong = wrongLabelKey(key);
  if (wrong !== undefined) report(child(path, "key"), wrong);
  const valuesPath = child(path, "values");
  const values = readList(fields.values, valuesPath, report)
    .map((each, i) => readText(each ?? "", `${valuesPath}[${i}]`, report) ?? "");
  for (const [i, value] of values.entries()) {
    const wrongOne = wrongLabelValue(value);
    if (wrongOne !== undefined) report(`${valuesPath}[${i}]`, wrongOne);
  }
  const text = readText(fields.operator, child(path, "operator"), report) ?? "";
  const operator = OPERATORS.find((each) => each === text);
  if (operator === undefined) {
    const problem = `${JSON.stringify(text)} is not an operator: use ${OPERATORS.join(", ")}`;
    report(child(path, "operator"), problem);
    return undefined;
  }
  const isList = fields.values === undefined || fields.values === null ||
    Array.isArray(fields.values);
  if (isList) checkValues(operator, values, valuesPath, report);
  return { path, key, operator, values };
}

function checkValues(
  operator: Requirement["operator"],
  values: readonly string[],
  path: string,
  report: Report,
): void {
  const wanted = operator === "In" || operator === "NotIn";
  if (wanted && values.length === 0) report(path, `${operator} needs at least one value`);
  if (!wanted && values.length > 0) report(path, `${operator} takes no values`);
}
