import type { ManifestObject } from "../kubernetes/objects.ts";
import { instructionsOf } from "../source_code/dockerfile.ts";
import type { Script } from "./scripts.ts";

// The folders of images can have templates for the pods that Spark creates. They are copied into the
// image, and are not applied to a cluster.

/**
 * Returns the pods without a namespace whose files a Dockerfile copies into its image, and a setting
 * of Spark names as a template. Any other pod beside a Dockerfile can be applied to a cluster.
 *
 * @param scripts the scripts beside the objects, with the Dockerfiles
 */
export function podsOfImages(
  objects: readonly ManifestObject[],
  scripts: readonly Script[],
): ManifestObject[] {
  const pods = objects.filter(({ kind, namespace, file }) =>
    kind === "Pod" && namespace === undefined && file !== undefined
  );
  if (pods.length === 0) return [];
  const copies = scripts.filter(({ language }) => language === "dockerfile").flatMap(copiesIn);
  const copied = pods.filter(({ file }) => copies.some((copy) => isCopied(file!, copy)));
  if (copied.length === 0) return [];
  const paths = templatePaths([
    ...scripts.map(({ text }) => text),
    ...objects.map(({ value }) => JSON.stringify(value)),
  ]);
  const named = new Set(paths.flatMap((path) => fileOf(path, copied) ?? []));
  return copied.filter(({ file }) => named.has(file!));
}

/** The paths of templates in settings, as in `/opt/templates/executor.yaml`. */
function templatePaths(texts: readonly string[]): string[] {
  const setting = /podTemplateFile[\\"'\s,:=]+([^\s"'\\,)]+)/g;
  return texts.flatMap((text) =>
    [...text.replaceAll(/^\s*(#|--\s).*$/gm, "").matchAll(setting)].map(([, path]) => path!)
  );
}

/**
 * The file of a copied pod that a path in an image means: the file with the most equal names at the end.
 * Undefined if no file, or more than one, can be meant.
 */
function fileOf(path: string, pods: readonly ManifestObject[]): string | undefined {
  const names = path.split("/");
  const files = [...new Set(pods.map(({ file }) => file!))].map((file) => ({
    file,
    equal: equalAtEnd(names, file.split("/")),
  }));
  const most = Math.max(...files.map(({ equal }) => equal));
  const [first, second] = files.filter(({ equal }) => equal === most);
  return most === 0 || second !== undefined ? undefined : first!.file;
}

function equalAtEnd(a: readonly string[], b: readonly string[]): number {
  let count = 0;
  while (count < Math.min(a.length, b.length) && a.at(-1 - count) === b.at(-1 - count)) count++;
  return count;
}

/** The folder of a Dockerfile, and a file or folder that the Dockerfile copies. */
interface Copy {
  readonly folder: string;
  readonly source: string;
}

function copiesIn({ file = "", line, text }: Script): Copy[] {
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  const instructions = instructionsOf({ language: "dockerfile", file, line, text });
  return instructions.filter(({ name, text }) =>
    (name === "COPY" || name === "ADD") && !text.includes("--from=")
  ).flatMap(({ text }) => {
    const words = text.replaceAll(/[[\],"]/g, " ").split(" ")
      .filter((word) => word !== "" && !word.startsWith("--"));
    return words.slice(0, -1).map((source) => (
      { folder, source: source.replace(/^\.?\//, "").replace(/\/$/, "") }
    ));
  });
}

/**
 * Returns whether a Dockerfile copies a file below its folder. The source can begin at a folder
 * above, because an image can be built from there.
 */
function isCopied(file: string, { folder, source }: Copy): boolean {
  if (!file.startsWith(folder)) return false;
  const own = file.slice(folder.length);
  // A Dockerfile beside all manifests can copy them for another reason.
  if (source === "" || source === ".") return folder !== "";
  const pattern = source.replaceAll(/[.+^${}()|\\]/g, "\\$&").replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  const isNamed = new RegExp(`^${pattern}(/|$)`);
  if (isNamed.test(own)) return true;
  const name = source.slice(source.lastIndexOf("/") + 1);
  return name === own && source.endsWith(`${folder}${own}`);
}
