import { gatherManifests } from "../../checks/facts/manifests.ts";
import { lineOf, objectId } from "../../checks/kubernetes/objects.ts";
import { readCluster } from "../../checks/network_policy/cluster.ts";
import type { Cluster } from "../../checks/network_policy/model.ts";
import { Failure, type FailureKind } from "../../pipeline/errors.ts";

/** What a directory says about connections, valid as a whole. */
export interface Reading {
  /** The directory. */
  readonly directory: string;
  /** What decides about connections. */
  readonly cluster: Cluster;
  /** What the reader of an answer should know about it. */
  readonly notes: readonly string[];
}

/** How many problems are told before they are only counted. */
const TOLD = 10;

/**
 * Reads a directory.
 *
 * @throws {Failure} configuration: an object that the API server would refuse, or no object at all;
 *   unreachable: text that cannot be understood, so nobody knows which policies there are
 */
export async function readManifests(directory: string): Promise<Reading> {
  const { objects, problems: broken } = await gatherManifests(directory);
  const { cluster, problems, foreign, undeclared } = readCluster(
    objects.map((object) => ({ value: object.value, where: `${object.file}:${object.line}` })),
  );
  if (problems.length > 0) {
    const lines = problems.map(({ object, where, path, problem }) => {
      const declared = objects.find((each) =>
        `${each.file}:${each.line}` === where && sameObject(objectId(each), object)
      );
      const line = declared === undefined ? where : `${declared.file}:${lineOf(declared, path)}`;
      return `${line}  ${object}  ${path === "" ? "" : `${path}: `}${problem}`;
    });
    throw faulty("configuration", directory, "these are refused", lines);
  }
  if (broken.length > 0) {
    const lines = broken.map(({ file, line, column, problem }) =>
      `${file}${line === undefined ? "" : `:${line}:${column ?? 1}`}  ${problem}`
    );
    throw faulty("unreachable", directory, "these cannot be understood", lines);
  }
  if (cluster.pods.length === 0) {
    throw new Failure({
      kind: "configuration",
      task: `tell anything from ${directory}`,
      problem: "it has no workload, such as a Deployment or a Job",
      remedy: "Give a directory that declares them with --manifests.",
    });
  }
  return {
    directory,
    cluster,
    notes: [
      ...foreign.map((each) =>
        `${each} is of another API and is not judged; it may decide as well`
      ),
      ...undeclared.map((name) =>
        `namespace ${name} is not declared here: only the label with its name is known`
      ),
    ],
  };
}

function sameObject(id: string, object: string): boolean {
  return object === id || object === id.replace(" ", " default/");
}

function faulty(
  kind: FailureKind,
  directory: string,
  problem: string,
  lines: readonly string[],
): Failure {
  const more = lines.length - TOLD;
  const remedy = [
    "Correct them first.",
    ...lines.slice(0, TOLD).map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ].join("\n");
  return new Failure({ kind, task: `judge ${directory}`, problem, remedy });
}
