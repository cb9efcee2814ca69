import { runEnds } from "../run_end.ts";
import { shell, shellQuote } from "../../../pipeline/shell.ts";
import { absence, leavingOut } from "../outcome.ts";
import type { Project } from "../../../pipeline/contract/project.ts";
import type { Finding } from "../../finding.ts";
import { databaseEgress } from "./database_egress.ts";
import { NO_NAMESPACE } from "./denial.ts";
import { dnsEgress } from "./dns_egress.ts";
import { driverExecutorTraffic } from "./driver_executor_traffic.ts";
import {
  type Network,
  objectOf,
  place,
  REQUIRED_LABEL,
  requiredNamespaces,
  unreadable,
} from "./job_network.ts";
import { editDistance, matchNamespaces } from "./namespace_match.ts";
import { changedObject, setInFile } from "../change.ts";
import { patchPolicy } from "./policy_fix.ts";
import { NAME_LABEL, type Namespace, peersOf, type Policy } from "../../network_policy/model.ts";
import { policyId } from "../../network_policy/explain.ts";
import { naming } from "../../list_names.ts";
import { formatSelector, type Selector, selects } from "../../kubernetes/selectors.ts";
import { type Platform, type PlatformCheck, platformCheck } from "../platform.ts";

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
    const required = requiredNamespaces(network.project);
    const absent = required.filter((name) => !declared.has(name));
    const isLive = platform.cluster !== undefined;
    const unmatched = cluster.policies.filter((policy) => isJudged(network, policy))
      .flatMap((policy) => unmatchedSelectors(network, policy));
    const [certain, unknown] = divide(platform, unmatched);
    const findings = [
      ...(isLive ? absent.map((name) => missingNamespace(name, network.project)) : []),
      ...required.flatMap((name) => missingLabel(network, name)),
      ...certain.map((each) => unmatchedFinding(network, each)),
    ];
    const unchecked: Unchecked[] = isLive ? [] : absent.map((name) => ({
      names: [name],
      question: policiesNeeding(network, name).length === 0
        ? `whether namespace ${name} exists`
        : `whether ${name} has the label ${REQUIRED_LABEL}=${name}`,
    }));
    for (const { selector, names } of unknown) {
      const question = names.length === 0
        ? `whether a namespace has ${formatSelector(selector)}`
        : `whether namespace ${names.join(" or ")} exists, with ${formatSelector(selector)}`;
      if (unchecked.every((each) => each.question !== question)) {
        unchecked.push({ names, question });
      }
    }
    return { examined: describeExamined(network), findings, ...leavingOut(...asked(unchecked)) };
  },
});

/** A question that only a cluster answers. */
interface Unchecked {
  /** The namespaces of the question, if it names some. */
  readonly names: readonly string[];
  readonly question: string;
}

/** A `namespaceSelector` that selects no known namespace. */
interface Unmatched {
  readonly policy: Policy;
  readonly selector: Selector;
  /** The undeclared namespaces that the selector may select. */
  readonly names: readonly string[];
  /** The most similar label of a namespace. */
  readonly nearest: NamespaceLabel | undefined;
  /** True if the selector selects no namespace for certain. */
  readonly isCertain: boolean;
}

/**
 * Divides selectors into those that certainly select no namespace and those that may select an
 * undeclared one. Without a cluster, a selector by other labels than the name is a mistake if it
 * resembles a known label, or if a connection that jobs need depends on it.
 */
function divide(platform: Platform, unmatched: readonly Unmatched[]): [Unmatched[], Unmatched[]] {
  const isDoubtful = ({ isCertain, names, nearest }: Unmatched) =>
    !isCertain && (names.length > 0 || nearest === undefined);
  const needed = unmatched.some((each) => isDoubtful(each) && each.names.length === 0) &&
    [databaseEgress, dnsEgress, driverExecutorTraffic].some(({ judge }) => {
      const outcome = judge(platform);
      return "skip" in outcome && outcome.skip === NO_NAMESPACE;
    });
  const isUnknown = (each: Unmatched) => isDoubtful(each) && !(needed && each.names.length === 0);
  return [unmatched.filter((each) => !isUnknown(each)), unmatched.filter(isUnknown)];
}

/**
 * Returns whether the check judges a policy: one of the jobs' namespace or of the manifests.
 * Other policies belong to other teams.
 */
function isJudged(network: Network, { name, namespace }: Policy): boolean {
  return namespace === network.project.jobs.namespace ||
    objectOf(network, "NetworkPolicy", name, namespace)?.file !== undefined;
}

function missingNamespace(name: string, { jobs }: Project): Finding {
  return {
    severity: "fail",
    object: `Namespace ${name}`,
    problem: "the namespace exists neither in the cluster nor in the manifests",
    why: name === jobs.namespace
      ? "the jobs run in this namespace"
      : "the jobs read Postgres in this namespace",
    fix: name === jobs.namespace
      ? "Create the namespace: kubectl apply -f manifests/00-namespace.yaml"
      : "Check that this is the right cluster: kubectl config current-context. If so: " +
        shell`kubectl create namespace ${name} && kubectl label namespace ${name} ` +
        shell`${REQUIRED_LABEL}=${name}`,
  };
}

function describeExamined(network: Network): string {
  const { declared, cluster } = network;
  const count = cluster.policies.filter((policy) => isJudged(network, policy)).flatMap(peersOf)
    .filter((peer) => peer.type === "pods" && peer.namespaces !== undefined).length;
  const names = [...declared.keys()].sort();
  const looked = names.length === 0 ? "no declared namespace" : `namespace ${naming(names)}`;
  return `${looked}, ${count} ${count === 1 ? "namespace selector" : "namespace selectors"}`;
}

/** The open questions, with the command that answers them. */
function asked(unchecked: readonly Unchecked[]): string[] {
  if (unchecked.length === 0) return [];
  const questions = unchecked.map(({ question }) => question).join(" and ");
  const all = unchecked.flatMap((each) => each.names).map(shellQuote).join(" ");
  const command = all === ""
    ? "kubectl get namespaces --show-labels"
    : `kubectl get namespace ${all} --show-labels`;
  return [`not checked without a cluster: ${questions} (${command})`];
}

/**
 * Reports a declared namespace without the label `name`, or with a different value, if a policy
 * selects the namespace by this label.
 */
function missingLabel(network: Network, name: string): Finding[] {
  const namespace = network.declared.get(name);
  const policies = policiesNeeding(network, name);
  if (namespace === undefined || policies.length === 0) return [];
  const value = namespace.labels.get(REQUIRED_LABEL);
  const field = "metadata.labels";
  const object = objectOf(network, "Namespace", name);
  const command = shell`kubectl label namespace ${name} ${REQUIRED_LABEL}=${name} --overwrite`;
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
    why:
      `${naming(policies.map(policyId))} ${
        policies.length === 1 ? "selects" : "select"
      } the namespace by this label, which Kubernetes does not set automatically` +
      (opensDatabase(network, name, policies)
        ? `; ${runEnds("after retries", "Cannot read from")}`
        : ""),
    ...(object?.file === undefined ? { fix: command } : {
      fix: `Add the label to the manifest, or run: ${command}`,
      fixInFiles: setInFile(changedObject(object), field, { [REQUIRED_LABEL]: name }),
    }),
  }];
}

/** The policies that select a namespace only if the namespace has its name as label `name`. */
function policiesNeeding(network: Network, name: string): Policy[] {
  const own = network.declared.get(name)?.labels ?? new Map([[NAME_LABEL, name]]);
  const labelled = new Map([...own, [REQUIRED_LABEL, name]]);
  return network.cluster.policies.filter((policy) =>
    peersOf(policy).some((peer) =>
      peer.type === "pods" && peer.namespaces !== undefined &&
      !selects(peer.namespaces, own) && selects(peer.namespaces, labelled)
    )
  );
}

/** Returns whether policies of the jobs select the namespace of the database. */
function opensDatabase(
  { project }: Network,
  namespace: string,
  policies: readonly Policy[],
): boolean {
  return namespace === project.database.namespace && namespace !== project.jobs.namespace &&
    policies.some((policy) => policy.namespace === project.jobs.namespace);
}

/** Finds selectors that match no known namespace, unless the missing label `name` is the reason. */
function unmatchedSelectors(network: Network, policy: Policy): Unmatched[] {
  return peersOf(policy).flatMap((peer): Unmatched[] => {
    if (peer.type !== "pods" || peer.namespaces === undefined) return [];
    const selector = peer.namespaces;
    const match = matchNamespaces(network, selector);
    if (match.kind === "some" || isRequired(network, selector)) return [];
    return [{
      policy,
      selector,
      names: match.kind === "undeclared" ? match.names : [],
      nearest: nearestLabel(selector, [...network.cluster.namespaces.values()]),
      isCertain: match.kind === "none",
    }];
  });
}

function unmatchedFinding(network: Network, { policy, selector, nearest }: Unmatched): Finding {
  const { path } = selector;
  const value = nearest === undefined
    ? undefined
    : { matchLabels: { [nearest.key]: nearest.value } };
  return {
    severity: "fail",
    object: policyId(policy),
    field: path,
    ...place(objectOf(network, "NetworkPolicy", policy.name, policy.namespace), path),
    problem: `the rule selects namespaces with ${formatSelector(selector)}, and no known ` +
      `namespace matches${
        nearest === undefined ? "" : `; ${nearest.namespace} has ${nearest.key}=${nearest.value}`
      }`,
    why:
      "a rule whose selector matches no namespace allows nothing, and Kubernetes reports no error",
    ...(value === undefined
      ? { fix: `Declare the namespace with its labels, or select the namespace by ${NAME_LABEL}.` }
      : patchPolicy(policy, { op: "replace", path, value })),
  };
}

/** Returns whether a selector would match a required namespace with the label `name`. */
function isRequired({ project, declared }: Network, selector: Selector): boolean {
  return requiredNamespaces(project).some((name) => {
    const own = declared.get(name)?.labels ?? new Map([[NAME_LABEL, name]]);
    return selects(selector, new Map([...own, [REQUIRED_LABEL, name]]));
  });
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
          if (own !== key && own !== NAME_LABEL) continue;
          // Another key can be right: only the same value then shows what is meant.
          const isName = key === REQUIRED_LABEL || key === NAME_LABEL;
          if (!isName && value !== selected) continue;
          // Between equal values, prefer the label with the selector's own key.
          const distance = distanceOf(value, selected) + (own === key ? 0 : 0.5);
          if (distance >= least) continue;
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
