import type { Finding } from "../../finding.ts";
import { isFields, textOf } from "../../kubernetes/fields.ts";
import { labelOf, type ManifestObject, placeOf } from "../../kubernetes/objects.ts";
import { closestWord } from "../../kubernetes/spelling.ts";

/** A level of pod security that a namespace enforces. */
export interface Level {
  /** The name of the level. */
  readonly name: "baseline" | "restricted";
  /** The minor version of Kubernetes whose rules apply; infinite for the latest. */
  readonly minor: number;
}

const PREFIX = "pod-security.kubernetes.io/";
const LEVELS = ["privileged", "baseline", "restricted"];
const MODES = ["enforce", "warn", "audit"];
const LABELS = MODES.flatMap((mode) => [mode, `${mode}-version`]);

/** The level that a namespace enforces. The levels that it only warns about or audits refuse no pod. */
export function levelOf(namespace: ManifestObject): Level | undefined {
  const name = textOf(labelOf(namespace, `${PREFIX}enforce`));
  if (name !== "baseline" && name !== "restricted") return undefined;
  const version = textOf(labelOf(namespace, `${PREFIX}enforce-version`)) ?? "latest";
  const minor = /^v1\.(\d+)$/.exec(version)?.[1];
  return { name, minor: minor === undefined ? Infinity : Number(minor) };
}

/** The labels of pod security whose value or name the API server does not know. */
export function wrongLabels(namespace: ManifestObject): Finding[] {
  const { metadata } = namespace.value;
  const { labels } = isFields(metadata) ? metadata : {};
  return Object.entries(isFields(labels) ? labels : {}).flatMap(([key, value]): Finding[] => {
    if (!key.startsWith(PREFIX)) return [];
    const [name, text] = [key.slice(PREFIX.length), textOf(value) ?? ""];
    const place = placeOf(namespace, `metadata.labels.${key}`);
    if (!LABELS.includes(name)) {
      const meant = closestWord(name, LABELS);
      return [{
        severity: "warn",
        ...place,
        problem: `pod security has no label ${key}`,
        why: "the label has no effect, so the API server accepts any pod",
        fix: meant === undefined ? "Remove the label." : `Write ${PREFIX}${meant}.`,
      }];
    }
    const isVersion = name.endsWith("-version");
    const isValid = isVersion ? /^(latest|v1\.(0|[1-9]\d*))$/.test(text) : LEVELS.includes(text);
    return isValid ? [] : [{
      severity: "fail",
      ...place,
      problem: `the label ${key} is ${JSON.stringify(text)}, which is no ${
        isVersion ? "version" : "level"
      } of pod security`,
      why: "the API server refuses a new namespace with this label",
      fix: isVersion
        ? "Write latest, or a version such as v1.31."
        : `Write one of ${LEVELS.join(", ")}.`,
    }];
  });
}
