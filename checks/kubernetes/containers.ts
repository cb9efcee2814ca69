import type { ManifestObject } from "../facts/manifests.ts";
import { type Fields, isFields } from "./fields.ts";
import { podTemplateOf } from "./pod_template.ts";

/** A variable of a container's environment, as it is declared. */
export interface Variable {
  /** Its name. */
  readonly name: string;
  /** Where it stands in the object. */
  readonly path: string;
  /** Its value, where it is written there. */
  readonly value: string | undefined;
  /** Where else its value comes from, unread. */
  readonly valueFrom: Fields | undefined;
}

/** A container of a workload's pods. */
export interface Container {
  /** Its name. */
  readonly name: string;
  /** Where it stands in the object. */
  readonly path: string;
  /** Whether it comes to its end before the others start. */
  readonly passing: boolean;
  /** Its image; empty where there is none. */
  readonly image: string;
  /** The words of `command`, then of `args`, each with its place. */
  readonly words: readonly { readonly path: string; readonly text: string }[];
  /** Its environment, in order. */
  readonly env: readonly Variable[];
  /** The container, unread. */
  readonly fields: Fields;
}

/** A workload with the pods that it makes. */
export interface Workload {
  /** The workload's object. */
  readonly object: ManifestObject;
  /** The pods' spec, unread. */
  readonly spec: Fields;
  /** Where that spec stands in the object. */
  readonly specPath: string;
  /** The containers, init containers first. */
  readonly containers: readonly Container[];
}

/** The objects that make pods, those whose pod spec is missing left out. */
export function workloadsOf(objects: readonly ManifestObject[]): Workload[] {
  return objects.flatMap((object) => {
    const template = object.kind === "PodTemplate" ? undefined : podTemplateOf(object.value);
    if (template === undefined || !isFields(template.spec)) return [];
    const { spec, specPath } = template;
    const containers = ["initContainers", "containers"].flatMap((list) =>
      listOf(spec[list]).map((fields, i) =>
        readContainer(fields, `${specPath}.${list}[${i}]`, list === "initContainers")
      )
    );
    return [{ object, spec, specPath, containers }];
  });
}

/** The workloads that run to an end, as the pipeline's jobs do. */
export function jobsOf(objects: readonly ManifestObject[]): Workload[] {
  return workloadsOf(objects).filter(({ object: { kind } }) =>
    kind === "Job" || kind === "CronJob"
  );
}

/** The items of a list that are objects; anything else is an empty list. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map((each) => isFields(each) ? each : {}) : [];
}

/** A text, or a scalar that YAML did not take for one. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function readContainer(fields: Fields, path: string, init: boolean): Container {
  return {
    name: textOf(fields.name) ?? "",
    path,
    passing: init && fields.restartPolicy !== "Always",
    image: textOf(fields.image) ?? "",
    words: ["command", "args"].flatMap((list) => words(fields[list], `${path}.${list}`)),
    env: listOf(fields.env).map((each, i) => ({
      name: textOf(each.name) ?? "",
      path: `${path}.env[${i}]`,
      value: textOf(each.value),
      valueFrom: isFields(each.valueFrom) ? each.valueFrom : undefined,
    })),
    fields,
  };
}

function words(value: unknown, path: string) {
  const all = Array.isArray(value) ? value : [];
  return all.map((each, i) => ({ path: `${path}[${i}]`, text: textOf(each) ?? "" }));
}
