import { JOBS_NAMESPACE } from "../../pipeline/contract/cluster.ts";
import type { Finding, Outcome } from "../finding.ts";
import { lineOf, type ManifestObject, type ManifestsFact, objectId } from "../facts/manifests.ts";
import type { Code } from "../source_code/code.ts";
import { withHeredocs } from "../source_code/heredocs.ts";
import { isFields } from "./fields.ts";

/** What the checks of manifests and job code look at. */
export interface Tree {
  /** The objects, with their files relative to the working directory. */
  readonly objects: readonly ManifestObject[];
  /** The texts that jobs run or are configured by. */
  readonly code: readonly Code[];
}

/** What a check's judgement of a tree is worth. */
export interface Judged {
  /** What was looked at. */
  readonly examined: string;
  /** What is wrong with it. */
  readonly findings: readonly Finding[];
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
    code: scripts.map(({ file, line, object, path, language, text }): Code => ({
      language: language === "text" ? "conf" : language,
      file: pathOf(directory, file),
      line: line + (object !== undefined && isBlock(file, text) ? 1 : 0),
      ...(object === undefined ? {} : { object }),
      ...(path === undefined ? {} : { field: path }),
      text,
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

/** The part of a finding that says which field of which object it is about. */
export function placeOf(
  object: ManifestObject,
  field: string,
): Pick<Finding, "object" | "field" | "file" | "line"> {
  return {
    object: objectId(object),
    ...(field === "" ? {} : { field }),
    ...(object.file === undefined ? {} : { file: object.file, line: lineOf(object, field) }),
  };
}

/** The namespace that an object ends up in. */
export function namespaceOf({ namespace }: ManifestObject): string {
  return namespace ?? "default";
}

/** A label of an object. */
export function labelOf({ value: { metadata } }: ManifestObject, key: string): unknown {
  const { labels } = isFields(metadata) ? metadata : {};
  return isFields(labels) ? labels[key] : undefined;
}

/** The objects of one kind in a namespace. */
export function ofKind(
  objects: readonly ManifestObject[],
  kind: string,
  namespace?: string,
): ManifestObject[] {
  return objects.filter((object) =>
    object.kind === kind && (namespace === undefined || namespaceOf(object) === namespace)
  );
}

/** Why a check does not judge what may stand in a file that nobody could read. */
const BROKEN = "a file could not be read, and what is missing may be in it: see manifests-readable";

/** A judgement as a check's outcome; `nothing` says what there was not to judge. */
export function outcomeOf(
  { problems }: ManifestsFact,
  judged: Judged | undefined,
  nothing: string,
): Outcome {
  return judged ?? (problems.length > 0 ? { skip: BROKEN } : { nothing });
}

/** The same for a check that misses objects: where files are broken, they may be in these. */
export function outcomeOfWhole(
  fact: ManifestsFact,
  judged: Judged | undefined,
  nothing: string,
): Outcome {
  const isInDoubt = fact.problems.length > 0 && judged !== undefined && judged.findings.length > 0;
  return isInDoubt ? { skip: BROKEN } : outcomeOf(fact, judged, nothing);
}
