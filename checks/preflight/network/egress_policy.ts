import { runEnds } from "../run_end.ts";
import { shellPath } from "../../../pipeline/shell.ts";
import type { Finding, Fix, Outcome } from "../../finding.ts";
import { naming } from "../../list_names.ts";
import {
  type AddressRange,
  formatRange,
  parseAddress,
  parseCidr,
  PRIVATE_IPV4,
  publicPart,
  rangesOf,
} from "../../network_policy/address.ts";
import type { ObjectProblem } from "../../network_policy/read_cluster.ts";
import { decide } from "../../network_policy/evaluate.ts";
import { policyId } from "../../network_policy/explain.ts";
import { type Endpoint, NAME_LABEL, type Rule } from "../../network_policy/model.ts";
import { covers, judgeHost } from "../../network_policy/open_ports.ts";
import { CONNECTIONS, type PlatformCheck } from "../platform.ts";
import { connectionCheck } from "./connection_check.ts";
import { explained } from "../change.ts";
import { refusedFields } from "../manifests/refused_objects.ts";
import { hasFailure, leavingOut } from "../outcome.ts";
import {
  codePods,
  denialFindings,
  type DeniedConnection,
  deniedConnections,
  examinedPods,
  listActors,
  type RuleFilter,
} from "./denial.ts";
import { type Network, objectOf, place, reasonNotToJudge } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
import { ambientFindings } from "./mesh_ambient.ts";
import { meshFindings } from "./mesh_sidecar.ts";
import { otherSidecarFindings } from "./other_sidecars.ts";
import { blockOf, deniedBlocks, fixDenial, OUTSIDE_PEER, patchPolicy } from "./policy_fix.ts";
import { newPolicyFor } from "./schedule_policies.ts";
import { doubtAboutAddress } from "./service_host.ts";
import { otherSelectorTraps } from "./selector_traps.ts";
import { sharedExceptionFindings } from "./shared_exceptions.ts";
import { type Store, storeOf, unreadEndpoint } from "./store_endpoint.ts";

/**
 * The jobs' pods reach the object store outside the cluster, under all policies. The manifests do
 * not say where the store is: its name may resolve to any public address, and the addresses change.
 * Therefore the policies must allow every public IPv4 address. If they allow only some addresses,
 * the check warns.
 *
 * The check also reports every job that cannot be parsed, on behalf of the other checks, and every such
 * policy of the cluster. manifests-readable reports those of the manifests.
 */
export const egressPolicy: PlatformCheck = connectionCheck({
  id: "egress-policy",
  title: "jobs reach the object store outside the cluster",
  reads: [...CONNECTIONS, "Secret"],
  judge(platform) {
    const network = platform.network;
    const { broken, brokenJobs } = network;
    const all = [...broken, ...brokenJobs];
    const invalid = all.filter((problem) => !isReported(network, problem))
      .map((problem) => invalidObject(network, problem));
    const notJudged = reasonNotToJudge(network, true);
    if (notJudged === undefined) return judgeEgress(network, invalid);
    if (invalid.length > 0) return { examined: examinedPods(network), findings: invalid };
    return all.length === 0 ? notJudged : { skip: INVALID };
  },
}, (job) => usesStore({ job }));

const INVALID = "some manifests are invalid (see manifests-readable)";

/** Returns whether manifests-readable reports a problem: any of a policy, or one in the same field. */
function isReported(
  network: Network,
  { kind, name, namespace, path }: ObjectProblem,
): boolean {
  const object = objectOf(network, kind, name, namespace);
  if (object?.file === undefined) return false;
  return kind === "NetworkPolicy" ||
    refusedFields({ directory: "", project: network.project }, object).some(({ field = "" }) =>
      field === path || field.startsWith(`${path}.`)
    );
}

/** A public address, to explain a denial. Any other public address gives the same explanation. */
const PUBLIC_ADDRESS = { type: "outside", address: parseAddress("198.41.0.4")! } as const;

const WHY = `the object store is outside the cluster; ${runEnds("after retries", "Cannot reach")}`;

/**
 * Returns whether a pod's job uses the store: a Spark job, or a job with the variable
 * S3_ENDPOINT.
 */
function usesStore({ job }: { readonly job: JobWithPods }): boolean {
  const isSpark = job.mode !== "none" && !job.hasUnknownProgram;
  return isSpark || job.environment.names.has("S3_ENDPOINT");
}

/** Decides for each pod whether the policies allow the connections to its store. */
function judgeEgress(network: Network, invalid: readonly Finding[]): Outcome {
  const pods = codePods(network).filter(usesStore);
  const denied: DeniedStore[] = [];
  const partial: PartialAccess[] = [];
  const doubts = new Set(
    network.jobs.filter((job) => job.hasUnknownProgram && !usesStore({ job }))
      .map(({ label, unknown }) => `${label}: ${unknown}`),
  );
  if (pods.length + invalid.length + doubts.size === 0) {
    return { notApplicable: "no job uses the object store" };
  }
  const notes = new Set<string>();
  const unchecked = new Set<string>();
  const onLoopback = new Set<JobWithPods>();
  const unreachable = new Map<string, Finding>();
  for (const { job, actor } of pods) {
    const unread = unreadEndpoint(job);
    if (unread !== undefined) {
      doubts.add(unread);
      continue;
    }
    const store = storeOf(network, job, actor.pod);
    if (store.kind === "loopback") onLoopback.add(job);
    const access = accessTo(network, store, job, actor);
    const { other, source } = store;
    if (other !== undefined && other.kind === "service") {
      notes.add(`the host in ${source} counts as one outside the cluster: ${NO_SERVICE}`);
    }
    if (store.kind === "service") {
      const { note, unreachable: trouble, unknown } = store;
      if (note !== undefined) unchecked.add(note);
      if (trouble !== undefined) {
        unreachable.set(trouble.object + trouble.problem, {
          severity: "fail",
          ...trouble,
          why: WHY,
        });
        continue;
      }
      if (unknown !== undefined) {
        doubts.add(unknown);
        continue;
      }
    }
    if (store.mayBeInside) notes.add(`the host in ${source} counts as one outside the cluster`);
    if (access === "open") continue;
    if ("doubt" in access) doubts.add(access.doubt);
    else if (!("cause" in access)) partial.push(access);
    else if (other === undefined || isDenied(accessTo(network, other, job, actor))) {
      denied.push({ ...access, store });
    } else {
      doubts.add(
        `whether the host in ${source} is outside the cluster is not known: ${NO_SERVICE}`,
      );
    }
  }
  const findings = [
    ...invalid,
    ...unreachable.values(),
    ...denialFindings(network, denied, { why: WHY, fix: (each, all) => fix(network, each, all) }),
    ...partialFindings(network, partial),
    ...otherSelectorTraps(network),
    ...sharedExceptionFindings(network),
    ...meshFindings(network),
    ...otherSidecarFindings(network),
    ...ambientFindings(network),
  ];
  const examined = [examinedPods(network), ...notes].join("; ");
  const judged = { examined, findings, ...leavingOut(...unchecked) };
  if (findings.length === 0 && pods.length > 0 && pods.every(({ job }) => onLoopback.has(job))) {
    return { skip: "the store's endpoint names no server that pods reach (see secret-escaping)" };
  }
  return doubts.size === 0 || hasFailure(judged) ? judged : { unknown: naming([...doubts]) };
}

/** Why a name can be that of a Service, or of a host outside the cluster. */
const NO_SERVICE = "it can be the name of a Service, but no such Service was read";

/** Whether a pod can reach a store, why not, or why that is not known. */
type Access = "open" | DeniedConnection | PartialAccess | { readonly doubt: string };

function isDenied(access: Access): boolean {
  return typeof access === "object" && "cause" in access;
}

/** Returns whether a pod can reach a store, why not, or why that is not known. */
function accessTo(network: Network, store: Store, job: JobWithPods, actor: Actor): Access {
  const { kind, port, source } = store;
  const denial = (
    destination: string,
    to: readonly Endpoint[],
    isCandidate: RuleFilter,
    every = false,
  ) => {
    const common = { job, actor, protocol: "TCP", port, purpose: "store", destination } as const;
    const [denied] = deniedConnections(network, [{ ...common, to, every, isCandidate }]);
    if (denied === undefined) return "open";
    const doubt = denied.doubt ?? doubtAboutService(store, denied) ??
      (kind === "public" ? undefined : doubtAboutAddress(network, actor.pod, to, port));
    return doubt === undefined ? denied : { doubt };
  };
  if (kind === "loopback") return "open";
  if (kind === "address") {
    return denial(`the object store at the address in ${source}`, [store.to], isNotForApi);
  }
  if (kind === "service") {
    const { service: { namespace, name }, to, isKnown } = store;
    const destination = `the object store behind Service ${namespace}/${name}`;
    return denial(destination, to, () => true, isKnown);
  }
  const { open, complete } = judgeHost(network.cluster, actor.pod, "TCP", port);
  const ipv4 = open.filter(({ family }) => family === 4);
  if (kind === "private" && ipv4.length > 0) {
    if (PRIVATE_IPV4.every((text) => covers(ipv4, parseCidr(text)!))) return "open";
    const doubt = `the manifests do not contain the address of the host in ${source}, and the ` +
      `policies allow only ${naming(ipv4.map(formatRange))} on TCP ${port}`;
    return { doubt };
  }
  if (complete.includes(4)) return "open";
  const reachable = publicPart(ipv4);
  if (reachable.length > 0) return { job, actor, port, open: reachable };
  return denial("the object store outside the cluster", [PUBLIC_ADDRESS], isStoreRule);
}

/** A denied connection to a store. */
interface DeniedStore extends DeniedConnection {
  readonly store: Store;
}

/** Explains why a denial is not certain: the pods of an undeclared Service can have another port. */
function doubtAboutService(store: Store, { cause }: DeniedConnection): string | undefined {
  if (store.kind !== "service" || store.isKnown || cause.kind !== "port") return undefined;
  const { name, namespace } = store.service;
  return store.doubt !== undefined
    ? `${store.doubt}: ${cause.problem}`
    : `the manifests do not declare Service ${namespace}/${name}, so the port of its pods is ` +
      `not known: ${cause.problem}`;
}

/** Returns whether a rule is not only for the Kubernetes API. */
function isNotForApi({ ports }: Rule): boolean {
  return !ports.some(({ port }) => port === 6443);
}

/** Returns whether a rule may be meant for the store, and not only for the Kubernetes API. */
function isStoreRule(rule: Rule): boolean {
  if (!isNotForApi(rule)) return false;
  const { peers } = rule;
  return peers.length === 0 ||
    peers.some((peer) => peer.type === "pods" || publicPart(rangesOf(peer)).length > 0);
}

function fix(network: Network, denied: DeniedStore, all: readonly DeniedStore[]): Fix {
  const { cause, protocol, port, store } = denied;
  const isHidden = store.kind === "address" && store.isSecret;
  const change = fixDenial(network, cause, {
    ...newPolicyFor(all, "allow-s3-egress"),
    purpose: "store",
    ...peersFor(network, denied),
    ...(isHidden ? { beforePeer: `Replace ADDRESS with the address in ${store.source}: ` } : {}),
    ports: [{ protocol, port }],
  });
  if (cause.kind !== "emptySelector" || store.kind !== "public") return change;
  return explained(
    "Remove `to` to allow every destination, or allow only addresses outside the cluster: ",
    change,
  );
}

/** The peers of a rule that allows the store. */
function peersFor(network: Network, { store, actor, port }: DeniedStore) {
  const listed = store.kind === "service"
    ? deniedBlocks(network, actor.pod, store.to, port)
    : undefined;
  return listed ?? { peer: peerFor(store) };
}

function peerFor(store: Store): unknown {
  if (store.kind === "address") {
    return store.isSecret ? { ipBlock: { cidr: "ADDRESS/32" } } : blockOf(store.address);
  }
  if (store.kind !== "service") return OUTSIDE_PEER;
  const { service: { namespace }, to: [first] } = store;
  const known = first?.type === "pod" && first.hasMoreLabels === true ? first.labels : undefined;
  return {
    namespaceSelector: { matchLabels: { [NAME_LABEL]: namespace } },
    ...(known && { podSelector: { matchLabels: Object.fromEntries(known) } }),
  };
}

/** A pod that can reach only some public addresses. */
interface PartialAccess {
  readonly job: JobWithPods;
  readonly actor: Actor;
  readonly port: number;
  readonly open: readonly AddressRange[];
}

function partialFindings(network: Network, partial: readonly PartialAccess[]): Finding[] {
  const groups = Map.groupBy(partial, ({ port, open }) => [port, ...open.map(formatRange)].join());
  return [...groups.values()].map((all): Finding => {
    const { job, actor, port, open } = all[0]!;
    const address = { family: open[0]!.family, value: open[0]!.first };
    const to = { type: "outside", address } as const;
    const flow = { from: actor.pod, to, protocol: "TCP", port } as const;
    const [opening] = decide(network.cluster, flow, "egress").rules;
    const { policy, rule, peer } = opening ?? {};
    const field = peer?.path ?? rule?.path ?? job.specPath;
    const object = policy && objectOf(network, "NetworkPolicy", policy.name, policy.namespace);
    const compare = "Compare these addresses with the addresses of the store";
    return {
      severity: "warn",
      object: policy === undefined ? job.label : policyId(policy),
      field,
      ...place(object ?? job.object, field),
      problem: `${listActors(all)} can reach only some public IPv4 addresses on TCP ${port}: ` +
        naming(open.map(formatRange)),
      why: "S3_ENDPOINT is a name, and the manifests do not say to which addresses it resolves",
      ...(policy === undefined || peer === undefined ? { fix: `${compare}.` } : explained(
        `${compare}, or allow every address outside the cluster: `,
        patchPolicy(policy, { op: "replace", path: peer.path, value: OUTSIDE_PEER }),
      )),
    };
  });
}

/** Reports a policy or a job that the API server would reject. */
function invalidObject(network: Network, invalid: ObjectProblem): Finding {
  const { object, kind, namespace, name, path, problem } = invalid;
  const declared = objectOf(network, kind, name, namespace);
  const location = place(declared, path);
  return {
    severity: "fail",
    object,
    ...(path === "" ? {} : { field: path }),
    ...location,
    problem: path === "" ? `the object ${problem}` : problem,
    why: "the API server rejects the object or reads it differently, so the open connections are " +
      "unknown",
    fix: `Correct the object, then try: kubectl apply --dry-run=server -f ${
      location.file === undefined ? "<file>" : shellPath(location.file)
    }`,
  };
}
