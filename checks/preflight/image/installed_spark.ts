import type { Instruction } from "../../source_code/dockerfile.ts";

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
  /\b(?:pip3?|uv|conda|mamba|poetry)\s[^;&|]*?(?<=[\s"'])(pyspark(?:\[[\w,-]+\])?(?:={1,3}(\d+\.\d+)[\w.]*)?)(?=[\s"';&|,<>~!]|$)/;
const ARCHIVE = /\b(spark-(\d+\.\d+)\.\d+[\w.-]*-bin-[\w.-]+?\.tgz)\b/;

/** Returns the Spark that instructions install, by a Python package or from Spark's archive. */
export function installedSpark(instructions: readonly Instruction[]): InstalledSpark | undefined {
  return instructions.flatMap((instruction): InstalledSpark[] => {
    const { name, text } = instruction;
    if (!/^(ADD|COPY|RUN)$/.test(name)) return [];
    const [, what, line] = PACKAGE.exec(text) ?? ARCHIVE.exec(text) ?? [];
    return what === undefined ? [] : [{ instruction, what, line }];
  }).at(-1);
}
