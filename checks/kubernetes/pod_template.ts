import type { Fields } from "./fields.ts";

/** The template of the pods that a workload creates. */
export interface PodTemplate {
  /** The pods' metadata, not validated. */
  readonly metadata: unknown;
  /** The pods' spec, not validated. */
  readonly spec: unknown;
  /** The path of the metadata, as in `spec.template.metadata`. */
  readonly metadataPath: string;
  /** The path of the spec, as in `spec.template.spec`. */
  readonly specPath: string;
  /** The first container, if the object has its fields elsewhere, and the words that it runs. */
  readonly main?: { readonly path: string; readonly words: readonly Word[] };
  /** The template of the executors' pods, if the object declares them. */
  readonly executor?: ExecutorTemplate;
  /** The number of pods, if the object has several templates. */
  readonly replicas?: number;
  /** Which pods of the object these are, if it has several templates, as in `master`. */
  readonly part?: string;
  /** The keys of labels that a controller sets to values that the manifests do not contain. */
  readonly unknownLabels?: readonly string[];
}

/** The template of the executors' pods of a SparkApplication. */
export interface ExecutorTemplate {
  /** The pods' spec, not validated. */
  readonly spec: Fields;
  /** The labels from the object, and those that the operator sets. */
  readonly labels: Fields;
  /** The path of the spec in the object. */
  readonly path: string;
}

/** A word of a command line, and its path in the object. */
export interface Word {
  /** The path, as in `spec.containers[0].args[1]`. */
  readonly path: string;
  /** The word. */
  readonly text: string;
}
