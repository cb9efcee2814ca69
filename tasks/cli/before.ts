import { BEFORE } from "../../checks/catalog.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";

/** The facts that checks before a run are made from, as `--facts` names them. */
export const FACTS = ["manifests", "cluster", "image", "database", "lake"] as const;

/** One of them. */
export type FactChoice = (typeof FACTS)[number];

/**
 * The facts that `--facts` asks for.
 *
 * @throws {Failure} configuration: a fact that there is not
 */
export function chosenFacts(flags: Flags): ReadonlySet<FactChoice> {
  const text = flags.value("facts");
  return new Set(text === undefined ? FACTS : known("facts", list(text), FACTS));
}

/**
 * The directory of the manifests: the one that `--manifests` names, else `manifests/`.
 *
 * @returns undefined where it was not named and is not there
 * @throws {Failure} configuration: the one that was named is no directory
 */
export async function manifestsDirectory(flags: Flags): Promise<string | undefined> {
  const named = flags.value("manifests");
  const path = named ?? "manifests";
  const isDirectory = await Deno.stat(path).then((info) => info.isDirectory, () => false);
  if (isDirectory) return path;
  if (named === undefined) return undefined;
  throw new Failure({
    kind: "configuration",
    task: `use --manifests ${JSON.stringify(named)}`,
    problem: "there is no such directory",
    remedy: "Name the one that holds the Kubernetes YAML.",
  });
}

/**
 * The checks that the flags leave out, and why: `--only` and `--skip`, and image-pull where nothing is
 * pulled.
 *
 * @throws {Failure} configuration: a check that there is not, or a skip without a reason
 */
export function skippedChecks(flags: Flags): ReadonlyMap<string, string> {
  const ids = BEFORE.map(({ id }) => id);
  const skip = new Map<string, string>();
  const unpulled = whyNotPulled(flags);
  if (unpulled !== undefined) skip.set("image-pull", unpulled);
  const only = flags.value("only");
  if (only !== undefined) {
    const wanted = known("only", list(only), ids);
    for (const id of ids) if (!wanted.includes(id)) skip.set(id, `--only ${only}`);
  }
  for (const text of flags.all("skip")) {
    const [id = "", ...reason] = text.split("=");
    known("skip", [id], ids);
    if (reason.join("=").trim() === "") {
      throw new Failure({
        kind: "configuration",
        task: `use --skip ${JSON.stringify(text)}`,
        problem: "a skip says why, for the readers of the report",
        remedy: `Write --skip ${id}="the reason".`,
      });
    }
    skip.set(id, reason.join("=").trim());
  }
  return skip;
}

function whyNotPulled(flags: Flags): string | undefined {
  const archive = flags.value("image-archive");
  if (archive !== undefined) return `--image-archive ${archive} stands in for the registries`;
  const chosen = chosenFacts(flags);
  if (chosen.has("manifests") || chosen.has("cluster")) return undefined;
  return `--facts ${[...chosen].join(",")} leaves out whoever pulls it`;
}

function list(text: string): string[] {
  return text.split(",").map((word) => word.trim());
}

function known<T extends string>(flag: string, given: string[], words: readonly T[]): T[] {
  const unknown = given.find((word) => !(words as readonly string[]).includes(word));
  if (unknown === undefined) return given as T[];
  throw new Failure({
    kind: "configuration",
    task: `use --${flag} with ${JSON.stringify(unknown)}`,
    problem: `there is no such ${flag === "facts" ? "fact" : "check"}`,
    remedy: `Known are ${words.join(", ")}.`,
  });
}
