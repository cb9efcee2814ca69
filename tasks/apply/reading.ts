import { gatherManifests, type ManifestsFact } from "../../checks/facts/manifests.ts";
import { type ManifestObject, objectId } from "../../checks/kubernetes/objects.ts";
import { naming } from "../../checks/list_names.ts";
import { pathOf } from "../../checks/facts/tree.ts";
import { Failure } from "../../pipeline/errors.ts";

/**
 * Reads manifests that are to be applied as a whole.
 *
 * @param directory undefined where there is none
 * @throws {Failure} configuration: there are none, a file cannot be read, or an object is there twice
 */
export async function readWhole(
  directory: string | undefined,
  signal: AbortSignal,
): Promise<ManifestsFact> {
  if (directory === undefined) {
    const why = "there is no directory manifests/ here";
    throw wrong("the manifests", why, "Run it where that is, or name one with --manifests.");
  }
  const manifests = await gatherManifests(directory, signal);
  const { objects, problems } = manifests;
  if (problems.length > 0) {
    const places = problems.map(({ file, line, problem }) =>
      `${pathOf(directory, file)}${line === undefined ? "" : `:${line}`}: ${problem}`
    );
    throw wrong(directory, naming(places), "Mend that first, so that all of it is applied.");
  }
  if (objects.length === 0) {
    const why = "it has no object of Kubernetes in it";
    throw wrong(directory, why, "Name another directory with --manifests.");
  }
  const twice = [...Map.groupBy(objects, objectId).values()].find(({ length }) => length > 1);
  if (twice !== undefined) {
    const places = twice.map((each) => placeOf(directory, each)).join(" and in ");
    const why = `${objectId(twice[0]!)} is in ${places}`;
    throw wrong(directory, why, "Remove one of them, or the last one would win each time.");
  }
  return manifests;
}

function placeOf(directory: string, { file, line }: ManifestObject): string {
  return `${pathOf(directory, file)}:${line}`;
}

function wrong(what: string, why: string, remedy: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `apply ${what}`,
    problem: why,
    remedy,
  });
}
