import { JOBS_NAMESPACE, ROBSON_NAMESPACE } from "../../../pipeline/contract/platform.ts";
import type { Finding, Outcome } from "../../finding.ts";
import {
  type Blame,
  deniedOf,
  lookedAt,
  type Meant,
  type Needed,
  outcomeOf,
  workers,
} from "./denial.ts";
import { type Network, objectOf, readNetwork, unjudged } from "./job_network.ts";
import { behind, type Nowhere, whyNowhere } from "./service_backends.ts";
import { blockOf, OUTSIDE_PEER, remedy } from "./policy_fix.ts";
import { type Endpoint, NAME_LABEL, type Pod } from "../../network_policy/model.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck, platformCheck } from "../platform.ts";
import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import { parseAddress } from "../../network_policy/address.ts";
import type { Labels } from "../../kubernetes/metadata.ts";
import { isolating } from "../../network_policy/evaluate.ts";
import { podTemplateOf } from "../../kubernetes/workloads.ts";
import { type Selector, selects } from "../../kubernetes/selectors.ts";
import { UNKNOWABLE } from "../../network_policy/cluster.ts";
import type { Actor, SparkJob } from "./job_pods.ts";

/**
 * The pods of jobs that read the outbox reach Postgres: its policies let them in, theirs let them
 * out. Policies see pods, never a Service. Where the pods of Postgres are not known, only their
 * namespace can be judged.
 */
export const databaseEgress: PlatformCheck = platformCheck({
  id: "database-egress",
  title: "jobs reach Postgres",
  reads: [
    ...[...CONNECTIONS, "Secret"],
    ...inNamespace(ROBSON_NAMESPACE, "Pod", "Service", "EndpointSlice", "NetworkPolicy"),
  ],
  judge(platform) {
    const network = readNetwork(platform);
    const not = unjudged(network);
    if (not !== undefined) return not;
    if (network.isLive && !network.declared.has(ROBSON_NAMESPACE)) {
      return { skip: `there is no namespace ${ROBSON_NAMESPACE} (see namespace-labels)` };
    }
    const reading = workers(network).filter(({ job }) => readsDatabase(job));
    if (reading.length === 0) return { nothing: "no job is given any of DJANGO_DB_*" };
    const databases = new Map<Needed, Database>();
    const nowhere = new Map<string, Finding>();
    for (const { job, actor } of reading) {
      const database = databaseOf(network, job, actor);
      if ("problem" in database) {
        nowhere.set(database.object + database.problem, lost(database));
        continue;
      }
      const { to, every, port, told } = database;
      const target = `${told} on TCP ${port}`;
      const meant = to.every(({ type }) => type === "outside") ? onPort(port) : undefined;
      databases.set(
        { job, actor, to, every, protocol: "TCP", port, target, ...(meant && { meant }) },
        database,
      );
    }
    return judge(network, databases, [...nowhere.values()]);
  },
});

const WHY = "bronze reads the outbox from there, and silver asks it for the time";

function judge(
  network: Network,
  databases: ReadonlyMap<Needed, Database>,
  nowhere: readonly Finding[],
): Outcome {
  const notes = new Set([...databases.values()].flatMap(({ note }) => note ?? []));
  const examined = [lookedAt(network), ...notes].join("; ");
  if (nowhere.length > 0) return { examined, findings: nowhere };
  const [database] = databases.values();
  return outcomeOf(network, deniedOf(network, [...databases.keys()]), examined, {
    why: `${WHY}; a policy sees the labels of pods and namespaces, never a Service`,
    fix: ({ blame }) => fix(blame, database!),
  });
}

/** Addresses on other ports are for the store and the Kubernetes API. */
function onPort(port: number): Meant {
  return ({ ports }) => ports.length === 0 || ports.some((each) => each.port === port);
}

function fix(blame: Blame, { namespace, labels, peer, port, to }: Database): string {
  const isIngress = blame.direction === "ingress";
  const command = remedy(blame, {
    name: "allow-outbox",
    pods: isIngress ? { matchLabels: Object.fromEntries(labels ?? []) } : {},
    peer: isIngress ? JOBS_PEER : peer,
    ports: [{ protocol: "TCP", port }],
  });
  const isKnown = isIngress || labels !== undefined || to.every(({ type }) => type === "outside");
  return isKnown ? command : "To narrow it, add the labels that " +
    `"kubectl -n ${namespace} get pods --show-labels" shows for Postgres: ${command}`;
}

const JOBS_PEER = {
  namespaceSelector: { matchLabels: { [NAME_LABEL]: JOBS_NAMESPACE } },
};

function lost(nowhere: Nowhere): Finding {
  return { severity: "fail", ...nowhere, why: WHY };
}

/** Where the running system has its Postgres. */
const DEFAULT_HOST = "paradedb.robson.svc.cluster.local";
const DEFAULT_PORT = 5432;

/** The Postgres that a job reads. */
interface Database {
  /** Its pods, or the addresses that stand for it outside of the cluster. */
  readonly to: readonly Endpoint[];
  /** Whether its Service may lead to any of them. */
  readonly every: boolean;
  /** The port that is listened on there. */
  readonly port: number;
  /** How it is told. */
  readonly told: string;
  /** The namespace of its pods. */
  readonly namespace: string;
  /** The labels of its pods, where they are known. */
  readonly labels?: Labels;
  /** How a policy's rule means it. */
  readonly peer: Fields;
  /** What could not be judged. */
  readonly note?: string;
}

/** Whether a job is told where Postgres is, or how to log in. */
function readsDatabase({ environment }: SparkJob): boolean {
  return [...environment.names].some((name) => name.startsWith("DJANGO_DB_"));
}

/** Finds the Postgres that a job reads, as far as it is known; or why there is none to connect to. */
function databaseOf(network: Network, job: SparkJob, actor: Actor): Database | Nowhere {
  const given = Number(job.environment.value("DJANGO_DB_PORT"));
  const port = Number.isInteger(given) && given > 0 && given < 65536 ? given : DEFAULT_PORT;
  const host = job.environment.value("DJANGO_DB_HOST") ?? "";
  const address = parseAddress(host);
  const place = serviceOf(/^[a-z0-9.-]+$/.test(host) ? host : DEFAULT_HOST, network, job);
  if (address !== undefined || place === undefined) return outside(host, port, job);
  const { name, namespace } = place;
  const service = objectOf(network, "Service", name, namespace);
  const spec = service && isFields(service.value.spec) ? service.value.spec : {};
  if (typeof spec.externalName === "string") return outside(spec.externalName, port, job);
  const end = service && behind(network, service, { protocol: "TCP", port });
  if (network.isLive && namespace === ROBSON_NAMESPACE) {
    const nowhere = whyNowhere(network, service, end, { namespace, port });
    if (nowhere !== undefined) return nowhere;
  }
  const isTold = end !== undefined && (isFields(spec.selector) || end.to.length > 0);
  const found = isTold
    ? { ...end, every: true }
    : { to: likePostgres(network, name, namespace), port, every: false };
  const told = `Postgres in namespace ${namespace}`;
  const [first] = found.to;
  if (first?.type === "pod") {
    const labels = isFields(spec.selector) ? selectorOf(spec.selector) : known(first);
    return { ...found, told, namespace, labels, peer: podsOf(namespace, labels) };
  }
  if (first !== undefined) return { ...found, told, namespace, peer: blockOf(first.address) };
  const note =
    `no Postgres is declared in ${namespace}, so its pods' labels are not judged, only ` +
    "their namespace";
  const to = imagined(network, actor.pod, namespace);
  return { ...found, to, every: false, told, namespace, peer: podsOf(namespace), note };
}

function podsOf(namespace: string, labels?: Labels): Fields {
  return {
    namespaceSelector: { matchLabels: { [NAME_LABEL]: namespace } },
    ...(labels === undefined ? {} : { podSelector: { matchLabels: Object.fromEntries(labels) } }),
  };
}

/** What selects all of its pods, and no less: pods of a cluster have labels of their own, too. */
function selectorOf(selector: Fields): Labels {
  return new Map(Object.entries(selector).map(([key, value]) => [key, String(value)]));
}

/** The labels that are the same for all of its pods. */
function known({ labels }: Pod): Labels {
  return new Map([...labels].filter(([, value]) => value !== UNKNOWABLE));
}

/** The Service that a name in the cluster stands for; a pod's name may come before it. */
function serviceOf(host: string, { cluster }: Network, { object }: SparkJob) {
  const inCluster = /\.svc(\.cluster\.local)?\.?$/;
  const isInside = inCluster.test(host);
  const names = host.replace(inCluster, "").split(".");
  const [name = "", namespace = object.namespace ?? "default", ...rest] =
    isInside && names.length === 3 ? names.slice(1) : names;
  const known = isInside || cluster.namespaces.has(namespace);
  return known && rest.length === 0 ? { name, namespace } : undefined;
}

/** A database that is no pod: its address, or any address where only a name is known. */
function outside(host: string, port: number, { object }: SparkJob): Database {
  const literal = parseAddress(host);
  return {
    to: [{ type: "outside", address: literal ?? parseAddress("198.41.0.4")! }],
    every: true,
    ...{ port, told: "Postgres outside of the cluster", namespace: object.namespace ?? "default" },
    ...(literal ? { peer: blockOf(literal) } : {
      peer: OUTSIDE_PEER,
      note: "only the name of Postgres is known, so any address stands for it",
    }),
  };
}

/** Pods that look like Postgres, where no Service tells them. */
function likePostgres(network: Network, service: string, namespace: string): Pod[] {
  return network.cluster.pods.filter((pod) => {
    if (pod.namespace !== namespace) return false;
    if (pod.name === service) return true;
    const object = objectOf(network, pod.kind, pod.name, namespace)?.value;
    const template = object && podTemplateOf(object)?.spec;
    return listOf(isFields(template) ? template.containers : []).some(({ image, ports }) =>
      /postgres|paradedb/.test(String(image)) && !/exporter|bouncer|client/.test(String(image)) ||
      listOf(ports).some(({ containerPort }) => containerPort === DEFAULT_PORT)
    );
  });
}

/** Pods that nobody declared: one for each rule that may be there for them, with the labels it wants. */
function imagined(network: Network, from: Pod, namespace: string): Pod[] {
  const ofNamespace = network.cluster.namespaces.get(namespace)?.labels ?? new Map();
  const wanted = isolating(network.cluster, from, "egress")
    .flatMap(({ rules }) => rules.egress)
    .flatMap(({ peers }) => peers)
    .flatMap((peer): Labels[] => {
      if (peer.type !== "pods" || peer.namespaces === undefined || peer.pods === undefined) {
        return [];
      }
      return selects(peer.namespaces, ofNamespace) ? [labelsFor(peer.pods)] : [];
    });
  return [new Map<string, string>(), ...wanted].map((labels, i): Pod => ({
    ...{
      type: "pod",
      namespace,
      kind: "StatefulSet",
      name: i === 0 ? "postgres" : `postgres-${i}`,
    },
    ...{ labels, ports: [], hostNetwork: false, addresses: [], several: true },
  }));
}

/** Labels that fulfil a selector, as far as labels can: for a pod that nobody declared. */
function labelsFor({ requirements }: Selector): Labels {
  const labels = new Map<string, string>();
  for (const { key, operator, values } of requirements) {
    if (operator === "In") labels.set(key, values[0]!);
    if (operator === "Exists" && !labels.has(key)) labels.set(key, "");
  }
  return labels;
}
