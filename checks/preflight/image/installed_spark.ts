import type { Instruction } from "../../source_code/dockerfile.ts";
import { jarsIn } from "./added_jars.ts";

/** Spark that an instruction installs on a base image without Spark. */
export interface InstalledSpark {
  /** The instruction. */
  readonly instruction: Instruction;
  /** What the instruction installs, as in `pyspark==3.5.1`. */
  readonly what: string;
  /** The release line, as in `3.5`; undefined if it is not written there. */
  readonly line: string | undefined;
}

const PACKAGE =
  /\b(?:pip3?|uv|conda|mamba|micromamba|poetry)\s[^;&|]*?(?<=[\s"'])(pyspark(?:\[[\w,-]+\])?(?:={1,3}(\d+\.\d+)[\w.]*)?)(?=[\s"';&|,<>~!]|$)/;
const ARCHIVE =
  /\b(spark-(?:(\d+\.\d+)\.\d+|\$\{?\w+\}?)[\w.-]*-bin-[\w.${}:-]+?\.(?:tgz|tar\.gz))(?![\w.])/;
const SDKMAN = /\bsdk\s+install\s+(spark\s+(\d+\.\d+)[\w.]*)/;

/** Spark with another Hadoop than Spark's images have, or without Hadoop. */
const OTHER_HADOOP = /-bin-(?!hadoop3)|PYSPARK_HADOOP_VERSION[= ]["']?(?!3\b)/;

/** Returns whether an instruction names the image of another program that uses Hadoop's jars. */
function isForOther({ name, text }: Instruction): boolean {
  return name === "FROM" && /hive|flink|trino|presto|hadoop|kafka|druid|nifi|hbase/i.test(text);
}

/**
 * Returns the Spark that instructions install: by a Python package, by SDKMAN or from Spark's archive.
 * If an instruction names a jar of Hadoop for S3, the image has Spark, too: a file such as
 * `requirements.txt` can install it.
 */
export function installedSpark(instructions: readonly Instruction[]): InstalledSpark | undefined {
  const isOther = instructions.some(({ text }) => OTHER_HADOOP.test(text));
  const found = instructions.flatMap((instruction): InstalledSpark[] => {
    const { name, text } = instruction;
    if (!/^(ADD|COPY|RUN)$/.test(name)) return [];
    const [, what, line] = PACKAGE.exec(text) ?? ARCHIVE.exec(text) ?? SDKMAN.exec(text) ?? [];
    return what === undefined ? [] : [{ instruction, what, line: isOther ? undefined : line }];
  }).at(-1);
  if (found !== undefined || instructions.some(isForOther)) return found;
  const adding = instructions.find((each) =>
    jarsIn(each).some(({ name }) => name === "hadoop-aws")
  );
  if (adding === undefined) return undefined;
  const what = "Spark, whose installation the Dockerfile does not show,";
  return { instruction: adding, what, line: undefined };
}
