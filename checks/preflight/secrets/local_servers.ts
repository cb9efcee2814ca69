import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import type { Finding, Place } from "../../finding.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { type Container, dataOf, type Workload } from "../../kubernetes/workloads.ts";
import { isLocalHost, isLocalUrl } from "../../network_policy/local_host.ts";

/** A variable that names a server. */
interface ServerVariable {
  /** Returns whether the value names the machine that connects. */
  readonly isLocal: (value: string) => boolean;
  /** The server for people. */
  readonly server: string;
  /** Describes a value that works. */
  readonly example: (project: Project) => string;
}

const DATABASE: ServerVariable = {
  isLocal: (hosts) => hosts.split(",").some(isLocalHost),
  server: "Postgres",
  example: ({ database }) => `the host of Postgres as pods see it, as in ${database.host}`,
};

const STORE: ServerVariable = {
  isLocal: isLocalUrl,
  server: "the object store",
  example: ({ lake }) => `the URL of the store as pods see it, as in ${lake.endpoint}`,
};

const SERVERS: Readonly<Record<string, ServerVariable>> = {
  DJANGO_DB_HOST: DATABASE,
  PGHOST: DATABASE,
  S3_ENDPOINT: STORE,
  AWS_ENDPOINT_URL: STORE,
  AWS_ENDPOINT_URL_S3: STORE,
};

/**
 * Returns the reason why pods cannot reach the server that a value names, because the value names the
 * pod itself. The reason does not repeat the value.
 *
 * @param name the variable of the value, as in `DJANGO_DB_HOST`
 * @returns undefined for any other value or variable
 */
export function localServerProblem(
  name: string,
  value: string,
  project: Project = DEFAULT_PROJECT,
): { readonly problem: string; readonly fix: string } | undefined {
  const variable = Object.hasOwn(SERVERS, name) ? SERVERS[name]! : undefined;
  if (!variable?.isLocal(value)) return undefined;
  return {
    problem: `${name} names a loopback host, which for a pod is the pod itself`,
    fix: `Set ${name} to ${variable.example(project)}.`,
  };
}

/** Finds the variables of jobs that name the pod itself where a server is meant. */
export function localServers(
  jobs: readonly Workload[],
  objects: readonly ManifestObject[],
  project: Project,
): Finding[] {
  const findings = new Map<string, Finding>();
  for (const job of jobs) {
    const hasOthers = job.containers.filter(({ isInit }) => !isInit).length > 1;
    for (const container of job.containers) {
      for (const { name, value, place } of valuesOf(container, job, objects)) {
        const found = localServerProblem(name, value, project);
        const key = `${place.object} ${place.field}`;
        if (found === undefined || findings.has(key)) continue;
        const { server } = SERVERS[name]!;
        findings.set(key, {
          severity: hasOthers ? "warn" : "fail",
          ...place,
          problem: found.problem,
          why: hasOthers
            ? `only a container of the same pod can answer there, and executors are other pods`
            : `no container of the job's pod is ${server}`,
          fix: found.fix,
        });
      }
    }
  }
  return [...findings.values()];
}

interface Value {
  readonly name: string;
  readonly value: string;
  readonly place: Place;
}

/** The values of a container's variables, each with the place that contains the value. */
function valuesOf(
  { env, fields }: Container,
  { object }: Workload,
  objects: readonly ManifestObject[],
): Value[] {
  const find = (kind: string, reference: Fields) =>
    ofKind(objects, kind, namespaceOf(object)).find(({ name }) => name === textOf(reference.name));
  const inherited = listOf(fields.envFrom).flatMap((source) =>
    SOURCES.flatMap(([field, kind]) => {
      const reference = source[`${field}Ref`];
      const found = isFields(reference) ? find(kind, reference) : undefined;
      const prefix = textOf(source.prefix) ?? "";
      return [...dataOf(found?.value).keys()].flatMap((key) =>
        found === undefined ? [] : keyValue(`${prefix}${key}`, found, key)
      );
    })
  );
  const own = env.flatMap(({ name, value, valueFrom, path }) => {
    if (value !== undefined) return [{ name, value, place: placeOf(object, `${path}.value`) }];
    return SOURCES.flatMap(([field, kind]) => {
      const reference = valueFrom?.[`${field}KeyRef`];
      const found = isFields(reference) ? find(kind, reference) : undefined;
      const key = isFields(reference) ? textOf(reference.key) : undefined;
      return found === undefined || key === undefined ? [] : keyValue(name, found, key);
    });
  });
  return [...inherited, ...own];
}

const SOURCES = [["configMap", "ConfigMap"], ["secret", "Secret"]] as const;

function keyValue(name: string, object: ManifestObject, key: string): Value[] {
  const value = dataOf(object.value).get(key);
  if (value === undefined) return [];
  const { stringData } = object.value;
  // A Secret of the cluster is read as plain text, but has its values in data.
  const isPlain = object.file !== undefined && isFields(stringData) && key in stringData;
  const field = isPlain ? "stringData" : "data";
  return [{ name, value, place: placeOf(object, `${field}.${key}`) }];
}
