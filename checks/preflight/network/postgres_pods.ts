import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import { podTemplatesOf } from "../../kubernetes/workloads.ts";
import type { Pod } from "../../network_policy/model.ts";
import { type Network, objectOf } from "./job_network.ts";

/** The name of the image of a server, as in `bitnami/postgresql-repmgr:16`. */
const SERVER = /(^|[_-])(postgres|postgresql|paradedb)\d*([_-]|$)/;

/** The names of images that only use Postgres, as in `prom/postgres-exporter`. */
const USER =
  /admin|backup|bouncer|client|dump|exporter|meta|migrat|operator|pool|proxy|restore|sync|tool/;

/** Programs and options that start a server. A shell starts what its text says. */
const STARTS = /(^|\/)(postgres|patroni|pg_ctl|docker-entrypoint\.sh|entrypoint\.sh)$|^-/;

/** Finds the pods that run Postgres, by their name, image or port. For a Service without pods. */
export function postgresPods(
  network: Network,
  service: string,
  namespace: string,
  port: number,
): Pod[] {
  return network.cluster.pods.filter((pod) => {
    if (pod.namespace !== namespace) return false;
    if (pod.name === service) return true;
    // A Job ends, so it is a client of Postgres: it stores a backup, or changes the tables.
    if (pod.kind === "Job" || pod.kind === "CronJob") return false;
    const object = objectOf(network, pod.kind, pod.name, namespace)?.value;
    const specs = object === undefined ? [] : podTemplatesOf(object).map(({ spec }) => spec);
    return specs.flatMap((spec) => listOf(isFields(spec) ? spec.containers : []))
      .some((container) => isPostgres(container, port));
  });
}

/**
 * Returns whether a container runs a server of Postgres: it has the port of Postgres, or its image is
 * one of Postgres and it starts no other program, such as `psql` or `sleep`.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { isPostgres } from "./postgres_pods.ts";
 *
 * assert(isPostgres({ image: "postgres:16" }, 5432));
 * assert(!isPostgres({ image: "postgres:16", command: ["psql"] }, 5432));
 * assert(!isPostgres({ image: "postgrest/postgrest" }, 5432));
 * ```
 */
export function isPostgres(container: Fields, port: number): boolean {
  if (listOf(container.ports).some(({ containerPort }) => containerPort === port)) return true;
  const image = String(container.image).replace(/^.*\/|[:@].*$/g, "");
  if (!SERVER.test(image) || USER.test(image)) return false;
  const [program, ...rest] = [container.command, container.args].flat().filter((each) =>
    typeof each === "string"
  );
  if (program === undefined || STARTS.test(program)) return true;
  return /(^|\/)(ba|da|a)?sh$/.test(program) &&
    rest.some((word) =>
      word.split(/[\s;&|]+/).some((each) => STARTS.test(each) && each[0] !== "-")
    );
}
