import type { ImageReference } from "../../image/reference.ts";

/** The published images of plain Spark, without their registry. */
const PLAIN = [
  ...["spark", "library/spark", "apache/spark", "apache/spark-py", "apache/spark-r", "spark-py"],
  ...["bitnami/spark", "bitnamilegacy/spark", "datamechanics/spark", "spark-operator/spark"],
  ...["spark-operator/spark-py", "kubeflow/spark", "pyspark", "jupyter/pyspark-notebook"],
];

/** Whether a reference is plain Spark, as others publish it. */
export function isPlainSpark({ repository }: ImageReference): boolean {
  const [first = "", ...rest] = repository.split("/");
  const hasRegistry = rest.length > 0 && /[.:]|^localhost$/.test(first);
  return PLAIN.includes(hasRegistry ? rest.join("/") : repository);
}

/** Why nobody knows what an image will be on the day it is pulled; undefined where one does. */
export function whyUnpinned({ tag, digest }: ImageReference): string | undefined {
  if (digest !== undefined) {
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? undefined : "its digest is none";
  }
  if (tag === undefined) return "it has no tag, which means latest";
  return tag === "latest" ? "its tag is latest" : undefined;
}
