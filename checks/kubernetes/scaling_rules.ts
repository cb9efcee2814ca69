import type { WrongField } from "./api_types.ts";
import { entryOf, type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";
import { amountOf } from "./quantities.ts";

// The rules of the API server for a HorizontalPodAutoscaler, which compare several fields.

/** The types of metrics: the field of each, and the fields of its target of which the server needs one. */
const METRICS: Readonly<Record<string, { field: string; targets: string[]; isOne: boolean }>> = {
  Resource: { field: "resource", targets: ["averageUtilization", "averageValue"], isOne: true },
  ContainerResource: {
    field: "containerResource",
    targets: ["averageUtilization", "averageValue"],
    isOne: true,
  },
  Pods: { field: "pods", targets: ["averageValue"], isOne: false },
  Object: { field: "object", targets: ["value", "averageValue"], isOne: false },
  External: { field: "external", targets: ["value", "averageValue"], isOne: true },
};

const FIELDS = Object.values(METRICS).map(({ field }) => field);

/** The fields of a HorizontalPodAutoscaler that the API server refuses together. */
export function wrongScaling({ apiVersion, kind, spec }: Fields): WrongField[] {
  if (apiVersion !== "autoscaling/v2" || kind !== "HorizontalPodAutoscaler" || !isFields(spec)) {
    return [];
  }
  const metrics = listOf(spec.metrics);
  const behavior = fieldsIn(spec.behavior);
  return [
    ...wrongTarget(fieldsIn(spec.scaleTargetRef)),
    ...wrongReplicas(spec, metrics),
    ...metrics.flatMap((metric, i) => wrongMetric(metric, `spec.metrics[${i}]`)),
    ...["scaleUp", "scaleDown"].flatMap((name): WrongField[] => {
      const { policies } = fieldsIn(behavior[name]);
      return Array.isArray(policies) && policies.length === 0
        ? [{
          path: `spec.behavior.${name}.policies`,
          problem: "policies is empty",
          fix: "Remove policies, which has a default.",
        }]
        : [];
    }),
  ];
}

/** Of the kinds without an API group, only a ReplicationController can be scaled. */
function wrongTarget({ apiVersion, kind }: Fields): WrongField[] {
  const version = textOf(apiVersion ?? "");
  if (!kind || kind === "ReplicationController" || version !== "" && version !== "v1") return [];
  return [{
    path: "spec.scaleTargetRef.apiVersion",
    problem: `apiVersion must name the API group of the ${kind}, but ${
      version === "" ? "is missing" : `is ${version}`
    }`,
    fix: "Write the apiVersion of the workload, as in apiVersion: apps/v1",
    why: "Kubernetes 1.36 and later refuse the object, and earlier versions find no such workload",
  }];
}

function wrongReplicas({ minReplicas, maxReplicas }: Fields, metrics: Fields[]): WrongField[] {
  const path = "spec.minReplicas";
  if (minReplicas === 0) {
    const needs = metrics.some(({ type }) => type === "Object" || type === "External")
      ? "the feature gate HPAScaleToZero"
      : "a metric of the type Object or External";
    return [{
      path,
      problem: `minReplicas: 0 needs ${needs}`,
      fix: "Write minReplicas: 1",
      ...(needs.startsWith("the feature gate")
        ? { why: "an API server without the gate refuses the object", isUncertain: true }
        : {}),
    }];
  }
  const least = typeof minReplicas === "number" ? minReplicas : 1;
  return typeof maxReplicas !== "number" || maxReplicas < 1 || least <= maxReplicas ? [] : [{
    path,
    problem: `minReplicas is ${least}, more than maxReplicas: ${maxReplicas}`,
    fix: `Write ${maxReplicas} or less, or raise maxReplicas.`,
  }];
}

function wrongMetric(metric: Fields, path: string): WrongField[] {
  // The check of fields reports an unknown type.
  const { field, targets, isOne } = entryOf(METRICS, textOf(metric.type) ?? "") ?? {};
  if (field === undefined) return [];
  const other = FIELDS.find((each) => each !== field && isFields(metric[each]));
  if (!isFields(metric[field]) || other !== undefined) {
    return [{
      path: other === undefined ? `${path}.${field}` : `${path}.${other}`,
      problem: other === undefined
        ? `type: ${metric.type} needs the field ${field}`
        : `type: ${metric.type} allows only the field ${field}, but ${other} is there`,
      fix: `Write the metric below ${field}, or correct the type.`,
    }];
  }
  const { target } = fieldsIn(metric[field]);
  if (!isFields(target)) return [];
  const at = `${path}.${field}.target`;
  const given = targets!.filter((name) => (target[name] ?? null) !== null);
  const found: WrongField[] = ["value", "averageValue"].flatMap((name) => {
    const amount = (target[name] ?? null) === null ? undefined : amountOf(target[name]);
    return amount === undefined || amount > 0n ? [] : [{
      path: `${at}.${name}`,
      problem: `${name} must be more than 0, but is ${target[name]}`,
      fix: "Write a positive amount.",
    }];
  });
  if (given.length === 0) {
    found.push({
      path: at,
      problem: `the target of type: ${metric.type} needs ${targets!.join(" or ")}`,
      fix: `Add ${targets!.join(" or ")}.`,
    });
  } else if (isOne && given.length > 1) {
    found.push({
      path: at,
      problem: `only one of ${given.join(" and ")} is allowed`,
      fix: "Keep one of the fields.",
    });
  }
  return found;
}
