import { type Code, placeIn } from "../source_code/code.ts";
import { instructionsOf, wordsOfCopy } from "../source_code/dockerfile.ts";
import type { SparkSetting } from "./settings.ts";

/** The folders of images with the configuration of Spark or of Hadoop. */
const CONFIGURATION =
  /(?:\/(?:spark|hadoop)|\$\{?SPARK_HOME\}?)\/conf\/*$|^\$\{?(?:SPARK|HADOOP)_CONF_DIR\}?\/*$|\/etc\/(?:spark|hadoop)\/*$/;

/**
 * The file in an image that a Dockerfile names, or adds with a whole folder, as in `core-site.xml of
 * the image of Dockerfile`.
 *
 * @param file the name of the file
 */
export function inImage(file: string, code: readonly Code[]): string | undefined {
  const name = new RegExp(`(?<![\\w-])${file.replaceAll(".", "\\.")}(?!\\.template|[\\w-])`);
  const found = code.filter(({ language }) => language === "dockerfile").find((each) =>
    instructionsOf(each).some(({ name: instruction, text }) => {
      if (!/^(ADD|COPY|RUN)$/.test(instruction)) return false;
      if (name.test(text)) return true;
      const words = wordsOfCopy(text);
      return instruction !== "RUN" && CONFIGURATION.test(words.at(-1) ?? "") &&
        words.slice(0, -1).some((word) => !/\w\.\w+$/.test(word));
    })
  );
  return found === undefined ? undefined : `${file} of the image of ${found.file ?? "Dockerfile"}`;
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
