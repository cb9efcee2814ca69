import { JOBS_NAMESPACE, ROBSON_NAMESPACE } from "../../../pipeline/contract/platform.ts";
import type { Finding } from "../../finding.ts";
import {
  type Network,
  objectOf,
  place,
  readNetwork,
  REQUIRED_LABEL,
  unreadable,
} from "./job_network.ts";
import { patchPolicy } from "./policy_fix.ts";
import { NAME_LABEL, type Namespace, peersOf, type Policy } from "../../network_policy/model.ts";
import { policyId, selectsNoNamespace } from "../../network_policy/evaluate.ts";
import { naming } from "../../list_names.ts";
import { formatSelector, type Selector, selects } from "../../kubernetes/selectors.ts";
import { type PlatformCheck, platformCheck } from "../platform.ts";

/**
 * The namespaces have the labels that policies select them by. Kubernetes sets only
 * `kubernetes.io/metadata.name` by itself; `name` is there if somebody set it. Without a cluster, a
 * namespace that the manifests do not declare has labels that nobody knows: that is said, and not
 * judged. With one, a namespace that is in neither is not there at all.
 */
export const namespaceLabels: PlatformCheck = platformCheck({
  id: "namespace-labels",
  title: "namespaces have the labels that policies select",
  reads: ["Namespace", "NetworkPolicy"],
  judge(platform) {
    const network = readNetwork(platform);
    const not = unreadable(network);
    if (not !== undefined) return not;
    const { declared, policies, cluster } = network;
    if (policies.length === 0 && declared.size === 0) {
      return { nothing: "there is neither a Namespace nor a NetworkPolicy" };
    }
    const absent = REQUIRED.filter((name) => !declared.has(name));
    const isLive = platform.cluster !== undefined;
    const unknown = isLive ? [] : absent;
    const findings = [
      ...(isLive ? absent.map(missing) : []),
      ...REQUIRED.flatMap((name) => unlabelled(network, name)),
      ...cluster.policies.filter((policy) => isJudged(network, policy))
        .flatMap((policy) => selectors(network, policy)),
    ];
    return { examined: examined(network, unknown), findings };
  },
});

const REQUIRED = [ROBSON_NAMESPACE, JOBS_NAMESPACE];

/** The policies that others have in their namespaces are theirs to mend. */
function isJudged(network: Network, { name, namespace }: Policy): boolean {
  return namespace === JOBS_NAMESPACE ||
    objectOf(network, "NetworkPolicy", name, namespace)?.file !== undefined;
}

function missing(name: string): Finding {
  return {
    severity: "fail",
    object: `Namespace ${name}`,
    problem: "there is no such namespace, neither in the cluster nor in the manifests",
    why: name === JOBS_NAMESPACE ? "the jobs run in it" : "Postgres, which the jobs read, is in it",
    fix: name === JOBS_NAMESPACE
      ? "Create it: kubectl apply -f manifests/00-namespace.yaml"
      : "Look whether this is the right cluster: kubectl config current-context. If it is: " +
        `kubectl create namespace ${name} && kubectl label namespace ${name} ` +
        `${REQUIRED_LABEL}=${name}`,
  };
}

function examined(network: Network, unknown: readonly string[]): string {
  const { declared, cluster } = network;
  const count = cluster.policies.filter((policy) => isJudged(network, policy)).flatMap(peersOf)
    .filter((peer) => peer.type === "pods" && peer.namespaces !== undefined).length;
  const names = [...declared.keys()].sort();
  const looked = names.length === 0 ? "no namespace is declared" : `namespace ${naming(names)}`;
  const selected = `${looked}, ${count} ${count === 1 ? "selector" : "selectors"} of namespaces`;
  if (unknown.length === 0) return selected;
  return `${selected}; not judged: whether ${
    unknown.map((name) => `${name} has ${REQUIRED_LABEL}=${name}`).join(" and ")
  }, which only the cluster knows (kubectl get namespace ${unknown.join(" ")} --show-labels)`;
}

/** A declared namespace without the label of its own name. */
function unlabelled(network: Network, name: string): Finding[] {
  const namespace = network.declared.get(name);
  const value = namespace?.labels.get(REQUIRED_LABEL);
  if (namespace === undefined || value === name) return [];
  const field = "metadata.labels";
  const object = objectOf(network, "Namespace", name);
  const command = `kubectl label namespace ${name} ${REQUIRED_LABEL}=${name} --overwrite`;
  const near = [...namespace.labels].filter(([key, text]) => key !== NAME_LABEL && text === name);
  const has = near.map(([key, text]) => `${key}=${text}`);
  return [{
    severity: "fail",
    object: `Namespace ${name}`,
    field,
    ...place(network, object, field),
    problem: value === undefined
      ? `it has no label ${REQUIRED_LABEL}=${name}${
        has.length === 0 ? "" : `; it has ${naming(has)}`
      }`
      : `its label ${REQUIRED_LABEL} is ${JSON.stringify(value)}, not ${JSON.stringify(name)}`,
    why: "policies select the namespace by this label, which Kubernetes does not set by itself",
    fix: object?.file === undefined ? command : `Add it to the manifest, or: ${command}`,
  }];
}

/** Selectors that select no namespace, where it is not the label above that is missing. */
function selectors(network: Network, policy: Policy): Finding[] {
  return peersOf(policy).flatMap((peer): Finding[] => {
    if (peer.type !== "pods" || peer.namespaces === undefined) return [];
    if (!selectsNoNamespace(network.cluster, peer) || isRequired(peer.namespaces)) return [];
    const { path } = peer.namespaces;
    const near = nearestLabel(peer.namespaces, [...network.cluster.namespaces.values()]);
    const value = near === undefined ? undefined : { matchLabels: { [near.key]: near.value } };
    return [{
      severity: "fail",
      object: policyId(policy),
      field: path,
      ...place(
        network,
        objectOf(network, "NetworkPolicy", policy.name, policy.namespace),
        path,
      ),
      problem: `it selects namespaces with ${formatSelector(peer.namespaces)}, and none is known ` +
        `to have that${
          near === undefined ? "" : `; ${near.namespace} has ${near.key}=${near.value}`
        }`,
      why: "a selector that selects nobody allows nothing, without a word",
      fix: value === undefined
        ? `Declare the namespace with its labels, or select it by ${NAME_LABEL}.`
        : patchPolicy(policy, { op: "replace", path, value }),
    }];
  });
}

/** Whether a selector would select a namespace that had the label of its own name. */
function isRequired(selector: Selector): boolean {
  return REQUIRED.some((name) =>
    selects(selector, new Map([[NAME_LABEL, name], [REQUIRED_LABEL, name]]))
  );
}

/** A label that a namespace has. */
interface NamespaceLabel {
  /** The namespace. */
  readonly namespace: string;
  /** The label's key. */
  readonly key: string;
  /** The label's value. */
  readonly value: string;
}

/** How many letters a name may differ from the one that was meant. */
const NEAR = 2;

/** The label that a selector of namespaces probably means; undefined where none comes close. */
function nearestLabel(
  { requirements }: Selector,
  namespaces: readonly Namespace[],
): NamespaceLabel | undefined {
  let best: NamespaceLabel | undefined;
  let least = NEAR + 1;
  for (const { key, values } of requirements) {
    for (const wanted of values) {
      for (const { name: namespace, labels } of namespaces) {
        for (const [own, value] of labels) {
          // Of two labels that say the same, the one with the selector's own key is nearer.
          const distance = distanceOf(value, wanted) + (own === key ? 0 : 0.5);
          if (own !== key && own !== NAME_LABEL || distance >= least) continue;
          least = distance;
          best = { namespace, key: own, value };
        }
      }
    }
  }
  return best;
}

/** A name with something before or behind it, as in `robson-prod`, is near as well. */
function distanceOf(one: string, other: string): number {
  const within = one !== "" && other !== "" && (one.includes(other) || other.includes(one));
  const distance = editDistance(one, other);
  return within ? Math.min(distance, NEAR) : distance;
}

/** How many letters have to be put in, left out or changed to make one word of another. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const changed = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
