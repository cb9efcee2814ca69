import type { Finding, Place } from "../../finding.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { isFilledByTool } from "../../kubernetes/filled_values.ts";
import { jobContainers } from "../../kubernetes/job_containers.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { type Container, dataOf, type Workload } from "../../kubernetes/workloads.ts";
import { problemOfPlain } from "./secret_values.ts";

/** Variables with the address of a server, or with a login. */
const LOGIN =
  /^(DJANGO_DB_\w+|PG(HOST|PORT|USER|PASSWORD|DATABASE|SSLMODE|SSLROOTCERT)|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|DEFAULT_REGION|ENDPOINT_URL\w*)|S3_(ENDPOINT|BUCKET|REGION))$/;

/** What Kubernetes, a tool or a shell replaces in a value. The check timestamp-env judges shells. */
const REPLACED = /\$[({]|\{\{|`/;

/**
 * Judges the values of servers and logins that jobs do not get from a Secret, but from the manifest of
 * the job or from a ConfigMap: a block of YAML ends with a newline there too.
 */
export function plainValues(
  jobs: readonly Workload[],
  objects: readonly ManifestObject[],
): Finding[] {
  const findings = new Map<string, Finding>();
  for (const job of jobs) {
    for (const container of jobContainers(job)) {
      for (const { name, value, place, isSecret } of valuesOf(container, job, objects)) {
        if (isSecret || value === "" || !LOGIN.test(name) || REPLACED.test(value)) continue;
        const trouble = problemOfPlain(value);
        if (trouble === undefined || trouble.isUncertain) continue;
        findings.set(`${place.object} ${place.field}`, {
          severity: "fail",
          ...place,
          problem: `the value of ${name} ${trouble.problem}`,
          why: "a job gets exactly this value, and cannot connect with it",
          fix: trouble.fix,
        });
      }
    }
  }
  return [...findings.values()];
}

/** The value of a variable. */
export interface Value {
  /** The variable, as in `S3_BUCKET`. */
  readonly name: string;
  /** The value, before Kubernetes replaces `$(NAME)`. */
  readonly value: string;
  /** The place that contains the value. */
  readonly place: Place;
  /** True if the value comes from a Secret. */
  readonly isSecret: boolean;
}

/** The values of a container's variables, each with the place that contains the value. */
export function valuesOf(
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
    if (value !== undefined) {
      return [{ name, value, place: placeOf(object, `${path}.value`), isSecret: false }];
    }
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
  if (value === undefined || isFilledByTool(object)) return [];
  const { stringData } = object.value;
  // A Secret of the cluster is read as plain text, but has its values in data.
  const isPlain = object.file !== undefined && isFields(stringData) && key in stringData;
  const field = isPlain ? "stringData" : "data";
  const isSecret = object.kind === "Secret";
  return [{ name, value, place: placeOf(object, `${field}.${key}`), isSecret }];
}
