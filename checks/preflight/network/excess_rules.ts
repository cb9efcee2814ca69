import { naming } from "../../list_names.ts";
import { formatPeer, formatPolicyPort } from "../../network_policy/evaluate.ts";
import type {
  BlockPeer,
  Direction,
  Peer,
  PodPeer,
  Policy,
  PolicyPort,
  Rule,
} from "../../network_policy/model.ts";
import { type Selector, selects } from "../../kubernetes/selectors.ts";
import type { Network } from "./job_network.ts";
import { OUTSIDE_PEER, patchPolicy } from "./policy_fix.ts";
import {
  type AddressRange,
  INNER,
  overlaps,
  parseCidr,
  publicPart,
  rangesOf,
} from "../../network_policy/address.ts";

/** A rule that allows more than the jobs need. */
export interface TooMuch {
  /** Whether it undoes the isolation, or is merely wide. */
  readonly severity: "fail" | "warn";
  /** The field. */
  readonly path: string;
  /** What it opens. */
  readonly problem: string;
  /** The remedy. */
  readonly fix: string;
}

/** The one that matters most; undefined where there is none. */
export function worst(all: readonly TooMuch[]): TooMuch | undefined {
  return all.find(({ severity }) => severity === "fail") ?? all[0];
}

/** What a rule opens that no job needs; of several things the worst. */
export function tooMuch(
  network: Network,
  policy: Policy,
  rule: Rule,
  direction: Direction,
): TooMuch | undefined {
  return everything(policy, rule, direction) ??
    (direction === "egress"
      ? widerEgress(network, policy, rule)
      : strangers(network, policy, rule));
}

/** Everybody, every pod or a large part of the internet, on every port: as if there were no policy. */
function everything(policy: Policy, rule: Rule, direction: Direction): TooMuch | undefined {
  if (!isEveryPort(rule)) return undefined;
  const toFrom = direction === "egress" ? "to" : "from";
  const fix = `Remove it, or say who and which ports are meant: ${removal(policy, rule)}`;
  const found = (path: string, whom: string): TooMuch => (
    {
      severity: "fail",
      path,
      problem: `it allows ${direction} ${toFrom} ${whom} on every port`,
      fix,
    }
  );
  if (rule.peers.length === 0) return found(rule.path, "everywhere");
  const broad = rule.peers.find((peer) => isEveryNamespace(peer) && isEveryPod(peer));
  if (broad !== undefined) return found(broad.path, formatPeer(broad));
  const blocks = rule.peers.filter(isBlock);
  if (!isWide(blocks.flatMap(rangesOf))) return undefined;
  const wide = found(blocks[0]!.path, blocks.map(formatPeer).join(" and "));
  if (direction === "ingress") return wide;
  const value = [{ protocol: "TCP", port: 443 }];
  const ports = { op: "add", path: `${rule.path}.ports`, value } as const;
  return {
    ...wide,
    fix: `If it is for the store, open its port only: ${patchPolicy(policy, ports)}`,
  };
}

/** More destinations or ports than DNS, store, Postgres, API and Spark itself. */
function widerEgress(network: Network, policy: Policy, rule: Rule): TooMuch | undefined {
  const ports = naming(rule.ports.map(formatPolicyPort));
  if (rule.peers.length === 0) {
    const to = { op: "add", path: `${rule.path}.to`, value: [OUTSIDE_PEER] } as const;
    const problem = `it opens ${ports} everywhere, also to every pod of the cluster`;
    return { severity: "warn", path: rule.path, problem, fix: patchPolicy(policy, to) };
  }
  const broad = rule.peers.find((peer) => isEveryNamespace(peer) && isEveryPod(peer));
  if (broad !== undefined) {
    return {
      ...{ severity: "warn", path: broad.path },
      problem: `it opens ${ports} to ${formatPeer(broad)}`,
      fix: `Name the pods that are meant, or remove the rule: ${removal(policy, rule)}`,
    };
  }
  return innerAddresses(policy, rule) ?? unneeded(network, policy, rule) ??
    eitherOr(network, policy, rule);
}

/** Both selectors in one item of the list are "and"; in two items, which is a dash more, "or". */
function eitherOr(network: Network, policy: Policy, { peers, path }: Rule): TooMuch | undefined {
  const [first, second, ...more] = peers.filter((peer) => peer.type === "pods");
  if (first?.pods !== undefined || first?.namespaces === undefined || more.length > 0) {
    return undefined;
  }
  if (second?.pods === undefined || second.namespaces !== undefined) return undefined;
  if (isOwn(network, policy, first)) return undefined;
  return {
    ...{ severity: "warn", path: first.path },
    problem: `it opens ${formatPeer(first)}, and beside that ${formatPeer(second)}: two items of ` +
      "a list mean either, and only both selectors in one item mean both",
    fix:
      `Write podSelector into the item of namespaceSelector, without a dash of its own, at ${path}.to`,
  };
}

/** A block for the store that holds the cluster's own addresses as well. */
function innerAddresses(policy: Policy, rule: Rule): TooMuch | undefined {
  // Where the API server is nobody knows from YAML: it is a node, with whatever address.
  if (rule.ports.length > 0 && rule.ports.every(({ port }) => port === 6443)) return undefined;
  for (const peer of rule.peers.filter(isBlock)) {
    const inner = openedInner(peer);
    if (inner.length === 0 || publicPart(rangesOf(peer)).length === 0) continue;
    const except = `${peer.path}.ipBlock.except`;
    const has = peer.except.length > 0;
    const steps = has
      ? inner.map((value) => ({ op: "add" as const, path: `${except}[-]`, value }))
      : [{ op: "add" as const, path: except, value: inner }];
    return {
      ...{ severity: "warn", path: has ? except : `${peer.path}.ipBlock` },
      problem: `it is for what is outside, and also opens ${inner.join(", ")}: the cluster's own ` +
        "addresses, its network's, or the metadata service of the host",
      fix: patchPolicy(policy, ...steps),
    };
  }
  return undefined;
}

/** Ports that no job needs, to others than the jobs' own pods. */
function unneeded(network: Network, policy: Policy, rule: Rule): TooMuch | undefined {
  const foreign = rule.peers.find((peer) => !isOwn(network, policy, peer));
  if (foreign === undefined) return undefined;
  const needed = neededPorts(network);
  const isNeeded = ({ protocol, port, endPort }: PolicyPort) =>
    typeof port === "string" ||
    port !== undefined && endPort === undefined && needed.has(`${protocol} ${port}`);
  const more = rule.ports.filter((port) => !isNeeded(port));
  if (rule.ports.length > 0 && more.length === 0) return undefined;
  const opened = rule.ports.length === 0 ? "every port" : naming(more.map(formatPolicyPort));
  return {
    ...{ severity: "warn", path: more[0]?.path ?? rule.path },
    problem: `it opens ${opened} to ${formatPeer(foreign)}, which no job needs`,
    fix: `${REMOVE}${
      more.length === 1 && rule.ports.length > 1
        ? patchPolicy(policy, { op: "remove", path: more[0]!.path })
        : removal(policy, rule)
    }`,
  };
}

/** Jobs are called by nobody but each other. */
function strangers(network: Network, policy: Policy, rule: Rule): TooMuch | undefined {
  const stranger = rule.peers.find((peer) => !isOwn(network, policy, peer));
  if (rule.peers.length > 0 && stranger === undefined) return undefined;
  const ports = rule.ports.length === 0 ? "every port" : naming(rule.ports.map(formatPolicyPort));
  const whom = stranger === undefined ? "everywhere" : formatPeer(stranger);
  return {
    ...{ severity: "warn", path: stranger?.path ?? rule.path },
    problem: `it lets in ${ports} from ${whom}, and nobody calls a job but its own pods`,
    fix: `${REMOVE}${removal(policy, rule)}`,
  };
}

const REMOVE = "Remove it: ";

function removal(policy: Policy, { path }: Rule): string {
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

/** Whether a peer means pods of the jobs' namespace only, or nobody at all. */
function isOwn({ cluster }: Network, policy: Policy, peer: Peer): boolean {
  if (peer.type === "block") return false;
  if (peer.namespaces === undefined) return true;
  const { namespaces } = peer;
  return [...cluster.namespaces.values()].every(({ name, labels }) =>
    name === policy.namespace || !selects(namespaces, labels)
  );
}

/** DNS, the API, and where the jobs' environment says that Postgres and the store are. */
function neededPorts({ jobs }: Network): ReadonlySet<string> {
  const ports = ["UDP 53", "TCP 53", "TCP 443", "TCP 6443", "TCP 5432"];
  for (const { environment, settings } of jobs) {
    ports.push(`TCP ${environment.value("DJANGO_DB_PORT")}`);
    for (const url of [environment.value("S3_ENDPOINT"), settings.master?.slice("k8s://".length)]) {
      ports.push(`TCP ${URL.parse(url ?? "")?.port}`);
    }
  }
  return new Set(ports);
}

/**
 * Whether a peer means pods of practically every namespace: it has an empty `namespaceSelector`, or
 * one that only says what a namespace is not.
 */
function isEveryNamespace(peer: Peer): peer is PodPeer & { namespaces: Selector } {
  return peer.type === "pods" && peer.namespaces !== undefined &&
    peer.namespaces.requirements.every(({ operator }) =>
      operator === "NotIn" || operator === "DoesNotExist"
    );
}

/** Whether a peer means every pod, and not only some, of the namespaces that it means. */
function isEveryPod({ pods }: PodPeer): boolean {
  return pods === undefined || pods.requirements.length === 0;
}

/** Which of the inner blocks a peer of addresses opens, wholly or in part. */
function openedInner(peer: BlockPeer): string[] {
  const open = rangesOf(peer);
  return INNER.filter((text) => overlaps(open, parseCidr(text)!));
}

/** Whether ranges hold at least one in 256 of a family's addresses: the size of 8.0.0.0/8. */
function isWide(ranges: readonly AddressRange[]): boolean {
  return ([4, 6] as const).some((family) => {
    const size = ranges.filter((range) => range.family === family)
      .reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
    return size >= 1n << (family === 4 ? 24n : 120n);
  });
}
