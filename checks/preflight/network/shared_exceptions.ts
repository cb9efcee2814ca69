import type { Finding } from "../../finding.ts";
import { explained } from "../change.ts";
import { type AddressRange, formatRange, rangesOf } from "../../network_policy/address.ts";
import { decide } from "../../network_policy/evaluate.ts";
import { policyId } from "../../network_policy/explain.ts";
import { isolating } from "../../network_policy/matching.ts";
import type { BlockPeer, Pod, Policy, PolicyPort, Rule } from "../../network_policy/model.ts";
import { codePods } from "./denial.ts";
import { type Network, objectOf, place } from "./job_network.ts";
import { patchPolicy } from "./policy_fix.ts";

/** Addresses that one block of a rule allows, and an exception of another block refuses on k3s. */
interface SharedException {
  /** The block with the exception. */
  readonly peer: BlockPeer;
  /** The exception. */
  readonly exception: AddressRange;
  /** The block that allows these addresses. */
  readonly allowing: BlockPeer;
  /** The addresses. */
  readonly refused: readonly AddressRange[];
}

/**
 * Warns about rules with several blocks that k3s reads in another way than Kubernetes describes. Its
 * controller, kube-router, keeps all blocks of a rule in one set, in which the smallest block that
 * holds an address decides. So an exception of one block also counts for the other blocks
 * (docs/real-node.md).
 */
export function sharedExceptionFindings(network: Network): Finding[] {
  const pods = codePods(network).map(({ actor }) => actor.pod);
  const findings = new Map<BlockPeer, Finding>();
  for (const pod of pods) {
    for (const policy of isolating(network.cluster, pod, "egress")) {
      for (const rule of policy.rules.egress) {
        const [shared] = sharedExceptions(rule.peers.filter((peer) => peer.type === "block"))
          .filter(({ refused }) => !opensElsewhere(network, pod, rule, refused));
        if (shared === undefined || findings.has(shared.peer)) continue;
        findings.set(shared.peer, findingOf(network, policy, rule, shared));
      }
    }
  }
  return [...findings.values()];
}

function sharedExceptions(blocks: readonly BlockPeer[]): SharedException[] {
  return blocks.flatMap((peer) =>
    peer.except.flatMap((exception) =>
      blocks.filter(({ range }) => holdsRange(range, exception)).flatMap((allowing) => {
        const smaller = blocks.map(({ range }) => range).filter((range) =>
          holdsRange(exception, range) && !holdsRange(range, exception)
        );
        const refused = rangesOf({ range: exception, except: [...allowing.except, ...smaller] });
        return refused.length === 0 ? [] : [{ peer, exception, allowing, refused }];
      })
    )
  );
}

/** Returns whether a range contains all addresses of another range. */
function holdsRange(outer: AddressRange, { family, first, last }: AddressRange): boolean {
  return outer.family === family && outer.first <= first && last <= outer.last;
}

/** Returns whether other rules allow the same connections, by the first address of each range. */
function opensElsewhere(
  { cluster }: Network,
  from: Pod,
  rule: Rule,
  ranges: readonly AddressRange[],
): boolean {
  const every: readonly Omit<PolicyPort, "path">[] = [{ protocol: "TCP" }];
  // An address outside the cluster has no named port.
  const ports = (rule.ports.length === 0 ? every : rule.ports)
    .filter(({ port }) => typeof port !== "string");
  return ranges.every(({ family, first }) =>
    ports.every(({ protocol, port = 443 }) => {
      const to = { type: "outside", address: { family, value: first } } as const;
      return decide(cluster, { from, to, protocol, port: Number(port) }, "egress").rules
        .some((allowing) => allowing.rule !== rule);
    })
  );
}

function findingOf(
  network: Network,
  policy: Policy,
  { ports }: Rule,
  { peer, exception, allowing, refused }: SharedException,
): Finding {
  const field = `${peer.path}.ipBlock.except`;
  const { cidr, except } = allowing;
  const ipBlock = { cidr, ...(except.length === 0 ? {} : { except: except.map(formatRange) }) };
  const value = {
    to: [{ ipBlock }],
    ...(ports.length === 0 ? {} : { ports: ports.map(({ path: _, ...port }) => port) }),
  };
  return {
    severity: "warn",
    object: policyId(policy),
    field,
    ...place(objectOf(network, "NetworkPolicy", policy.name, policy.namespace), field),
    problem: `on k3s, the exception ${formatRange(exception)} also refuses ` +
      `${formatRange(refused[0]!)}, which ipBlock ${cidr} of the same rule allows`,
    why:
      "kube-router, the controller of network policies in k3s, lets an exception count for all " +
      "blocks of its rule; in other clusters, each block counts alone",
    ...explained(
      "Allow that block in a rule of its own: ",
      patchPolicy(policy, { op: "add", path: "spec.egress[-]", value }),
    ),
  };
}
