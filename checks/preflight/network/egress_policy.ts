import type { Finding, Outcome } from "../../finding.ts";
import { blameFor, type Denied, findingsOf, lookedAt, tellActors, workers } from "./denial.ts";
import type { Actor, SparkJob } from "./job_pods.ts";
import { type Network, objectOf, place, readNetwork, unjudged } from "./job_network.ts";
import { OUTSIDE_PEER, patchPolicy, remedy } from "./policy_fix.ts";
import {
  type AddressRange,
  formatRange,
  parseAddress,
  publicPart,
  rangesOf,
} from "../../network_policy/address.ts";
import type { ObjectProblem } from "../../network_policy/cluster.ts";
import { decide, policyId } from "../../network_policy/evaluate.ts";
import { judgeHost } from "../../network_policy/open_ports.ts";
import type { Rule } from "../../network_policy/model.ts";
import { naming } from "../../list_names.ts";
import { CONNECTIONS, type PlatformCheck, platformCheck } from "../platform.ts";

/**
 * The jobs' pods reach the object store outside of the cluster, under all policies together. Where the
 * store is cannot be known from YAML: its name may stand for any public address, and the addresses
 * change. So every public IPv4 address has to be open; where only some are, it is a warning.
 *
 * It also tells which policies and jobs cannot be understood, for all checks that read them.
 */
export const egressPolicy: PlatformCheck = platformCheck({
  id: "egress-policy",
  title: "jobs reach the object store outside of the cluster",
  reads: [...CONNECTIONS, "Secret"],
  judge(platform) {
    const network = readNetwork(platform);
    const { broken, brokenJobs } = network;
    const invalid = [...broken, ...brokenJobs].map((problem) => refused(network, problem));
    const not = unjudged(network);
    if (not === undefined) return judge(network, invalid);
    return invalid.length === 0 ? not : { examined: lookedAt(network), findings: invalid };
  },
});

/** A public address, for the blame alone: any other would do. */
const SOMEWHERE = { type: "outside", address: parseAddress("198.41.0.4")! } as const;

const WHY = "the store is outside of the cluster, and a job that cannot reach it hangs until its " +
  "client gives up";

function judge(network: Network, invalid: readonly Finding[]): Outcome {
  const denied: Denied[] = [];
  const partly: Partly[] = [];
  for (const { job, actor } of workers(network)) {
    const port = portOf(job);
    const { answer, open } = judgeHost(network.cluster, actor.pod, "TCP", port);
    const reachable = publicPart(open);
    if (answer === "allowed" && open.some(({ family }) => family === 4)) continue;
    if (reachable.length > 0) {
      partly.push({ actor, job, port, open: reachable });
      continue;
    }
    const flow = { from: actor.pod, to: SOMEWHERE, protocol: "TCP", port } as const;
    const blame = blameFor(network, flow, isMeant);
    const target = `the object store outside of the cluster on TCP ${port}`;
    if (blame !== undefined) denied.push({ job, actor, target, blame });
  }
  const findings = findingsOf(network, denied, { why: WHY, fix });
  return {
    examined: lookedAt(network),
    findings: [...invalid, ...findings, ...warnings(network, partly)],
  };
}

/** The rules that may be there for the store: not those that only mean the API server. */
function isMeant({ peers, ports }: Rule): boolean {
  if (ports.some(({ port }) => port === 6443)) return false;
  return peers.length === 0 ||
    peers.some((peer) => peer.type === "pods" || publicPart(rangesOf(peer)).length > 0);
}

/** The port of S3_ENDPOINT, where the manifests have a value that is an address. */
function portOf({ environment }: SparkJob): number {
  const text = environment.value("S3_ENDPOINT") ?? "";
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (url?.port) return Number(url.port);
  return url?.protocol === "http:" ? 80 : 443;
}

function fix({ blame, target }: Denied): string {
  const port = Number(/\d+$/.exec(target)![0]);
  const command = remedy(blame, {
    ...{ name: "allow-s3-egress", pods: {}, peer: OUTSIDE_PEER },
    ports: [{ protocol: "TCP", port }],
  });
  if (blame.kind !== "trap") return command;
  return `Leave out \`to\`, which means every destination, or mean only what is outside: ${command}`;
}

/** A pod for which only some public addresses are open. */
interface Partly {
  readonly job: SparkJob;
  readonly actor: Actor;
  readonly port: number;
  readonly open: readonly AddressRange[];
}

function warnings(network: Network, partly: readonly Partly[]): Finding[] {
  const groups = Map.groupBy(partly, ({ port, open }) => [port, ...open.map(formatRange)].join());
  return [...groups.values()].map((all): Finding => {
    const { job, actor, port, open } = all[0]!;
    const address = { family: open[0]!.family, value: open[0]!.first };
    const to = { type: "outside", address } as const;
    const flow = { from: actor.pod, to, protocol: "TCP", port } as const;
    const [opening] = decide(network.cluster, flow, "egress").rules;
    const { policy, rule, peer } = opening ?? {};
    const field = peer?.path ?? rule?.path ?? job.specPath;
    const object = policy && objectOf(network, "NetworkPolicy", policy.name, policy.namespace);
    const who = tellActors(all);
    return {
      severity: "warn",
      object: policy === undefined ? job.told : policyId(policy),
      field,
      ...place(network, object ?? job.object, field),
      problem: `${who} can reach only a part of the public IPv4 addresses on TCP ${port}: ` +
        naming(open.map(formatRange)),
      why: "S3_ENDPOINT is a name, and nobody knows from YAML whether its addresses are among them",
      fix: policy === undefined || peer === undefined
        ? "Compare them with the addresses of the store."
        : "Compare them with the addresses of the store, or open all that are outside: " +
          patchPolicy(policy, { op: "replace", path: peer.path, value: OUTSIDE_PEER }),
    };
  });
}

/** A policy or a job that nobody understands. */
function refused(network: Network, { object, path, problem }: ObjectProblem): Finding {
  const [kind = "", id = ""] = object.split(" ");
  const [namespace, name] = id.includes("/") ? id.split("/") : [undefined, id];
  const declared = objectOf(network, kind, name ?? "", namespace);
  return {
    severity: "fail",
    object,
    ...(path === "" ? {} : { field: path }),
    ...place(network, declared, path),
    problem: path === "" ? `it ${problem}` : problem,
    why: "the API server refuses it, or takes it for something else, so nobody can tell which " +
      "connections are open",
    fix: `Correct it, and try: kubectl apply --dry-run=server -f ${
      place(network, declared, path).file ?? "<file>"
    }`,
  };
}
