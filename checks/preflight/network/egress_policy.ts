import type { Finding, Outcome } from "../../finding.ts";
import { naming } from "../../list_names.ts";
import {
  type AddressRange,
  formatRange,
  parseAddress,
  publicPart,
  rangesOf,
} from "../../network_policy/address.ts";
import type { ObjectProblem } from "../../network_policy/read_cluster.ts";
import { decide } from "../../network_policy/evaluate.ts";
import { policyId } from "../../network_policy/explain.ts";
import type { Rule } from "../../network_policy/model.ts";
import { judgeHost } from "../../network_policy/open_ports.ts";
import { CONNECTIONS, type PlatformCheck, platformCheck } from "../platform.ts";
import {
  causeOfDenial,
  codePods,
  denialFindings,
  type DeniedConnection,
  examinedPods,
  listActors,
} from "./denial.ts";
import { type Network, objectOf, place, reasonNotToJudge } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
import { fixDenial, OUTSIDE_PEER, patchPolicy } from "./policy_fix.ts";

/**
 * The jobs' pods reach the object store outside the cluster, under all policies. The manifests do
 * not say where the store is: its name may resolve to any public address, and the addresses change.
 * Therefore the policies must allow every public IPv4 address. If they allow only some addresses,
 * the check warns.
 *
 * The check also reports every policy and job that cannot be parsed, on behalf of the other checks.
 */
export const egressPolicy: PlatformCheck = platformCheck({
  id: "egress-policy",
  title: "jobs reach the object store outside the cluster",
  reads: [...CONNECTIONS, "Secret"],
  judge(platform) {
    const network = platform.network;
    const { broken, brokenJobs } = network;
    const invalid = [...broken, ...brokenJobs].map((problem) => invalidObject(network, problem));
    const notJudged = reasonNotToJudge(network);
    if (notJudged === undefined) return judgeEgress(network, invalid);
    return invalid.length === 0
      ? notJudged
      : { examined: examinedPods(network), findings: invalid };
  },
});

/** A public address, to explain a denial. Any other public address gives the same explanation. */
const PUBLIC_ADDRESS = { type: "outside", address: parseAddress("198.41.0.4")! } as const;

const WHY =
  "the object store is outside the cluster; a job that cannot reach the store hangs until " +
  "its client times out";

/**
 * Returns whether a pod's job uses the store: a Spark job, or a job with the variable
 * S3_ENDPOINT.
 */
function usesStore({ job }: { readonly job: JobWithPods }): boolean {
  return job.mode !== "none" || job.environment.names.has("S3_ENDPOINT");
}

/** Decides for each pod whether all, some or no public addresses are open on the store's port. */
function judgeEgress(network: Network, invalid: readonly Finding[]): Outcome {
  const pods = codePods(network).filter(usesStore);
  if (pods.length + invalid.length === 0) return { notApplicable: "no job uses the object store" };
  const denied: DeniedConnection[] = [];
  const partial: PartialAccess[] = [];
  for (const { job, actor } of pods) {
    const port = storePort(job);
    const { answer, open } = judgeHost(network.cluster, actor.pod, "TCP", port);
    if (answer === "allowed" && open.some(({ family }) => family === 4)) continue;
    const reachable = publicPart(open);
    if (reachable.length > 0) {
      partial.push({ actor, job, port, open: reachable });
      continue;
    }
    const flow = { from: actor.pod, to: PUBLIC_ADDRESS, protocol: "TCP", port } as const;
    const cause = causeOfDenial(network, flow, isStoreRule);
    const destination = "the object store outside the cluster";
    if (cause !== undefined) denied.push({ job, actor, protocol: "TCP", port, destination, cause });
  }
  const findings = denialFindings(network, denied, { why: WHY, fix });
  return {
    examined: examinedPods(network),
    findings: [...invalid, ...findings, ...partialFindings(network, partial)],
  };
}

/** Returns whether a rule may be meant for the store, and not only for the Kubernetes API. */
function isStoreRule({ peers, ports }: Rule): boolean {
  if (ports.some(({ port }) => port === 6443)) return false;
  return peers.length === 0 ||
    peers.some((peer) => peer.type === "pods" || publicPart(rangesOf(peer)).length > 0);
}

/** Returns the port of S3_ENDPOINT if the manifests contain the URL. */
function storePort({ environment }: JobWithPods): number {
  const text = environment.value("S3_ENDPOINT") ?? "";
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (url?.port) return Number(url.port);
  return url?.protocol === "http:" ? 80 : 443;
}

function fix({ cause, protocol, port }: DeniedConnection): string {
  const command = fixDenial(cause, {
    name: "allow-s3-egress",
    pods: {},
    peer: OUTSIDE_PEER,
    ports: [{ protocol, port }],
  });
  if (cause.kind !== "emptySelector") return command;
  return "Remove `to` to allow every destination, or allow only addresses outside the cluster: " +
    command;
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
      fix: policy === undefined || peer === undefined
        ? `${compare}.`
        : `${compare}, or allow every address outside the cluster: ` +
          patchPolicy(policy, { op: "replace", path: peer.path, value: OUTSIDE_PEER }),
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
      location.file ?? "<file>"
    }`,
  };
}
