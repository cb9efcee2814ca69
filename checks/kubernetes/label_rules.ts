import { child, type Fields, isFields } from "./fields.ts";
import { wrongLabelKey, wrongLabelValue } from "./metadata.ts";

/** A label or an annotation that the API server refuses. */
export interface WrongLabel {
  /** The path of the label. */
  readonly path: string;
  /** What is wrong. */
  readonly problem: string;
  /** What to do. */
  readonly fix: string;
  /** Distinguishes the problem from one of the field's type. */
  readonly isLabel: true;
}

/** The fields with labels, by their types. */
const LABELS =
  /^V1(ObjectMeta\.labels|PodSpec\.nodeSelector|LabelSelector\.matchLabels|ServiceSpec\.selector)$/;

/** The keys and values of labels and annotations that the API server refuses. */
export function wrongLabels(field: string, value: unknown, path: string): WrongLabel[] {
  const isAnnotations = field === "V1ObjectMeta.annotations";
  if (!isFields(value) || !isAnnotations && !LABELS.test(field)) return [];
  return Object.entries(value).flatMap(([key, text]) => {
    // The API server ignores the case of an annotation's key.
    const ofKey = wrongLabelKey(isAnnotations ? key.toLowerCase() : key);
    const ofValue = isAnnotations || typeof text !== "string" ? undefined : wrongLabelValue(text);
    return [ofKey, ofValue].flatMap((problem) =>
      problem === undefined
        ? []
        : [{ path: child(path, key), problem, fix: "Correct the text.", isLabel: true as const }]
    );
  });
}

/** What is wrong in the values of a requirement of a selector. */
export function wrongRequirement(
  type: string,
  { operator, values }: Fields,
): Pick<WrongLabel, "problem" | "fix"> | undefined {
  if (!/^V1(Node|Label)SelectorRequirement$/.test(type)) return undefined;
  const count = Array.isArray(values) ? values.length : 0;
  if (/^(In|NotIn)$/.test(String(operator)) && count === 0) {
    return { problem: `operator ${operator} needs values`, fix: "Add values: [<value>]" };
  }
  if (/^(Exists|DoesNotExist)$/.test(String(operator)) && count > 0) {
    return { problem: `operator ${operator} allows no values`, fix: "Remove values." };
  }
  return /^(Gt|Lt)$/.test(String(operator)) && count !== 1
    ? { problem: `operator ${operator} needs one number`, fix: 'Write values: ["<number>"]' }
    : undefined;
}
