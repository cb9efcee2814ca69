import { runEnds } from "../run_end.ts";
import { shell } from "../../../pipeline/shell.ts";
import type { Finding, Fix, Outcome } from "../../finding.ts";
import { naming } from "../../list_names.ts";
import { explained } from "../change.ts";
import { hasFailure, leavingOut } from "../outcome.ts";
import { type Fields, isFields } from "../../kubernetes/fields.ts";
import type { Labels } from "../../kubernetes/metadata.ts";
import { type ManifestObject, placeOf } from "../../kubernetes/objects.ts";
import { parseAddress, parseHost, publicPart } from "../../network_policy/address.ts";
import { isDeveloperHost, isLocalHost } from "../../network_policy/local_host.ts";
import {
  type Endpoint,
  NAME_LABEL,
  type Pod,
  podId,
  UNKNOWN_VALUE,
} from "../../network_policy/model.ts";
import { judgeHost } from "../../network_policy/open_ports.ts";
import { besideDatabase, CONNECTIONS, type PlatformCheck } from "../platform.ts";
import { connectionCheck } from "./connection_check.ts";
import {
  codePods,
  type DeniedConnection,
  deniedConnections,
  examinedPods,
  judgeDenied,
  type RequiredConnection,
  type RuleFilter,
} from "./denial.ts";
import { type Network, objectOf, reasonNotToJudge } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
import { operatorPods } from "./operator_databases.ts";
import { postgresPods } from "./postgres_pods.ts";
import { blockOf, deniedBlocks, fixDenial, OUTSIDE_PEER } from "./policy_fix.ts";
import { newPolicyFor } from "./schedule_policies.ts";
import {
  assumedPods,
  doubtAboutAddress,
  endAt,
  mayBeInside,
  mayBeOutside,
  podWith,
  projectPods,
  serviceAt,
  serviceBehind,
  type ServiceName,
  serviceOf,
} from "./service_host.ts";
import {
  absentService,
  backendsOf,
  selectedBy,
  type UnreachableService,
  whyEmpty,
  whyUnlisted,
  whyUnreachable,
} from "./service_backends.ts";

/**
 * The pods of jobs that read the outbox reach Postgres: the policies of both namespaces allow the
 * connection. Policies select pods, never a Service. If the pods of Postgres are not declared, the
 * project file has their labels. Without those, only their namespace is checked.
 */
export const databaseEgress: PlatformCheck = connectionCheck({
  id: "database-egress",
  title: "jobs reach Postgres",
  reads: [
    ...CONNECTIONS,
    "Secret",
    ...besideDatabase("Pod", "Service", "EndpointSlice", "NetworkPolicy"),
  ],
  judge(platform) {
    const network = platform.network;
    const notJudged = reasonNotToJudge(network, true);
    if (notJudged !== undefined) return notJudged;
    const { namespace } = platform.project.database;
    if (network.isLive && !network.declared.has(namespace)) {
      return { skip: `namespace ${namespace} does not exist (see namespace-labels)` };
    }
    const readers = codePods(network).filter(({ job }) => readsDatabase(job));
    if (readers.length === 0) {
      return { notApplicable: "no job has any of the variables DJANGO_DB_*" };
    }
    const remote = readers.filter(({ job }) =>
      !isLocalHost(hostOf(job)) && !isDeveloperHost(hostOf(job))
    );
    if (remote.length === 0) {
      return { skip: "DJANGO_DB_HOST names no server that pods reach (see secret-escaping)" };
    }
    const databases = new Map<RequiredConnection, Database>();
    const unreachable = new Map<string, Finding>();
    const unknown = new Set<string>();
    const filled = remote.filter(({ job }) => hostOf(job).includes("{{"));
    for (const { job, actor } of remote.filter((each) => !filled.includes(each))) {
      const database = databaseOf(network, job, actor);
      if ("unknown" in database) {
        unknown.add(database.unknown);
        continue;
      }
      if ("problem" in database) {
        unreachable.set(database.object + database.problem, unreachableFinding(database));
        continue;
      }
      const { to, every, port, label } = database;
      const isOutside = to.every(({ type }) => type === "outside");
      databases.set({
        job,
        actor,
        to,
        every,
        protocol: "TCP",
        port,
        purpose: "database",
        destination: label,
        ...(isOutside ? { isCandidate: allowsPort(port) } : {}),
      }, database);
    }
    const outcome = judge(network, databases, [...unreachable.values()]);
    if (filled.length > 0) {
      unknown.add(
        "a controller fills in DJANGO_DB_HOST of " +
          naming([...new Set(filled.map(({ job }) => job.label))]),
      );
    }
    return unknown.size === 0 || hasFailure(outcome) ? outcome : { unknown: naming([...unknown]) };
  },
}, readsDatabase);

const WHY = "bronze reads the outbox from Postgres, and silver reads the time from Postgres; " +
  runEnds("after retries", "Cannot read from");

function judge(
  network: Network,
  databases: ReadonlyMap<RequiredConnection, Database>,
  unreachable: readonly Finding[],
): Outcome {
  const notes = new Set([...databases.values()].flatMap(({ note }) => note ?? []));
  const examined = { examined: examinedPods(network), ...leavingOut(...notes) };
  const selectors = new Map<ManifestObject, Finding>();
  const denials = new Map([...databases].flatMap(([required, database]) => {
    const { instead } = database;
    if (instead !== undefined && isOpenOnlyTo(network, required, instead.to)) {
      selectors.set(instead.service, selectorFinding(instead.service, instead.to));
      return [];
    }
    const { actor, to, port } = required;
    const doubt = doubtAboutAddress(network, actor.pod, to, port) ??
      doubtAboutName(network, required);
    return deniedConnections(network, [required]).map((each) => {
      const why = doubt ?? (each.cause.kind === "port" ? database.doubt : undefined);
      return [why === undefined ? each : { ...each, doubt: why }, database] as const;
    });
  }));
  const apart = [...unreachable, ...selectors.values()];
  if (apart.length > 0) return { ...examined, findings: apart };
  const denied = [...denials.keys()];
  // Another job may need the present peer.
  const isOneOfMany =
    new Set([...databases.values()].map(({ peer }) => JSON.stringify(peer))).size > 1;
  return judgeDenied(network, denied, examined, {
    why: `${WHY}; policies select the labels of pods and namespaces, never a Service`,
    fix: (each, all) => fix(network, each, all, denials.get(each)!, isOneOfMany),
  });
}

/** Returns whether a job reaches some pods, and not the destination that its host names. */
function isOpenOnlyTo(
  network: Network,
  required: RequiredConnection,
  to: readonly Pod[],
): boolean {
  return deniedConnections(network, [required]).length > 0 &&
    deniedConnections(network, [{ ...required, to, every: true }]).length === 0;
}

/** The finding that a Service does not select the declared pods of Postgres. */
function selectorFinding(service: ManifestObject, pods: readonly Pod[]): Finding {
  const labels = formatLabels(commonLabels(pods));
  return {
    severity: "fail",
    ...placeOf(service, "spec.selector"),
    problem: `the Service selects no pod of the manifests; the labels of ` +
      `${naming([...new Set(pods.map(podId))])} are ${labels}`,
    why: WHY,
    fix: "Set spec.selector to labels of the pods of Postgres.",
  };
}

/** Explains why a denial is not certain: a host with the name of a Service can be outside. */
function doubtAboutName(
  network: Network,
  { job, actor, port }: RequiredConnection,
): string | undefined {
  if (!mayBeOutside(hostOf(job), network, job)) return undefined;
  const { open } = judgeHost(network.cluster, actor.pod, "TCP", port);
  return publicPart(open).length === 0
    ? undefined
    : "whether the host in DJANGO_DB_HOST is outside the cluster is not known: it can be the " +
      "name of a Service, but no such Service was read";
}

/** Rules for other ports may be for the store or the Kubernetes API. */
function allowsPort(port: number): RuleFilter {
  return ({ ports }) => ports.length === 0 || ports.some((each) => each.port === port);
}

function fix(
  network: Network,
  denied: DeniedConnection,
  all: readonly DeniedConnection[],
  { namespace, labels, peer, port, to }: Database,
  keepsPeer: boolean,
): Fix {
  const { cause } = denied;
  const isIngress = cause.direction === "ingress";
  // A host outside has one address as an example, and every address as a peer.
  const peersOf = () =>
    (to.length > 1 ? deniedBlocks(network, denied.actor.pod, to, port) : undefined) ?? { peer };
  const change = fixDenial(network, cause, {
    ...(isIngress
      ? { name: "allow-outbox", pods: [{ matchLabels: Object.fromEntries(labels ?? []) }] }
      : newPolicyFor(all, "allow-outbox")),
    purpose: "database",
    ...(isIngress ? { peer: podsOf(network.project.jobs.namespace) } : peersOf()),
    ports: [{ protocol: "TCP", port }],
    keepsPeer,
  });
  const opensNoPeer = cause.kind === "port" || cause.kind === "policyTypes";
  const isKnown = isIngress || opensNoPeer || labels !== undefined ||
    to.every(({ type }) => type === "outside");
  if (isKnown) return change;
  const note = "To narrow the rule to Postgres, add the labels that " +
    shell`"kubectl -n ${namespace} get pods --show-labels" prints for it.`;
  // Words below YAML would be copied with it.
  return { ...explained(`${note} `, change), fix: `${change.fix}. ${note}` };
}

function unreachableFinding(service: UnreachableService): Finding {
  return { severity: "fail", ...service, why: WHY };
}

const DEFAULT_PORT = 5432;

/** The workload of Postgres if the manifests do not declare it. */
const ASSUMED = { kind: "StatefulSet", name: "postgres" };

/** The Postgres that a job reads. */
interface Database {
  /** The pods of Postgres, or its addresses outside the cluster. */
  readonly to: readonly Endpoint[];
  /** True if the Service may forward a connection to any of these destinations. */
  readonly every: boolean;
  /** The port on which Postgres listens. */
  readonly port: number;
  /** The database for people, as in `Postgres in namespace robson`. */
  readonly label: string;
  /** The namespace of the pods. */
  readonly namespace: string;
  /** The labels of the pods, if known. */
  readonly labels?: Labels;
  /** The peer of a rule that selects Postgres. */
  readonly peer: Fields;
  /** A note about what could not be checked. */
  readonly note?: string;
  /** Why the port of the pods is not known; undefined if it is. */
  readonly doubt?: string;
  /** The pods of Postgres that the Service does not select, although it selects no other pod. */
  readonly instead?: { readonly service: ManifestObject; readonly to: readonly Pod[] };
}

/** Returns whether a job has the address of Postgres or its credentials in the environment. */
function readsDatabase({ environment }: JobWithPods): boolean {
  return [...environment.names].some((name) => name.startsWith("DJANGO_DB_"));
}

function hostOf({ environment }: JobWithPods): string {
  return environment.value("DJANGO_DB_HOST") ?? "";
}

/** Finds the Postgres that a job reads, or the reason that the job cannot connect. */
function databaseOf(
  network: Network,
  job: JobWithPods,
  actor: Actor,
): Database | UnreachableService | { readonly unknown: string } {
  const given = Number(job.environment.value("DJANGO_DB_PORT"));
  const port = Number.isInteger(given) && given > 0 && given < 65536 ? given : DEFAULT_PORT;
  const host = hostOf(job);
  const address = parseHost(host);
  const reference = address !== undefined
    ? serviceAt(network, address)
    : serviceOf(/^[a-z0-9.-]+$/.test(host) ? host : network.project.database.host, network, job);
  if (reference === undefined) {
    const found = atAddress(network, host, port, job);
    return mayBeInside(host, network, job) && found.note !== undefined
      ? {
        ...found,
        note: `the host in DJANGO_DB_HOST counts as one outside the cluster; ${found.note}`,
      }
      : found;
  }
  const { name, namespace } = serviceBehind(reference, network, job);
  const service = objectOf(network, "Service", name, namespace);
  const spec = service && isFields(service.value.spec) ? service.value.spec : {};
  if (typeof spec.externalName === "string") {
    return atAddress(network, spec.externalName, port, job);
  }
  const backends = service && backendsOf(network, service, { protocol: "TCP", port });
  const isRead = network.isLive && namespace === network.project.database.namespace;
  if (service === undefined || backends === undefined) {
    if (isRead) return absentService(network, namespace);
    const elsewhere = wrongNamespace(network, job, actor, { name, namespace }, port);
    if (elsewhere !== undefined) return elsewhere;
  } else {
    const unreachable = whyUnreachable(service, backends, { port, variable: "DJANGO_DB_PORT" }) ??
      (isRead ? whyEmpty(service, backends, namespace) : undefined);
    if (unreachable !== undefined) return unreachable;
    const unlisted = whyUnlisted(network, service, backends);
    if (unlisted !== undefined) return { unknown: unlisted };
  }
  const known = projectPods(network, job, { name, namespace }, "database") ??
    (service === undefined ? operatorPods(network, { name, namespace }) : undefined);
  const label = `Postgres in namespace ${namespace}`;
  const selected = service && backends?.to.length === 0
    ? selectedBy(service, port, known)
    : undefined;
  if (service !== undefined && backends !== undefined && selected !== undefined) {
    const { labels, note, doubt } = selected;
    const others = postgresPods(network, name, namespace, DEFAULT_PORT);
    return {
      to: [podWith(labels, namespace, ASSUMED)],
      port: backends.port,
      every: false,
      label,
      namespace,
      labels,
      peer: podsOf(namespace, labels),
      note,
      ...(doubt === undefined ? {} : { doubt }),
      ...(others.length === 0 ? {} : { instead: { service, to: others } }),
    };
  }
  const found = backends !== undefined && backends.to.length > 0
    ? { ...backends, every: true }
    : { to: postgresPods(network, name, namespace, DEFAULT_PORT), port, every: false };
  const [first] = found.to;
  if (first?.type === "pod") {
    const labels = isFields(spec.selector) ? selectorOf(spec.selector) : commonLabels(found.to);
    return { ...found, label, namespace, labels, peer: podsOf(namespace, labels) };
  }
  if (first !== undefined) return { ...found, label, namespace, peer: blockOf(first.address) };
  if (known !== undefined) {
    const isOfOperator = operatorPods(network, { name, namespace }) !== undefined;
    const note = isOfOperator
      ? `an operator makes the pods of Postgres in ${namespace}; of their labels, only ` +
        `${formatLabels(known)} is known`
      : `the manifests declare no Postgres in ${namespace}, so its pods are taken to ` +
        `have the labels of database.pods: ${network.project.database.pods}`;
    const to = [podWith(known, namespace, ASSUMED)];
    const peer = podsOf(namespace, known);
    return { ...found, to, every: false, label, namespace, labels: known, peer, note };
  }
  const note =
    `the manifests declare no Postgres in ${namespace}, so only the namespace is checked, ` +
    "not the labels of the pods: database.pods in the project file can name them";
  const to = assumedPods(network, actor.pod, namespace, ASSUMED);
  return { ...found, to, every: false, label, namespace, peer: podsOf(namespace), note };
}

function podsOf(namespace: string, labels?: Labels): Fields {
  return {
    namespaceSelector: { matchLabels: { [NAME_LABEL]: namespace } },
    ...(labels === undefined ? {} : { podSelector: { matchLabels: Object.fromEntries(labels) } }),
  };
}

/**
 * Explains that a host is in the wrong namespace: a name without a namespace is one of the job's own, and
 * the policies allow the Postgres of the project, which has the same name.
 */
function wrongNamespace(
  network: Network,
  job: JobWithPods,
  actor: Actor,
  reference: ServiceName,
  port: number,
): UnreachableService | undefined {
  const { host } = network.project.database;
  const meant = serviceOf(host, network, job);
  const labels = meant && projectPods(network, job, meant, "database");
  const isOther = meant?.name === reference.name && meant.namespace !== reference.namespace;
  if (network.isLive || !isOther || labels === undefined) return undefined;
  const to = [podWith(labels, meant.namespace, ASSUMED)];
  const destination = "Postgres";
  const required = {
    job,
    actor,
    to,
    protocol: "TCP",
    port,
    destination,
    purpose: "database",
  } as const;
  if (deniedConnections(network, [required]).length > 0) return undefined;
  return {
    ...placeOf(job.object, job.specPath),
    problem: `DJANGO_DB_HOST names a Service of namespace ${reference.namespace}, which the ` +
      `manifests do not declare; Postgres is in ${meant.namespace}`,
    fix: `Set DJANGO_DB_HOST to ${host}, or database.host in the project file to the right host.`,
  };
}

function formatLabels(labels: Labels): string {
  return [...labels].map((each) => each.join("=")).join(",");
}

/** The labels that select all backends of a Service. */
function selectorOf(selector: Fields): Labels {
  return new Map(Object.entries(selector).map(([key, value]) => [key, String(value)]));
}

/** The labels that all pods share. */
function commonLabels(ends: readonly Endpoint[]): Labels {
  const [first, ...others] = ends.filter((end) => end.type === "pod");
  return new Map(
    [...first?.labels ?? []].filter(([key, value]) =>
      value !== UNKNOWN_VALUE && others.every(({ labels }) => labels.get(key) === value)
    ),
  );
}

/** A database at an address: a pod, or a server outside the cluster. */
function atAddress(network: Network, host: string, port: number, job: JobWithPods): Database {
  const address = parseHost(host);
  const end = address && endAt(network, address);
  if (end?.type !== "pod") return outside(host, port, job);
  const { namespace, labels } = end;
  const label = `Postgres in namespace ${namespace}`;
  return {
    to: [end],
    every: true,
    port,
    label,
    namespace,
    labels,
    peer: podsOf(namespace, labels),
  };
}

/** A database outside the cluster: its address, or any public address if only the name is known. */
function outside(host: string, port: number, { object }: JobWithPods): Database {
  const literal = parseHost(host);
  return {
    to: [{ type: "outside", address: literal ?? parseAddress("198.41.0.4")! }],
    every: true,
    port,
    label: "Postgres outside the cluster",
    namespace: object.namespace ?? "default",
    ...(literal ? { peer: blockOf(literal) } : {
      peer: OUTSIDE_PEER,
      note:
        "the manifests contain only the name of Postgres, so a public address is checked instead",
    }),
  };
}
