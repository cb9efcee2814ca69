import { parseImage } from "../image/reference.ts";
import { type Code, placeIn } from "../source_code/code.ts";
import {
  copiedFrom,
  type Instruction,
  instructionsOf,
  type Stage,
  stagesOf,
  wordsOfCopy,
} from "../source_code/dockerfile.ts";
import { settingsIn, type SparkSetting } from "./settings.ts";

/** The folders of images with the configuration of Spark or of Hadoop. */
const CONFIGURATION =
  /(?:\/(?:spark|hadoop)|\$\{?SPARK_HOME\}?)\/conf\/*$|^\$\{?(?:SPARK|HADOOP)_CONF_DIR\}?\/*$|\/etc\/(?:spark|hadoop)\/*$/;

/**
 * The first of the files in an image that a Dockerfile names, or adds with a whole folder, as in
 * `core-site.xml of the image of Dockerfile`.
 *
 * @param files the names of the files
 */
export function inImage(files: readonly string[], code: readonly Code[]): string | undefined {
  const images = code.filter(({ language }) => language === "dockerfile")
    .map((dockerfile) => ({ dockerfile, instructions: addingInstructions(dockerfile) }));
  for (const file of files) {
    const name = new RegExp(`(?<![\\w-])${file.replaceAll(".", "\\.")}(?!\\.template|[\\w-])`);
    const found = images.find(({ instructions }) =>
      instructions.some(({ name: instruction, text }) => {
        if (instruction === "RUN") return name.test(withoutRemovals(text));
        return name.test(text) ||
          CONFIGURATION.test(wordsOfCopy(text).at(-1) ?? "") && addsFolder(text);
      })
    );
    if (found !== undefined) {
      return `${file} of the image of ${found.dockerfile.file ?? "Dockerfile"}`;
    }
  }
  return undefined;
}

/** Published images of other programs, by the last part of their name. They have no Spark. */
const OTHER =
  /^(?:nginx|nginx-unprivileged|httpd|caddy|haproxy|traefik|envoy|node|postgres|postgresql|mysql|mariadb|redis|mongo|minio|grafana|prometheus|hive|flink|trino|presto|kafka|zookeeper)$/;

/** The instructions that add files to the image of a Dockerfile; empty for other programs. */
function addingInstructions(dockerfile: Code): Instruction[] {
  const stages = stagesOf(instructionsOf(dockerfile));
  const used = usedStages(stages);
  const [base] = used;
  const instructions = used.flatMap((stage) => stage.instructions)
    .filter(({ name }) => /^(ADD|COPY|RUN)$/.test(name));
  const isOther = base !== undefined &&
    OTHER.test(parseImage(base.image).repository.replace(/^.*\//, "")) &&
    !instructions.some(({ text }) => INSTALLS.test(text));
  return isOther ? [] : instructions;
}

/** What instructions name that install Spark, unlike its files of settings. */
const INSTALLS = /pyspark|requirements|(?<![\w-])spark(?!-(?:defaults|env)\b|\/conf\b)/i;

/** The last stage, the stages below it, and those that it copies whole folders from. */
function usedStages(stages: readonly Stage[]): Stage[] {
  const used: Stage[] = [];
  const visit = (stage: Stage | undefined) => {
    if (stage === undefined || used.includes(stage)) return;
    const above = stages.slice(0, stages.indexOf(stage));
    visit(above.find(({ name }) => name === stage.image));
    used.push(stage);
    const names = copiedFrom({
      instructions: stage.instructions.filter(({ name, text }) =>
        name === "RUN" || addsFolder(text)
      ),
    });
    for (const each of names) {
      visit(above.find(({ name }, i) => name === each || String(i) === each));
    }
  };
  visit(stages.at(-1));
  return used;
}

/** Returns whether ADD or COPY adds a folder: a source that has no file extension. */
function addsFolder(text: string): boolean {
  return wordsOfCopy(text).slice(0, -1).some((word) => !/\w\.\w+$/.test(word));
}

/** A command without the files that it removes. The lines of a here-document are not separate. */
function withoutRemovals(text: string): string {
  return text.includes("<<") ? text : text.replaceAll(/(?<![\w-])rm\s[^;&|]*/g, " ");
}

/** A setting with files that Spark downloads, in a line of `spark-defaults.conf`. */
const FILES =
  /(?<![\w.#-])(spark\.(?:jars(?:\.packages)?|files|archives|submit\.pyFiles))[ =:]+([^\s"'\\;&|<>]+)/g;

/** The settings with files that a Dockerfile writes into `spark-defaults.conf`. */
export function filesInDefaults(code: Code): SparkSetting[] {
  return instructionsOf(code).filter(({ name, text }) =>
    /^(COPY|RUN)$/.test(name) && /(?<![\w-])spark-defaults\.conf(?!\.)/.test(text)
  ).flatMap(({ text, offset }) =>
    [...text.matchAll(FILES)].map(([, key, value]): SparkSetting => (
      { key: key!, value: value!, source: "defaults", place: placeIn(code, offset) }
    ))
  );
}

/**
 * The settings of files `spark-defaults.conf` that a Dockerfile copies into the configuration of Spark.
 *
 * @param files the files that builds of images can read
 */
export function settingsOfCopiedDefaults(
  code: Code,
  files: readonly { readonly file: string; readonly text: string }[],
): SparkSetting[] {
  const dockerfile = code.file ?? "";
  const sources = addingInstructions(code).filter(({ name, text }) =>
    name !== "RUN" && copiedFrom({ instructions: [{ name, text, offset: 0, end: 0 }] }).length === 0
  ).flatMap(({ text }) => {
    const words = wordsOfCopy(text);
    const isForSpark = /\/spark-defaults\.conf$/.test(words.at(-1)!) ||
      CONFIGURATION.test(words.at(-1)!);
    return isForSpark ? words.slice(0, -1).map((word) => word.replace(/^\.?\/+|\/*\.?$/g, "")) : [];
  });
  return files.filter(({ file }) => file.endsWith("spark-defaults.conf")).filter(({ file }) => {
    const folders = dockerfile.split("/").slice(0, -1);
    return [...folders.map((_, i) => `${folders.slice(0, i + 1).join("/")}/`), ""].some((start) =>
      file.startsWith(start) && sources.some((source) => {
        const own = file.slice(start.length);
        return source === "" || own === source || own.startsWith(`${source}/`);
      })
    );
  }).flatMap(({ file, text }) => settingsIn({ language: "conf", file, line: 1, text }));
}
