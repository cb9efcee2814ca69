import type { Finding } from "../../finding.ts";
import {
  compareVersions,
  howToAdd,
  OLDEST_POSTGRESQL,
  POSTGRESQL,
} from "../../image/spark_jars.ts";

// Rules about single jars, for Dockerfiles and for the contents of images.

/** A violation without its place. */
export type Violation = Omit<Finding, "object">;

/** Warns about a PostgreSQL driver that is too old for the login of a current server. */
export function oldDriver(name: string, version: string | undefined): Violation | undefined {
  if (name !== "postgresql" || version === undefined) return undefined;
  if (compareVersions(version, OLDEST_POSTGRESQL) >= 0) return undefined;
  return {
    severity: "warn",
    problem: `the PostgreSQL driver ${version} is older than ${OLDEST_POSTGRESQL}`,
    why: "it cannot log in with SCRAM, which Postgres has used by default since version 14",
    fix: howToAdd(POSTGRESQL),
  };
}

/** The Scala version in a jar's name, as in `spark-core_2.12-3.5.8.jar`. */
export function scalaIn(file: string): string | undefined {
  return /_(2\.1[0-3]|3)(?=[-.])/.exec(file)?.[1] ??
    /^scala-(?:library|reflect|compiler)-(2\.1[0-3])\./.exec(file)?.[1];
}

/** The Scala version of a published image of Spark, by its tag or by the release line. */
export function scalaOf(reference: string, line: string | undefined): string | undefined {
  const named = /scala(2\.1[23])/.exec(reference)?.[1];
  if (named !== undefined || line === undefined) return named;
  return Number(line.split(".")[0]) >= 4 ? "2.13" : "2.12";
}

/** Reports a jar for another version of Scala. */
export function wrongScala(file: string, wanted: string): Violation | undefined {
  const scala = scalaIn(file);
  if (scala === undefined || scala === wanted) return undefined;
  return {
    severity: "fail",
    problem: `${file} is for Scala ${scala}, but Spark in this image is for Scala ${wanted}`,
    why: "classes of two Scala versions fail at run time with NoSuchMethodError",
    fix: `Use the jar for Scala ${wanted}: ${file.replace(`_${scala}`, `_${wanted}`)}`,
  };
}

/** A module of Spark with its release line, as in `spark-avro_2.12-3.5.8.jar`. */
const MODULE =
  /^spark-(?:avro|connect|hadoop-cloud|protobuf|sql-kafka-0-10|streaming-kafka-0-10|streaming-kinesis-asl|token-provider-kafka-0-10|variant)_[\d.]+-(\d+\.\d+)\.\d/;

/** A jar of a table format, which has the release line of Spark in its name. */
const FORMAT =
  /^(?:iceberg-spark(?:-runtime|-extensions)?-|hudi-spark|paimon-spark-)(\d+\.\d+)[_-]/;

/**
 * Warns about a jar for another release line of Spark.
 *
 * @param line the release line, as in `3.5`
 */
export function wrongSpark(file: string, line: string): Violation | undefined {
  const found = (MODULE.exec(file) ?? FORMAT.exec(file))?.[1];
  if (found === undefined || found === line) return undefined;
  return {
    severity: "warn",
    problem: `${file} is for Spark ${found}, but Spark in this image is ${line}`,
    why: "the jar uses classes of Spark that change between releases, so a job can fail with " +
      "NoSuchMethodError",
    fix: `Use the jar for Spark ${line}.`,
  };
}
