import { type Fields, fieldsIn, textOf } from "./fields.ts";

/**
 * The image of a setting, with the version of Spark: the operator of Apache Spark replaces
 * `{{SPARK_VERSION}}` by the version in `runtimeVersions`.
 *
 * @param spec the spec of a SparkApplication or of a SparkCluster
 */
export function withSparkVersion(image: string, spec: Fields): string {
  const version = textOf(fieldsIn(spec.runtimeVersions).sparkVersion);
  return version === undefined ? image : image.replaceAll("{{SPARK_VERSION}}", version);
}
