import { JOBS_NAMESPACE } from "../../pipeline/contract/platform.ts";
import type { ManifestObject } from "../kubernetes/objects.ts";
import type { Code } from "../source_code/code.ts";
import { withHeredocs } from "../source_code/shell.ts";
import type { ManifestsFact } from "./manifests.ts";

/** What the checks of manifests and job code look at. */
export interface Tree {
  /** The objects, with their files relative to the working directory. */
  readonly objects: readonly ManifestObject[];
  /** The texts that jobs run or are configured by. */
  readonly code: readonly Code[];
}

const known = new WeakMap<ManifestsFact, Tree>();

/**
 * A fact about manifests as a tree: files relative to the working directory, and every script with
 * the line that its first line is on.
 */
export function treeOf(fact: ManifestsFact): Tree {
  const tree = known.get(fact) ?? readTree(fact);
  known.set(fact, tree);
  return tree;
}

function readTree({ directory, objects, scripts }: ManifestsFact): Tree {
  return {
    objects: objects.filter(isOurs).map((each) => (
      { ...each, file: pathOf(directory, each.file) }
    )),
    code: scripts.map(({ file, line, object, path, language, text, python }): Code => ({
      language: language === "text" ? "conf" : language,
      file: pathOf(directory, file),
      line: line + (object !== undefined && isBlock(file, text) ? 1 : 0),
      ...(object === undefined ? {} : { object }),
      ...(path === undefined ? {} : { field: path }),
      text,
      ...(python === undefined ? {} : { python }),
    })).flatMap(withHeredocs),
  };
}

/**
 * Whether an object is of the manifests, or one that jobs of the cluster run with. What others run in
 * their namespaces is there for its connections alone, and a Pod that nobody declared starts only once.
 */
export function isOurs({ file, kind, namespace }: ManifestObject): boolean {
  if (file !== undefined) return true;
  return kind !== "Pod" && (namespace === undefined || namespace === JOBS_NAMESPACE);
}

/** A text of several lines begins below the `|` of its field, except in JSON. */
function isBlock(file: string | undefined, text: string): boolean {
  return text.includes("\n") && !file?.endsWith(".json");
}

/** Where a file of a directory is, seen from the working directory. */
export function pathOf<F extends string | undefined>(directory: string, file: F): F | string {
  return file === undefined ? file : `${directory.replace(/\/+$/, "")}/${file}`;
}
