import { gatherManifests, type ManifestProblem } from "../../checks/facts/manifests.ts";
import { mayDecideConnections } from "../../checks/facts/templates.ts";
import { lineOf } from "../../checks/kubernetes/objects.ts";
import { readCluster } from "../../checks/network_policy/read_cluster.ts";
import type { Cluster } from "../../checks/network_policy/model.ts";
import { splitPods } from "../../checks/network_policy/split_pods.ts";
import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import { Failure, type FailureKind } from "../../pipeline/errors.ts";
import { namespacesOf, type Service, servicesOf } from "./services.ts";

/** The valid objects of a directory. */
export interface Reading {
  /** The directory, as given on the command line. */
  readonly directory: string;
  /** The namespaces, pods and policies. Pods that policies distinguish are separate. */
  readonly cluster: Cluster;
  /** The declared Services. */
  readonly services: readonly Service[];
  /** The names of the platform. */
  readonly project: Project;
  /** The namespaces that the manifests or the project name. */
  readonly namespaces: ReadonlySet<string>;
  /** The number of workloads. */
  readonly workloads: number;
  /** The objects that a tool must complete first, and that decide about no other workload. */
  readonly unrendered: readonly ManifestProblem[];
  /** The limits of the answers, as sentences for people. */
  readonly notes: readonly string[];
}

/** The maximum number of problems to list. */
const MAX_LISTED = 10;

/**
 * Parses all manifests in a directory.
 *
 * @param project the names of the platform. Their file is not a manifest
 * @throws {Failure} configuration: an object is invalid, or there is no workload; unreachable: a
 *   file cannot be parsed, so some policies are unknown
 */
export async function readManifests(directory: string, project?: Project): Promise<Reading> {
  const names = project ?? DEFAULT_PROJECT;
  const { objects, problems: broken } = await gatherManifests(directory, undefined, project);
  const { cluster, problems, foreign, undeclared } = readCluster(
    objects.map((object) => ({ value: object.value, where: `${object.file}:${object.line}` })),
  );
  if (problems.length > 0) {
    const lines = problems.map(({ object, kind, namespace, name, where, path, problem }) => {
      const declared = objects.find((each) =>
        `${each.file}:${each.line}` === where && each.kind === kind && each.name === name &&
        (namespace === undefined || (each.namespace ?? "default") === namespace)
      );
      const line = declared === undefined ? where : `${declared.file}:${lineOf(declared, path)}`;
      return `${line}  ${object}  ${path === "" ? "" : `${path}: `}${problem}`;
    });
    throw invalidManifests(
      "configuration",
      directory,
      "the API server would reject these objects",
      lines,
    );
  }
  const unrendered = broken.filter(({ kinds }) => !mayDecideConnections(kinds));
  const deciding = broken.filter(({ kinds }) => mayDecideConnections(kinds));
  if (deciding.length > 0) {
    const lines = deciding.map(({ file, line, column, problem, render }) => {
      const remedy = render === undefined ? "" : `. ${forReach(render)}`;
      return `${file}${line === undefined ? "" : `:${line}:${column ?? 1}`}  ${problem}${remedy}`;
    });
    throw invalidManifests("unreachable", directory, "these files cannot be parsed", lines);
  }
  if (cluster.pods.length === 0) {
    throw new Failure({
      kind: "configuration",
      task: `evaluate ${directory}`,
      problem: "the directory has no workload, such as a Deployment or a Job",
      remedy: "Give a directory that declares workloads with --manifests.",
    });
  }
  return {
    directory,
    cluster: splitPods(cluster, true),
    services: servicesOf(objects.map(({ value }) => value)),
    project: names,
    namespaces: new Set([
      ...cluster.namespaces.keys(),
      ...objects.flatMap(({ namespace }) => namespace ?? []),
      ...namespacesOf(names),
    ]),
    workloads: cluster.pods.length,
    unrendered,
    notes: [
      ...unrendered.map(({ file, problem }) => `${file}: ${problem}`),
      ...foreign.map((each) =>
        `${each} belongs to another API and is not evaluated; it may also decide about connections`
      ),
      ...undeclared.map((name) =>
        `namespace ${name} is not declared; only its name label is known`
      ),
    ],
  };
}

/** The command that renders a file, with a pipe into this command. */
export function forReach(render: string): string {
  return render.replace("preflight", "reach");
}

function invalidManifests(
  kind: FailureKind,
  directory: string,
  problem: string,
  lines: readonly string[],
): Failure {
  const more = lines.length - MAX_LISTED;
  const remedy = [
    "Correct them first.",
    ...lines.slice(0, MAX_LISTED).map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ].join("\n");
  return new Failure({ kind, task: `evaluate ${directory}`, problem, remedy });
}
