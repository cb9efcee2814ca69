import type { ImageReference } from "../../image/reference.ts";

/** The published images of plain Spark, without their registry. */
const PLAIN_IMAGES = [
  "spark",
  "library/spark",
  "apache/spark",
  "apache/spark-py",
  "apache/spark-r",
  "spark-py",
  "spark-operator/spark",
  "spark-operator/spark-py",
  "pyspark",
];

/** Published images of Spark with additional jars, which change from release to release. */
const WITH_MORE_JARS = [
  "bitnami/spark",
  "bitnamilegacy/spark",
  "datamechanics/spark",
  "kubeflow/spark",
  "jupyter/pyspark-notebook",
  "jupyter/all-spark-notebook",
];

/**
 * Returns whether a reference names a published image of plain Spark, such as `apache/spark:3.5.8`.
 */
export function isPlainSpark(reference: Pick<ImageReference, "repository">): boolean {
  return PLAIN_IMAGES.includes(pathOf(reference));
}

/** Returns whether a reference names a published image of Spark with jars that are not known. */
export function bundlesUnknownJars(reference: Pick<ImageReference, "repository">): boolean {
  return WITH_MORE_JARS.includes(pathOf(reference));
}

function pathOf({ repository }: Pick<ImageReference, "repository">): string {
  const [first = "", ...rest] = repository.split("/");
  const hasRegistry = rest.length > 0 && /[.:]|^localhost$/.test(first);
  return hasRegistry ? rest.join("/") : repository;
}
