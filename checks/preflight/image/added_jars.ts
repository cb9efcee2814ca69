import { GROUPS, jarOf, JARS } from "../../image/spark_jars.ts";
import type { Instruction } from "../../source_code/dockerfile.ts";

/** A jar that an instruction of a Dockerfile adds. */
export interface AddedJar {
  /** The name, as in `hadoop-aws`. */
  readonly name: string;
  /** The version; undefined if it is not written there. */
  readonly version: string | undefined;
  /** The file, as in `hadoop-aws-3.3.4.jar`. */
  readonly file: string;
  /** The instruction. */
  readonly instruction: Instruction;
}

/** The folder whose jars Spark loads. */
export const SPARK_FOLDER = /^["']?(?:\/opt\/spark|\$\{?SPARK_HOME\}?)\/jars(?:["'/]|$)\/*/;

/** The commands that move files of Spark's folder to another one, with the files. */
export function movesAway(text: string): RegExpExecArray[] {
  return [...text.matchAll(/\bmv\s([^;&|]*?)\s+([^\s;&|]+)\s*(?=[;&|]|$)/g)]
    .filter(([, files, target]) =>
      !SPARK_FOLDER.test(target!) && target !== "\\" &&
      files!.split(" ").filter((word) => !word.startsWith("-")).every((file) =>
        SPARK_FOLDER.test(file)
      )
    );
}

/** The jars that an instruction adds, by file names and Maven coordinates. */
export function jarsIn(instruction: Instruction): AddedJar[] {
  // A command that removes a file, or changes its mode, does not add it.
  const moved = movesAway(instruction.text).map(([command]) => command);
  const text = moved.reduce((rest, each) => rest.replace(each, " "), instruction.text)
    .replace(/\b(?:rm|chmod|chown|ls)\s[^;&|]*/g, " ");
  const files = [...text.matchAll(/(?<![\w.+$*-])([A-Za-z][\w.${}+-]*\.jar)\b/g)]
    .map(([, file]): AddedJar => {
      const { name, version } = jarOf(file!);
      // A version that is a variable without a value is not known.
      const [known = name] = JARS.filter((jar) => file!.startsWith(`${jar}-$`));
      return { name: known, version, file: file!, instruction };
    });
  const coordinates = JARS.flatMap((name) =>
    [...text.matchAll(
      new RegExp(`${GROUPS[name]!.replaceAll(".", "\\.")}:${name}:([\\w.$-]+)`, "g"),
    )]
      .map(([, version]): AddedJar => ({
        name,
        version: /^\d/.test(version!) ? version : undefined,
        file: `${name}-${version}.jar`,
        instruction,
      }))
  );
  const scala = [...text.matchAll(/[\w.-]+:([\w.-]+_(?:2\.1[0-3]|3)):([\w.-]+)/g)]
    .map(([, name, version]): AddedJar => (
      { name: name!, version, file: `${name}-${version}.jar`, instruction }
    ));
  const all = [...files, ...coordinates, ...scala];
  return all.filter((jar, i) =>
    all.findIndex(({ name, version }) => name === jar.name && version === jar.version) === i
  );
}
