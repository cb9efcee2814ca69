import { type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import { naming } from "../../list_names.ts";
import { type Behind, portsOf } from "./service_backends.ts";
import type { Network } from "./job_network.ts";

/** Why there is no Postgres to connect to, in a cluster that was looked into. */
export interface Nowhere {
  /** The Service, or what should have one. */
  readonly object: string;
  /** The field that decides. */
  readonly field?: string;
  /** What is wrong with it. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/**
 * What keeps every connection to Postgres from arriving, whatever policies say.
 *
 * @param service the one that DJANGO_DB_HOST means; that name may come from a Secret, and is not told
 */
export function whyNowhere(
  { manifests: { objects } }: Network,
  service: ManifestObject | undefined,
  end: Behind | undefined,
  { namespace, port }: { readonly namespace: string; readonly port: number },
): Nowhere | undefined {
  if (service === undefined || end === undefined) {
    const others = objects.filter((each) => each.kind === "Service" && each.namespace === namespace)
      .map(({ name }) => name);
    return {
      object: `Namespace ${namespace}`,
      problem: "it has no Service by the name that DJANGO_DB_HOST says; " +
        `it has ${naming(others) || "none"}`,
      fix: "Correct DJANGO_DB_HOST: deno task secrets",
    };
  }
  const common = { object: objectId(service) };
  const ports = portsOf(service);
  if (!ports.includes(port)) {
    return {
      ...{ ...common, field: "spec.ports" },
      problem: `it has no port ${port}; it has ${naming(ports.map(String)) || "none"}`,
      fix: `Set DJANGO_DB_PORT to a port that it has, or add ${port} to it.`,
    };
  }
  if (end.to.length > 0) return undefined;
  return {
    ...{ ...common, field: "spec.selector" },
    problem: "there is no pod behind it, nor any other address",
    fix: `Start Postgres, or correct the selector: kubectl -n ${namespace} get pods --show-labels`,
  };
}
