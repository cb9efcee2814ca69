import { BEFORE } from "../../checks/catalog.ts";
import { gatherDatabase } from "../../checks/facts/database.ts";
import { gatherLake } from "../../checks/facts/lake.ts";
import { gatherManifests } from "../../checks/facts/manifests.ts";
import { isRefusal, type Refusal, refusal } from "../../checks/facts/refusal.ts";
import type { Facts } from "../../checks/check.ts";
import type { Absent, Gatherer, Gatherers } from "../../checks/runner.ts";
import {
  databaseConfig,
  lakeConfig,
  sealGrace,
  unsetForDatabase,
  unsetForLake,
} from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";

/** The facts that checks before a run are made from, as `--facts` names them. */
export const FACTS = ["manifests", "database", "lake"] as const;

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
  throw new Failure(
    "configuration",
    `Cannot use --manifests ${JSON.stringify(named)}: there is no such directory. Name the one ` +
      "that holds the Kubernetes YAML.",
  );
}

/**
 * The checks that `--only` and `--skip` leave out, and why.
 *
 * @throws {Failure} configuration: a check that there is not, or a skip without a reason
 */
export function skippedChecks(flags: Flags): ReadonlyMap<string, string> {
  const ids = BEFORE.map(({ id }) => id);
  const skip = new Map<string, string>();
  const only = flags.value("only");
  if (only !== undefined) {
    const wanted = known("only", list(only), ids);
    for (const id of ids) if (!wanted.includes(id)) skip.set(id, `--only ${only}`);
  }
  for (const text of flags.all("skip")) {
    const [id = "", ...reason] = text.split("=");
    known("skip", [id], ids);
    if (reason.join("=").trim() === "") {
      throw new Failure(
        "configuration",
        `Cannot use --skip ${JSON.stringify(text)}: a skip says why, for whoever reads the ` +
          `report. Write --skip ${id}="the reason".`,
      );
    }
    skip.set(id, reason.join("=").trim());
  }
  return skip;
}

/**
 * How the chosen facts are gathered, and why the others are not.
 *
 * @param manifests the directory of the manifests, where there is one
 */
export function gatherersBefore(
  chosen: ReadonlySet<FactChoice>,
  manifests: string | undefined,
): Gatherers {
  const fact = <T>(name: FactChoice, unset: () => string[], gatherer: () => Gatherer<T>) =>
    chosen.has(name) ? unlessUnset(unset(), gatherer) : leftOut(name, chosen);
  return {
    manifests: chosen.has("manifests") ? inDirectory(manifests) : leftOut("manifests", chosen),
    database: fact<Facts["database"]>("database", unsetForDatabase, () => {
      const [config, grace] = [databaseConfig(), sealGrace()];
      return (signal) => gatherDatabase(config, grace, signal);
    }),
    lake: fact<Facts["lake"]>("lake", unsetForLake, () => {
      const config = lakeConfig();
      return (signal) => gatherLake(config, signal);
    }),
  };
}

function inDirectory(path: string | undefined): Gatherers["manifests"] & object {
  if (path === undefined) return { absent: "there is no directory manifests/ (see --manifests)" };
  return (signal) => gatherManifests(path, signal);
}

function leftOut(name: FactChoice, chosen: ReadonlySet<FactChoice>): Absent {
  return { absent: `--facts ${[...chosen].join(",")} leaves out ${name}`, asked: true };
}

/**
 * A variable that is not set is no fact at all. One that cannot be used is: it is what a run would
 * stumble over, and no reason to say nothing of all the rest.
 */
function unlessUnset<T>(
  unset: readonly string[],
  gatherer: () => Gatherer<T | Refusal>,
): Gatherer<T | Refusal> | Absent {
  if (unset.length > 0) {
    return { absent: `${unset.join(" and ")} ${unset.length === 1 ? "is" : "are"} not set` };
  }
  try {
    return gatherer();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return () => Promise.resolve(refusal("the environment", error));
  }
}

function list(text: string): string[] {
  return text.split(",").map((word) => word.trim());
}

function known<T extends string>(flag: string, given: string[], words: readonly T[]): T[] {
  const unknown = given.find((word) => !(words as readonly string[]).includes(word));
  if (unknown === undefined) return given as T[];
  throw new Failure(
    "configuration",
    `Cannot use --${flag} with ${JSON.stringify(unknown)}: there is no such ${
      flag === "facts" ? "fact" : "check"
    }. Known are ${words.join(", ")}.`,
  );
}
