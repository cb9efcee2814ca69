import type { Cluster, Kind } from "../../../pipeline/cluster/cluster.ts";
import type { Project } from "../../../pipeline/contract/project.ts";
import { ACCESS, accountsOf } from "../../kubernetes/jobs.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import { joined, readKind } from "./objects.ts";

// The permissions of jobs outside of their project's namespace.

/** The permissions in other namespaces. */
export interface AccessReading {
  /** The service accounts, roles and bindings. */
  readonly objects: readonly ManifestObject[];
  /** The namespaces of which all of them were read. */
  readonly namespaces: readonly string[];
  /** All namespaces in which the jobs run or make pods. */
  readonly all: readonly string[];
}

/** Reads the permissions in the other namespaces in which jobs run or make pods. */
export async function readAccess(
  cluster: Cluster,
  objects: readonly ManifestObject[],
  signal: AbortSignal | undefined,
  project: Project,
): Promise<AccessReading> {
  const own = project.jobs.namespace;
  const all = namespacesOf(objects, project).filter((namespace) => namespace !== own);
  const readings = await Promise.all(all.map(async (namespace) => {
    const kinds = ACCESS.map((kind) => readKind(cluster, kindOf(kind), namespace, signal));
    return { namespace, ...joined(await Promise.all(kinds)) };
  }));
  return {
    objects: readings.flatMap((each) => each.objects),
    namespaces: readings.flatMap((each) => each.unread.length === 0 ? [each.namespace] : []),
    all,
  };
}

function kindOf(kind: string): Kind {
  const group = kind === "ServiceAccount" ? "" : "rbac.authorization.k8s.io/";
  return { apiVersion: `${group}v1`, kind };
}

/** Kinds that can have settings of Spark. */
const SOURCES = /^((Cron)?Job|ConfigMap|Deployment|StatefulSet|.*Spark.*|.*Workflow.*)$/;

/** A setting of the namespace of Spark's pods, in any of its notations. */
const SETTING = /spark\.kubernetes\.namespace[\\"'=:,\s]+([a-z0-9][a-z0-9-]*)/g;

/** The namespaces of jobs, and those that settings of Spark name. */
export function namespacesOf(objects: readonly ManifestObject[], project: Project): string[] {
  const texts = objects.filter(({ kind }) => SOURCES.test(kind))
    .map(({ value }) => JSON.stringify(value));
  return [
    ...new Set([
      ...accountsOf(objects, project).map(({ namespace }) => namespace),
      ...texts.flatMap((text) => [...text.matchAll(SETTING)].map(([, name]) => name!)),
    ]),
  ];
}
