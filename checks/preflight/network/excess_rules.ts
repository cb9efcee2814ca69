import { type Selector, selects } from "../../kubernetes/selectors.ts";
import { naming } from "../../list_names.ts";
import {
  type AddressRange,
  parseCidr,
  privateBlocksIn,
  publicPart,
  rangesOf,
} from "../../network_policy/address.ts";
import { formatPeer, formatPolicyPort } from "../../network_policy/explain.ts";
import { isolating } from "../../network_policy/matching.ts";
import type {
  BlockPeer,
  Direction,
  Peer,
  PodPeer,
  Policy,
  PolicyPort,
  Rule,
} from "../../network_policy/model.ts";
import type { Network } from "./job_network.ts";
import {
  hasUnknown,
  mayBeOfDns,
  neededPorts,
  OTHER_API_PORTS,
  type PortVariable,
} from "./needed_ports.ts";
import { OUTSIDE_PEER, patchPolicy } from "./policy_fix.ts";
import type { Fix } from "../../finding.ts";
import { explained } from "../change.ts";

/** A rule that allows more than the jobs need. */
export interface ExcessRule extends Fix {
  /** `fail` for a rule that undoes the isolation, `warn` for a rule that is wider than necessary. */
  readonly severity: "fail" | "warn";
  /** The path of the field, as in `spec.egress[0].to[0]`. */
  readonly path: string;
  /** The excess: what the rule allows. */
  readonly problem: string;
  /** The rules that the remedy leaves in place of the rule; undefined if that is not known. */
  readonly after?: readonly Rule[];
}

/** Returns the most severe excess rule, or undefined if the list is empty. */
export function worstRule(all: readonly ExcessRule[]): ExcessRule | undefined {
  return all.find(({ severity }) => severity === "fail") ?? all[0];
}

/** Finds the most severe excess of a rule, or undefined if the rule allows only what jobs need. */
export function excessOf(
  network: Network,
  policy: Policy,
  rule: Rule,
  direction: Direction,
): ExcessRule | undefined {
  return everyPort(policy, rule, direction) ??
    (direction === "egress"
      ? excessEgress(network, policy, rule)
      : excessIngress(network, policy, rule));
}

/**
 * Finds a rule that allows every port to or from all peers, all pods or a large block of addresses.
 */
function everyPort(policy: Policy, rule: Rule, direction: Direction): ExcessRule | undefined {
  if (!isEveryPort(rule)) return undefined;
  const preposition = direction === "egress" ? "to" : "from";
  const fix = explained("Remove the rule, or list its peers and ports: ", removal(policy, rule));
  const excess = (path: string, peers: string): ExcessRule => {
    const problem = `the rule allows ${direction} ${preposition} ${peers} on every port`;
    return { severity: "fail", path, problem, ...fix, after: [] };
  };
  if (rule.peers.length === 0) return excess(rule.path, "all addresses and pods");
  const broad = rule.peers.find((peer) => isEveryNamespace(peer) && isEveryPod(peer));
  if (broad !== undefined) return excess(broad.path, formatPeer(broad));
  const blocks = rule.peers.filter(isBlock);
  if (!isWide(blocks.flatMap(rangesOf))) return undefined;
  const wide = excess(blocks[0]!.path, blocks.map(formatPeer).join(" and "));
  if (direction === "ingress") return wide;
  const port = { protocol: "TCP", port: 443 } as const;
  const ports = { op: "add", path: `${rule.path}.ports`, value: [port] } as const;
  return {
    ...wide,
    ...explained(
      "If the rule is for the store, allow only the store's port: ",
      patchPolicy(policy, ports),
    ),
    after: [{ ...rule, ports: [{ ...port, path: `${ports.path}[0]` }] }],
  };
}

/** Finds destinations or ports other than those of DNS, the store, Postgres, the API and Spark. */
function excessEgress(network: Network, policy: Policy, rule: Rule): ExcessRule | undefined {
  const ports = naming(rule.ports.map(formatPolicyPort));
  if (rule.peers.length === 0) {
    const to = { op: "add", path: `${rule.path}.to`, value: [OUTSIDE_PEER] } as const;
    const problem = `the rule allows ${ports} to every destination, including every pod in the ` +
      "cluster";
    return {
      severity: "warn",
      path: rule.path,
      problem,
      ...patchPolicy(policy, to),
      after: [{ ...rule, peers: [outsidePeer(`${to.path}[0]`)] }],
    };
  }
  const broad = rule.peers.find((peer) => isEveryNamespace(peer) && isEveryPod(peer));
  if (broad !== undefined) {
    return {
      severity: "warn",
      path: broad.path,
      problem: `the rule allows ${ports} to ${formatPeer(broad)}`,
      ...explained(
        "Select only the pods that the jobs need, or remove the rule: ",
        removal(policy, rule),
      ),
      after: [],
    };
  }
  return privateAddresses(network, policy, rule) ?? unneededPorts(network, policy, rule) ??
    separateSelectors(network, policy, rule);
}

/**
 * Finds two selectors in separate items under `to`, which are ORed. Selectors in one item are
 * ANDed.
 */
function separateSelectors(
  network: Network,
  policy: Policy,
  rule: Rule,
): ExcessRule | undefined {
  const { peers, path } = rule;
  const [first, second, ...more] = peers.filter((peer) => peer.type === "pods");
  if (first?.pods !== undefined || first?.namespaces === undefined || more.length > 0) {
    return undefined;
  }
  if (second?.pods === undefined || second.namespaces !== undefined) return undefined;
  if (isOwnNamespace(network, policy, first)) return undefined;
  return {
    severity: "warn",
    path: first.path,
    problem: `the rule allows ${formatPeer(first)}, and also ${formatPeer(second)}: ` +
      "namespaceSelector and podSelector are separate items under `to`, so they are ORed",
    fix: "To AND the selectors, move podSelector into the item of namespaceSelector (remove the " +
      `dash before podSelector) at ${path}.to`,
    after: [{
      ...rule,
      peers: peers.flatMap((peer) =>
        peer === second ? [] : peer === first ? [{ ...first, pods: second.pods! }] : [peer]
      ),
    }],
  };
}

/** Finds blocks for addresses outside the cluster that also contain private addresses. */
function privateAddresses(
  network: Network,
  policy: Policy,
  rule: Rule,
): ExcessRule | undefined {
  // The API server runs on a node, whose address the manifests do not contain.
  if (rule.ports.length > 0 && rule.ports.every(({ port }) => port === 6443)) return undefined;
  if (mayLeadToApiServer(network, policy, rule)) return undefined;
  const found = rule.peers.filter(isBlock).flatMap((peer) => {
    const ranges = rangesOf(peer);
    const blocks = privateBlocksIn(ranges);
    if (blocks.length === 0 || publicPart(ranges).length === 0) return [];
    const except = `${peer.path}.ipBlock.except`;
    const hasExcept = peer.except.length > 0;
    const steps: { op: "add"; path: string; value: unknown }[] = hasExcept
      ? blocks.map((value) => ({ op: "add", path: `${except}[-]`, value }))
      : [{ op: "add", path: except, value: blocks }];
    return [{ peer, path: hasExcept ? except : `${peer.path}.ipBlock`, blocks, steps }];
  });
  if (found.length === 0) return undefined;
  const blocks = [...new Set(found.flatMap((each) => each.blocks))];
  return {
    severity: "warn",
    path: found[0]!.path,
    problem: "the rule is for addresses outside the cluster, and also allows " +
      `${blocks.join(", ")}: addresses of the cluster, of its network, or of the host's ` +
      "metadata service",
    ...patchPolicy(policy, ...found.flatMap(({ steps }) => steps)),
    after: [{
      ...rule,
      peers: rule.peers.map((peer) => {
        const own = found.find((each) => each.peer === peer);
        if (own === undefined) return peer;
        return { ...own.peer, except: [...own.peer.except, ...own.blocks.map(rangeOf)] };
      }),
    }],
  };
}

function rangeOf(block: string): AddressRange {
  return parseCidr(block)!;
}

/**
 * Returns whether a rule can be the only way of a driver to the API server: it allows addresses on a
 * port of API servers other than 6443, and no policy of the driver allows addresses on 6443.
 */
function mayLeadToApiServer({ cluster, jobs }: Network, policy: Policy, rule: Rule): boolean {
  if (!OTHER_API_PORTS.some((port) => allowsAddressesOn(rule, port))) return false;
  const clients = jobs.filter(({ onKubernetes, toolkit }) => onKubernetes || toolkit === "spark")
    .flatMap(({ actors }) => actors.filter(({ role }) => role !== "executor"));
  return clients.some(({ pod }) => {
    const own = isolating(cluster, pod, "egress");
    const isOwn = own.some(({ name, namespace }) =>
      name === policy.name && namespace === policy.namespace
    );
    return isOwn &&
      !own.some(({ rules }) => rules.egress.some((each) => allowsAddressesOn(each, 6443)));
  });
}

/** Returns whether a rule allows a TCP port of addresses, and not only of pods. */
function allowsAddressesOn({ peers, ports }: Rule, wanted: number): boolean {
  const holdsPort = ({ protocol, port, endPort }: PolicyPort) =>
    protocol === "TCP" &&
    (port === undefined || port === wanted ||
      typeof port === "number" && port < wanted && wanted <= (endPort ?? port));
  return (peers.length === 0 || peers.some(isBlock)) &&
    (ports.length === 0 || ports.some(holdsPort));
}

/** Finds ports that no job needs, to peers outside the jobs' namespace. */
function unneededPorts(network: Network, policy: Policy, rule: Rule): ExcessRule | undefined {
  const foreign = rule.peers.find((peer) => !isOwnNamespace(network, policy, peer));
  if (foreign === undefined) return undefined;
  const needed = neededPorts(network);
  const isOfApi = mayLeadToApiServer(network, policy, rule);
  const isNeeded = ({ protocol, port, endPort }: PolicyPort) =>
    typeof port === "string" || mayBeOfDns(network, port) ||
    isOfApi && port !== undefined && OTHER_API_PORTS.includes(port) ||
    port !== undefined && endPort === undefined && needed.has(`${protocol} ${port}`);
  const unneeded = rule.ports.filter((port) => !isNeeded(port));
  if (rule.ports.length > 0 && unneeded.length === 0) return undefined;
  const ranges = unneeded.map((range) => ({ range, held: heldBy(range, needed) }))
    .filter(({ held }) => held.length > 0);
  if (ranges.length > 0) {
    const held = ranges.flatMap((each) => each.held);
    const steps = ranges.flatMap(({ range, held: [first, ...more] }) => [
      { op: "replace" as const, path: range.path, value: first },
      ...more.map((value) => ({ op: "add" as const, path: `${rule.path}.ports[-]`, value })),
    ]);
    return {
      severity: "warn",
      path: ranges[0]!.range.path,
      problem: `the rule allows ${naming(ranges.map(({ range }) => formatPolicyPort(range)))} to ` +
        `${formatPeer(foreign)}, of which the jobs are known to need only ` +
        held.map(({ protocol, port }) => `${protocol} ${port}`).join(", "),
      ...explained(
        condition(network, ranges.map(({ range }) => range)),
        patchPolicy(policy, ...steps),
      ),
      after: [{
        ...rule,
        ports: rule.ports.flatMap((port): PolicyPort[] => {
          const { path, protocol } = port;
          const own = ranges.find(({ range }) => range === port);
          return own === undefined
            ? [port]
            : own.held.map((each) => ({ path, protocol, port: each.port }));
        }),
      }],
    };
  }
  const ports = rule.ports.length === 0 ? "every port" : naming(unneeded.map(formatPolicyPort));
  const removesOnePort = unneeded.length === 1 && rule.ports.length > 1;
  return {
    severity: "warn",
    path: unneeded[0]?.path ?? rule.path,
    problem: `the rule allows ${ports} to ${formatPeer(foreign)}, ` +
      (rule.ports.length === 0 ? "and no job needs all of them" : "which no job needs"),
    ...(removesOnePort
      ? {
        ...explained("If no other pod needs the port, remove it: ", removal(policy, unneeded[0]!)),
        after: [{ ...rule, ports: rule.ports.filter((port) => port !== unneeded[0]) }],
      }
      : {
        ...explained(
          `${rule.ports.length === 0 ? "List the needed ports. " : ""}If no other pod needs the ` +
            "rule, remove it: ",
          removal(policy, rule),
        ),
        after: [],
      }),
  };
}

/** The text before a command that narrows ranges. The manifests may not contain a job's port. */
function condition({ jobs }: Network, ranges: readonly PolicyPort[]): string {
  const advice = "narrow the range to the needed port: ";
  const variables: readonly PortVariable[] = ["DJANGO_DB_PORT", "S3_ENDPOINT"];
  const unknown = variables.filter((name) => hasUnknown({ jobs }, name));
  return unknown.length === 0 || ranges.every(({ protocol }) => protocol !== "TCP")
    ? `N${advice.slice(1)}`
    : `If no other port of the range is in ${unknown.join(" or ")}, ${advice}`;
}

/** Returns the needed ports in a range of ports. */
function heldBy({ protocol, port, endPort }: PolicyPort, needed: ReadonlySet<string>) {
  if (typeof port !== "number" || endPort === undefined) return [];
  return [...needed].map((each) => each.split(" "))
    .filter(([kind, text]) => kind === protocol && Number(text) >= port && Number(text) <= endPort)
    .map(([, text]) => ({ protocol, port: Number(text) }));
}

/** Finds a rule that allows connections from outside the jobs' namespace. */
function excessIngress(network: Network, policy: Policy, rule: Rule): ExcessRule | undefined {
  const foreign = rule.peers.find((peer) => !isOwnNamespace(network, policy, peer));
  if (rule.peers.length > 0 && foreign === undefined) return undefined;
  const ports = rule.ports.length === 0 ? "every port" : naming(rule.ports.map(formatPolicyPort));
  const peers = foreign === undefined ? "all addresses and pods" : formatPeer(foreign);
  return {
    severity: "warn",
    path: foreign?.path ?? rule.path,
    problem: `the rule allows ${ports} from ${peers}, but only the jobs' own pods connect to a job`,
    ...explained("If no other pod needs the rule, remove it: ", removal(policy, rule)),
    after: [],
  };
}

/** {@linkcode OUTSIDE_PEER} as a peer of a rule. */
function outsidePeer(path: string): BlockPeer {
  const { cidr, except } = OUTSIDE_PEER.ipBlock;
  const range = parseCidr(cidr)!;
  return { type: "block", path, cidr, range, except: except.map((each) => parseCidr(each)!) };
}

function removal(policy: Policy, { path }: Rule | PolicyPort): Fix {
  return patchPolicy(policy, { op: "remove", path });
}

function isBlock(peer: Peer): peer is BlockPeer {
  return peer.type === "block";
}

function isEveryPort({ ports }: Rule): boolean {
  return ports.length === 0 ||
    ports.some(({ port, endPort }) =>
      port === undefined || typeof port === "number" && port <= 1024 && endPort === 65535
    );
}

/** Returns whether a peer selects only pods of the policy's own namespace, or no pods. */
function isOwnNamespace({ cluster }: Network, policy: Policy, peer: Peer): boolean {
  if (peer.type === "block") return false;
  if (peer.namespaces === undefined) return true;
  const { namespaces } = peer;
  return [...cluster.namespaces.values()].every(({ name, labels }) =>
    name === policy.namespace || !selects(namespaces, labels)
  );
}

/** Returns whether the `namespaceSelector` of a peer is empty or only excludes some namespaces. */
function isEveryNamespace(peer: Peer): peer is PodPeer & { namespaces: Selector } {
  return peer.type === "pods" && peer.namespaces !== undefined &&
    peer.namespaces.requirements.every(({ operator }) =>
      operator === "NotIn" || operator === "DoesNotExist"
    );
}

/** Returns whether a peer selects all pods of its namespaces. */
function isEveryPod({ pods }: PodPeer): boolean {
  return pods === undefined || pods.requirements.length === 0;
}

/**
 * Returns whether ranges contain at least 1/256 of all addresses of a family, as 8.0.0.0/8 does.
 */
function isWide(ranges: readonly AddressRange[]): boolean {
  return ([4, 6] as const).some((family) => {
    const size = ranges.filter((range) => range.family === family)
      .reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
    return size >= 1n << (family === 4 ? 24n : 120n);
  });
}
