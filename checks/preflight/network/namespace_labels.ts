import { absence } from "../outcome.ts";
import { JOBS_NAMESPACE, ROBSON_NAMESPACE } from "../../../pipeline/contract/cluster_names.ts";
import type { Finding } from "../../finding.ts";
import { type Network, objectOf, place, REQUIRED_LABEL, unreadable } from "./job_network.ts";
import { patchPolicy } from "./policy_fix.ts";
import { NAME_LABEL, type Namespace, peersOf, type Policy } from "../../network_policy/model.ts";
import { policyId } from "../../network_policy/explain.ts";
import { selectsNoNamespace } from "../../network_policy/matching.ts";
import { naming } from "../../list_names.ts";
import { formatSelector, type Selector, selects } from "../../kubernetes/selectors.ts";
import { type PlatformCheck, platformCheck } from "../platform.ts";

/**
 * The namespaces have the labels that policies use to select them. Kubernetes sets only
 * `kubernetes.io/metadata.name`; the label `name` must be set by hand. Without a cluster, the
 * labels of a namespace that the manifests do not declare are unknown. The check then names the
 * namespace as not checked.
 * With a cluster, a namespace that is neither in the cluster nor in the manifests does not exist.
 */
export const namespaceLabels: PlatformCheck = platformCheck({
  id: "namespace-labels",
  title: "namespaces have the labels that policies select",
  reads: ["Namespace", "NetworkPolicy"],
  judge(platform) {
    const network = platform.network;
    const notJudged = unreadable(network);
    if (notJudged !== undefined) return notJudged;
    const { declared, policies, cluster } = network;
    if (policies.length === 0 && declared.size === 0) {
      return absence(
        network.manifests,
        "the manifests contain neither a Namespace nor a NetworkPolicy",
      );
    }
    const absent = REQUIRED.filter((name) => !declared.has(name));
    const isLive = platform.cluster !== undefined;
    const unknown = isLive ? [] : absent;
    const findings = [
      ...(isLive ? absent.map(missingNamespace) : []),
      ...REQUIRED.flatMap((name) => missingLabel(network, name)),
      ...cluster.policies.filter((policy) => isJudged(network, policy))
        .flatMap((policy) => unmatchedSelectors(network, policy)),
    ];
    return { examined: describeExamined(network, unknown), findings };
  },
});

const REQUIRED = [ROBSON_NAMESPACE, JOBS_NAMESPACE];

/**
 * Returns whether the check judges a policy: one of the jobs' namespace or of the manifests.
 * Other policies belong to other teams.
 */
function isJudged(network: Network, { name, namespace }: Policy): boolean {
  return namespace === JOBS_NAMESPACE ||
    objectOf(network, "NetworkPolicy", name, namespace)?.file !== undefined;
}

function missingNamespace(name: string): Finding {
  return {
    severity: "fail",
    object: `Namespace ${name}`,
    problem: "the namespace exists neither in the cluster nor in the manifests",
    why: name === JOBS_NAMESPACE
      ? "the jobs run in this namespace"
      : "the jobs read Postgres in this namespace",
    fix: name === JOBS_NAMESPACE
      ? "Create the namespace: kubectl apply -f manifests/00-namespace.yaml"
      : "Check that this is the right cluster: kubectl config current-context. If so: " +
        `kubectl create namespace ${name} && kubectl label namespace ${name} ` +
        `${REQUIRED_LABEL}=${name}`,
  };
}

function describeExamined(network: Network, unknown: readonly string[]): string {
  const { declared, cluster } = network;
  const count = cluster.policies.filter((policy) => isJudged(network, policy)).flatMap(peersOf)
    .filter((peer) => peer.type === "pods" && peer.namespaces !== undefined).length;
  const names = [...declared.keys()].sort();
  const looked = names.length === 0 ? "no declared namespace" : `namespace ${naming(names)}`;
  const selected = `${looked}, ${count} ${
    count === 1 ? "namespace selector" : "namespace selectors"
  }`;
  if (unknown.length === 0) return selected;
  return `${selected}; not checked without a cluster: ${
    unknown.map((name) => `whether ${name} has the label ${REQUIRED_LABEL}=${name}`).join(" and ")
  } (kubectl get namespace ${unknown.join(" ")} --show-labels)`;
}

/** Reports a declared namespace without the label `name`, or with a different value. */
function missingLabel(network: Network, name: string): Finding[] {
  const namespace = network.declared.get(name);
  const value = namespace?.labels.get(REQUIRED_LABEL);
  if (namespace === undefined || value === name) return [];
  const field = "metadata.labels";
  const object = objectOf(network, "Namespace", name);
  const command = `kubectl label namespace ${name} ${REQUIRED_LABEL}=${name} --overwrite`;
  const similar = [...namespace.labels].filter(([key, text]) =>
    key !== NAME_LABEL && text === name
  );
  const others = similar.map(([key, text]) => `${key}=${text}`);
  return [{
    severity: "fail",
    object: `Namespace ${name}`,
    field,
    ...place(object, field),
    problem: value === undefined
      ? `the namespace has no label ${REQUIRED_LABEL}=${name}${
        others.length === 0 ? "" : `; it has ${naming(others)}`
      }`
      : `the label ${REQUIRED_LABEL} is ${JSON.stringify(value)}, not ${JSON.stringify(name)}`,
    why: "policies select the namespace by this label, which Kubernetes does not set automatically",
    fix: object?.file === undefined ? command : `Add the label to the manifest, or run: ${command}`,
  }];
}

/** Reports selectors that match no namespace, unless the missing label `name` is the reason. */
function unmatchedSelectors(network: Network, policy: Policy): Finding[] {
  return peersOf(policy).flatMap((peer): Finding[] => {
    if (peer.type !== "pods" || peer.namespaces === undefined) return [];
    if (!selectsNoNamespace(network.cluster, peer) || isRequired(peer.namespaces)) return [];
    const { path } = peer.namespaces;
    const nearest = nearestLabel(peer.namespaces, [...network.cluster.namespaces.values()]);
    const value = nearest === undefined
      ? undefined
      : { matchLabels: { [nearest.key]: nearest.value } };
    return [{
      severity: "fail",
      object: policyId(policy),
      field: path,
      ...place(objectOf(network, "NetworkPolicy", policy.name, policy.namespace), path),
      problem:
        `the rule selects namespaces with ${formatSelector(peer.namespaces)}, and no known ` +
        `namespace matches${
          nearest === undefined ? "" : `; ${nearest.namespace} has ${nearest.key}=${nearest.value}`
        }`,
      why:
        "a rule whose selector matches no namespace allows nothing, and Kubernetes reports no error",
      fix: value === undefined
        ? `Declare the namespace with its labels, or select the namespace by ${NAME_LABEL}.`
        : patchPolicy(policy, { op: "replace", path, value }),
    }];
  });
}

/** Returns whether a selector would match a required namespace with the label `name`. */
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

/** The greatest edit distance between a misspelled name and the suggested name. */
const MAX_DISTANCE = 2;

/**
 * Finds the namespace label that is most similar to a selector; undefined if no label is similar.
 */
function nearestLabel(
  { requirements }: Selector,
  namespaces: readonly Namespace[],
): NamespaceLabel | undefined {
  let nearest: NamespaceLabel | undefined;
  let least = MAX_DISTANCE + 1;
  for (const { key, values } of requirements) {
    for (const selected of values) {
      for (const { name: namespace, labels } of namespaces) {
        for (const [own, value] of labels) {
          // Between equal values, prefer the label with the selector's own key.
          const distance = distanceOf(value, selected) + (own === key ? 0 : 0.5);
          if (own !== key && own !== NAME_LABEL || distance >= least) continue;
          least = distance;
          nearest = { namespace, key: own, value };
        }
      }
    }
  }
  return nearest;
}

/** Returns the edit distance, reduced for a name with a prefix or suffix, as in `robson-prod`. */
function distanceOf(one: string, other: string): number {
  const contains = one !== "" && other !== "" && (one.includes(other) || other.includes(one));
  const distance = editDistance(one, other);
  return contains ? Math.min(distance, MAX_DISTANCE) : distance;
}

/** Returns the edit distance: the number of letters to insert, delete or replace. */
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
