import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import { A_HOST, hostFault } from "../../../pipeline/config/database.ts";
import type { Finding, Place } from "../../finding.ts";
import { isFilledValue } from "../../kubernetes/filled_values.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import { jobContainers } from "../../kubernetes/job_containers.ts";
import { hasPlaceholder } from "../../kubernetes/placeholders.ts";
import type { Container, Workload } from "../../kubernetes/workloads.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { valuesOf } from "./variable_values.ts";
import { hostOfUrl, isDeveloperHost, isLocalHost } from "../../network_policy/local_host.ts";

/** A variable that names a server. */
interface ServerVariable {
  /** The hosts in a value. */
  readonly hosts: (value: string) => readonly string[];
  /** The server for people. */
  readonly server: string;
  /** Describes a value that works. */
  readonly example: (project: Project) => string;
}

const DATABASE: ServerVariable = {
  hosts: (hosts) => hosts.split(",").map(withoutOthers),
  server: "Postgres",
  example: ({ database }) => `the host of Postgres as pods see it, as in ${database.host}`,
};

const STORE: ServerVariable = {
  hosts: (url) => [hostOfUrl(url)],
  server: "the object store",
  example: ({ lake }) => `the URL of the store as pods see it, as in ${lake.endpoint}`,
};

/** A variable or a setting whose value is a URL of the database, or parameters of libpq. */
const CONNECTION: ServerVariable = {
  hosts: hostsOf,
  server: "Postgres",
  example: ({ database }) => `a URL with the host of Postgres, as in ${database.host}`,
};

/** The names of variables and settings, and the server that their values name. */
const SERVERS: readonly (readonly [RegExp, ServerVariable])[] = [
  [/^(DJANGO_DB_HOST|PGHOST|POSTGRES_(HOST|SERVER)|DB_HOST|DATABASE_HOST)$/, DATABASE],
  [/^AWS_(S3_)?ENDPOINT(_URL)?(_S3)?$/, STORE],
  [/^(AWS_)?(S3A?|MINIO|CEPH|RGW|OBJECT_STORE|FS_S3A)_(\w+_)?(ENDPOINT|URL)(_URL)?$/, STORE],
  [/^spark\.hadoop\.fs\.s3a\.(bucket\.[\w.-]+\.)?endpoint$/, STORE],
];

/** A host without the parts of a URL that do not belong into a variable for a host. */
function withoutOthers(text: string): string {
  return text.trim().replace(/^[a-z][a-z\d+.-]*:\/\//i, "").replace(/^[^/]*@/, "")
    .replace(/[/?].*$/, "").replace(/^(\[[^\]]*\]|[^:]*):\d*$/, "$1");
}

function serverOf(name: string, value: string): ServerVariable | undefined {
  return SERVERS.find(([pattern]) => pattern.test(name))?.[1] ??
    (hostsOf(value).length > 0 ? CONNECTION : undefined);
}

/** The hosts in a URL of Postgres, or in the parameters of libpq; empty for another text. */
function hostsOf(text: string): string[] {
  const authority = /^(?:jdbc:)?postgres(?:ql)?(?:\+\w+)?:\/\/(?:[^\s/]*@)?([^\s/?]*)/i.exec(
    text.trim(),
  )?.[1];
  const listed = /(?:^|\s)(?:dbname|user)=/.test(text)
    ? /(?:^|\s)host=([^\s]+)/.exec(text)?.[1]
    : undefined;
  return (authority ?? listed ?? "").split(",").filter((each) => each !== "")
    .map((each) => each.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1"));
}

/** Why pods cannot reach the server that a value names. */
export interface ServerProblem {
  /**
   * What the value names: the pod itself, the machine of a developer, or no host. Only the pods of
   * Docker on that machine find it by this name.
   */
  readonly names: "pod" | "developer" | "nothing";
  /** The problem, without the value. */
  readonly problem: string;
  /** The correction. */
  readonly fix: string;
}

/**
 * Returns the reason why pods cannot reach the server that a value names: the value names the pod
 * itself, or is no host. The reason does not repeat the value.
 *
 * @param name the variable of the value, as in `DJANGO_DB_HOST`
 * @returns undefined for any other value or variable
 */
export function serverProblem(
  name: string,
  value: string,
  project: Project = DEFAULT_PROJECT,
): ServerProblem | undefined {
  if (isFilledValue(value)) return undefined;
  const variable = serverOf(name, value);
  const hosts = variable?.hosts(value) ?? [];
  const fix = `Set ${name} to ${variable?.example(project)}.`;
  if (hosts.some(isDeveloperHost)) {
    const problem = `${name} names the machine that runs Docker, which other clusters do not know`;
    return { names: "developer", problem, fix };
  }
  if (!hosts.some(isLocalHost)) {
    const fault = name === "DJANGO_DB_HOST" ? hostFault(value.trim()) : undefined;
    if (fault === undefined || value.trim() === "" || /\$\(|\{\{/.test(value)) return undefined;
    return { names: "nothing", problem: `${name}: ${fault}`, fix: `Set ${name} to ${A_HOST}` };
  }
  return {
    names: "pod",
    problem: `${name} names a loopback host, which for a pod is the pod itself`,
    fix,
  };
}

/** Returns whether a container runs the jobs of this toolkit, which read S3_ENDPOINT as a URL. */
function isOurs({ image, words }: Container, { jobs }: Project): boolean {
  const nameOf = (text: string) => text.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return nameOf(image) === nameOf(jobs.image) ||
    words.some(({ text }) => /\/deep-storage\/jobs\//.test(text));
}

/** Returns whether an address has no scheme, as in `s3.example.com:9000`. */
function isWithoutScheme(value: string): boolean {
  return /^[\w.-]+(:\d+)?\/*$/.test(value.trim());
}

function withoutScheme(place: Place, { lake }: Project): Finding {
  return {
    severity: "fail",
    ...place,
    problem: "S3_ENDPOINT has no scheme",
    why: "the job takes only a URL that begins with https:// or http://, and stops at its start",
    fix: `Set S3_ENDPOINT to a URL: https://<host>, as in ${lake.endpoint}.`,
  };
}

/**
 * Finds the variables of jobs that name the pod itself where a server is meant, and endpoints of the
 * store without a scheme.
 */
export function localServers(
  jobs: readonly Workload[],
  objects: readonly ManifestObject[],
  project: Project,
): Finding[] {
  const findings = new Map<string, Finding>();
  for (const job of jobs) {
    const hasOthers = job.containers.filter(({ isInit }) => !isInit).length > 1;
    const own = jobContainers(job);
    for (const container of job.containers) {
      for (const { name, value, place } of valuesOf(container, job, objects)) {
        // A sidecar can have a placeholder, which a tool fills in.
        if (!own.includes(container) && hasPlaceholder(value)) continue;
        const found = serverProblem(name, value, project);
        const key = `${place.object} ${place.field}`;
        if (findings.has(key)) continue;
        if (found === undefined) {
          if (name === "S3_ENDPOINT" && isOurs(container, project) && isWithoutScheme(value)) {
            findings.set(key, withoutScheme(place, project));
          }
          continue;
        }
        const { problem, fix } = found;
        findings.set(key, { ...place, problem, fix, ...effectOf(found, name, value, hasOthers) });
      }
    }
  }
  return [...findings.values()];
}

/** The severity of a problem, and its reason. */
function effectOf(
  { names }: ServerProblem,
  name: string,
  value: string,
  hasOthers: boolean,
): Pick<Finding, "severity" | "why"> {
  if (names === "nothing") {
    return { severity: "fail", why: "the job refuses the value, and ends before it connects" };
  }
  if (names === "developer") {
    return { severity: "warn", why: "the pods find the name only in a cluster of Docker Desktop" };
  }
  return hasOthers
    ? {
      severity: "warn",
      why: "only a container of the same pod can answer there, and executors are other pods",
    }
    : {
      severity: "fail",
      why: `no container of the job's pod is ${serverOf(name, value)!.server}`,
    };
}

/** Finds the settings of Spark that name the pod itself where a server is meant. */
export function localSettings(
  { workload, settings, environment }: SparkJob,
  project: Project,
): Finding[] {
  const hasOthers = workload.containers.filter(({ isInit }) => !isInit).length > 1;
  // The variable that a setting comes from is reported, and not the setting.
  const variables = [...environment.names].filter((name) => {
    const value = environment.value(name);
    return value !== undefined && serverProblem(name, value, project) !== undefined;
  }).map((name) => environment.value(name)?.trim());
  return [...settings.values()].filter(({ source, unknown }) =>
    source !== "fallback" && source !== "variable" && unknown === undefined
  ).flatMap(({ key, value, place }): Finding[] => {
    if (variables.includes(value)) return [];
    // Spark gives these variables to its pods.
    const name = key.replace(/^spark\.(executorEnv|kubernetes\.driverEnv)\./, "");
    const found = serverProblem(name, value, project);
    if (found === undefined || found.names === "nothing") return [];
    const { problem, fix } = found;
    return [{ ...place, problem, fix, ...effectOf(found, name, value, hasOthers) }];
  });
}
