import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";
import { didYouMean } from "./suggestion.ts";

/** The facts that preflight gathers, as `--facts` names them. */
export const FACTS = ["manifests", "cluster", "image", "database", "lake"] as const;

/** The default time limit for gathering one fact, in seconds. */
export const FACT_TIMEOUT = 10;

/** The default time limit for an image, in seconds: its layers can have half a gigabyte. */
export const IMAGE_TIMEOUT = 300;

/** The name of a fact, as in `database`. */
export type FactChoice = (typeof FACTS)[number];

/**
 * Returns the facts that `--facts` names, or all facts.
 *
 * @throws {Failure} configuration: an unknown fact
 */
export function chosenFacts(flags: Flags): ReadonlySet<FactChoice> {
  const text = flags.value("facts");
  return new Set(text === undefined ? FACTS : knownWords("facts", list(text), FACTS));
}

/**
 * Returns the checks to skip, each with the reason: because of `--only` or `--skip`, and image-pull
 * if no registry is used.
 *
 * @throws {Failure} configuration: an unknown check, or a skip without a reason
 */
export function skippedChecks(flags: Flags): ReadonlyMap<string, string> {
  const ids = PREFLIGHT.map(({ id }) => id);
  const skip = new Map<string, string>();
  const notPulled = reasonNotToPull(flags);
  if (notPulled !== undefined) skip.set("image-pull", notPulled);
  const only = flags.value("only");
  if (only !== undefined) {
    const wanted = knownWords("only", list(only), ids);
    for (const id of ids) if (!wanted.includes(id)) skip.set(id, `--only ${only}`);
  }
  for (const text of flags.all("skip")) {
    const [id = "", ...reason] = text.split("=");
    knownWords("skip", [id], ids);
    if (reason.join("=").trim() === "") {
      throw new Failure({
        kind: "configuration",
        task: `use --skip ${JSON.stringify(text)}`,
        problem: "a skip needs a reason, which the report shows",
        remedy: `Write --skip ${id}="the reason".`,
      });
    }
    skip.set(id, reason.join("=").trim());
  }
  return skip;
}

function reasonNotToPull(flags: Flags): string | undefined {
  const archive = flags.value("image-archive");
  if (archive !== undefined) return `images are read from --image-archive ${archive}`;
  const chosen = chosenFacts(flags);
  if (chosen.has("manifests") || chosen.has("cluster")) return undefined;
  return `manifests and cluster not checked (--facts ${[...chosen].join(",")})`;
}

function list(text: string): string[] {
  return text.split(",").map((word) => word.trim());
}

function knownWords<T extends string>(flag: string, given: string[], words: readonly T[]): T[] {
  const unknown = given.find((word) => !(words as readonly string[]).includes(word));
  if (unknown === undefined) return given as T[];
  throw new Failure({
    kind: "configuration",
    task: `use --${flag} with ${JSON.stringify(unknown)}`,
    problem: `there is no such ${flag === "facts" ? "fact" : "check"}`,
    remedy: `${didYouMean(unknown, words)}Choose from ${words.join(", ")}.`,
  });
}
