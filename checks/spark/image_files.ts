import type { Code } from "../source_code/code.ts";
import { instructionsOf } from "../source_code/dockerfile.ts";

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
      const words = text.replaceAll(/["[\],]/g, " ").trim().split(/\s+/)
        .filter((word) => !word.startsWith("--"));
      return instruction !== "RUN" && CONFIGURATION.test(words.at(-1) ?? "") &&
        words.slice(0, -1).some((word) => !/\w\.\w+$/.test(word));
    })
  );
  return found === undefined ? undefined : `${file} of the image of ${found.file ?? "Dockerfile"}`;
}
