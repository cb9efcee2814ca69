import { fieldsIn, listOf } from "../../kubernetes/fields.ts";
import type { Policy, Protocol, Rule } from "../../network_policy/model.ts";
import { type Network, objectOf } from "./job_network.ts";
import { fitOf, type Purpose, PURPOSES } from "./policy_purpose.ts";
import { backendsOf } from "./service_backends.ts";
import { storeOf } from "./store_endpoint.ts";

/** A variable with the port of a server. */
export type PortVariable = "DJANGO_DB_PORT" | "S3_ENDPOINT";

/** The ports on which DNS pods without the right to open port 53 listen, behind the Service. */
export const DNS_POD_PORTS: readonly number[] = [5353, 8053, 1053];

/** The ports of API servers that do not listen on 6443: of managed clusters, minikube and MicroK8s. */
export const OTHER_API_PORTS: readonly number[] = [443, 8443, 16443];

const DATABASE_PORT = 5432;

/**
 * Returns the ports of DNS and the API, and those of Postgres and the store of the jobs. A Service
 * with one of these ports can lead to another port of its pods.
 */
export function neededPorts(network: Network): ReadonlySet<string> {
  const ports = new Set(["UDP 53", "TCP 53", "TCP 443", "TCP 6443"]);
  if (network.jobs.length === 0) ports.add(`TCP ${DATABASE_PORT}`);
  for (const job of network.jobs) {
    const { environment, master, actors } = job;
    ports.add(`TCP ${environment.value("DJANGO_DB_PORT") || DATABASE_PORT}`);
    if (actors[0] !== undefined) ports.add(`TCP ${storeOf(network, job, actors[0].pod).port}`);
    for (const url of [environment.value("S3_ENDPOINT"), master?.value.slice("k8s://".length)]) {
      ports.add(`TCP ${URL.parse(url ?? "")?.port}`);
    }
  }
  const targets = network.manifests.objects.filter(({ kind }) => kind === "Service")
    .flatMap((service) =>
      listOf(fieldsIn(service.value.spec).ports).flatMap(({ port, protocol = "TCP" }) =>
        typeof port === "number" && ports.has(`${protocol} ${port}`)
          ? [{ service, port, protocol: protocol as Protocol }]
          : []
      )
    );
  for (const { service, ...asked } of targets) {
    ports.add(`${asked.protocol} ${backendsOf(network, service, asked).port}`);
  }
  return ports;
}

/** Returns whether DNS can listen on a port. Only a cluster shows the ports of its pods. */
export function mayBeOfDns({ isLive }: Network, port: number | string | undefined): boolean {
  return !isLive && typeof port === "number" && DNS_POD_PORTS.includes(port);
}

/** Returns whether a job has a variable whose value is not known. */
export function hasUnknown({ jobs }: Pick<Network, "jobs">, name: PortVariable): boolean {
  return jobs.some(({ environment }) => {
    const variable = environment.variable(name);
    return variable !== undefined && variable.value === undefined;
  });
}

/**
 * Returns whether the only port of a rule is wrong: no job needs it, and no value that is not known
 * can be this port.
 */
export function isWrongPort(
  network: Network,
  { name, namespace }: Policy,
  { ports }: Rule,
  purpose: Purpose,
): boolean {
  const [only, ...others] = ports;
  if (typeof only?.port !== "number" || only.endPort !== undefined || others.length > 0) {
    return false;
  }
  // Without a cluster, the port of the API server is not known.
  if (purpose === "spark" || purpose === "api" && !network.isLive) return false;
  if (mayBeOfDns(network, only.port)) return false;
  if (neededPorts(network).has(`${only.protocol} ${only.port}`)) {
    return false;
  }
  const object = objectOf(network, "NetworkPolicy", name, namespace);
  const isFor = (each: Purpose) => fitOf(object, name, each) === 2;
  const isOnlyForThis = isFor(purpose) && !PURPOSES.some((each) => each !== purpose && isFor(each));
  const mayBe = (each: Purpose) => each === purpose || !isOnlyForThis;
  return !(mayBe("database") && hasUnknown(network, "DJANGO_DB_PORT")) &&
    !(mayBe("store") && hasUnknown(network, "S3_ENDPOINT"));
}
