import type { ImageReference } from "./reference.ts";

/** The published images of plain Spark, without their registry, which can be a mirror. */
const PLAIN_IMAGES = [
  "library/spark",
  "docker/library/spark",
  "apache/spark",
  "apache/spark-py",
  "apache/spark-r",
  "spark-operator/spark",
  "spark-operator/spark-py",
];

/** Names of plain Spark on Docker Hub. In another registry, any image can have such a name. */
const SHORT_NAMES = ["spark", "spark-py", "pyspark"];

/** Published images of Spark with additional jars, which change from release to release. */
const WITH_MORE_JARS = [
  "bitnami/spark",
  "bitnamilegacy/spark",
  "datamechanics/spark",
  "kubeflow/spark",
  "jupyter/pyspark-notebook",
  "jupyter/all-spark-notebook",
];

/** Returns whether a reference names an image of Spark, or of a platform that has Spark. */
export function isSparkImage({ repository }: Pick<ImageReference, "repository">): boolean {
  return /spark|databricksruntime|aws-glue/i.test(repository);
}

/**
 * Returns whether a reference names a published image of plain Spark, such as `apache/spark:3.5.8`.
 */
export function isPlainSpark(reference: Pick<ImageReference, "repository">): boolean {
  const { path, isOnHub } = partsOf(reference);
  return PLAIN_IMAGES.includes(path) || isOnHub && SHORT_NAMES.includes(path);
}

/** Returns whether a reference names a published image of Spark with jars that are not known. */
export function bundlesUnknownJars(reference: Pick<ImageReference, "repository">): boolean {
  return WITH_MORE_JARS.includes(partsOf(reference).path);
}

/** Returns whether a reference names Spark, but not an image whose jars are known. */
export function hasUnknownJars(reference: Pick<ImageReference, "repository">): boolean {
  const { path, isOnHub } = partsOf(reference);
  return bundlesUnknownJars(reference) || !isOnHub && SHORT_NAMES.includes(path);
}

/** Returns why a reference can refer to a different image tomorrow; undefined if it is pinned. */
export function whyUnpinned({ tag, digest }: ImageReference): string | undefined {
  if (digest !== undefined) {
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? undefined : "its digest is not a SHA-256 digest";
  }
  if (tag === undefined) return "it has no tag, which means latest";
  return tag === "latest" ? "its tag is latest" : undefined;
}

function partsOf({ repository }: Pick<ImageReference, "repository">) {
  const [first = "", ...rest] = repository.split("/");
  const hasRegistry = rest.length > 0 && /[.:]|^localhost$/.test(first);
  return {
    path: hasRegistry ? rest.join("/") : repository,
    isOnHub: !hasRegistry || /(^|\.)docker\.io$/.test(first),
  };
}

/** Returns whether a controller fills in an image, as in `{{inputs.parameters.image}}` of Argo. */
export function hasParameter(image: string): boolean {
  return image.includes("{{");
}
