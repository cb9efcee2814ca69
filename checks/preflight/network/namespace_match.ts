import type { Labels } from "../../kubernetes/metadata.ts";
import { type Requirement, type Selector, selects } from "../../kubernetes/selectors.ts";
import { NAME_LABEL, namespaceOf } from "../../network_policy/model.ts";
import { BUILT_IN, type Network, REQUIRED_LABEL, requiredNamespaces } from "./job_network.ts";

/**
 * Which namespaces a `namespaceSelector` selects:
 *
 * - `some`: at least one namespace of the manifests, or of the cluster
 * - `none`: no namespace, and no namespace that the manifests do not declare either
 * - `undeclared`: possibly namespaces with these names, which the manifests do not declare
 * - `labels`: possibly an undeclared namespace, whose labels only a cluster shows
 */
export type NamespaceMatch =
  | { readonly kind: "some" | "none" | "labels" }
  | { readonly kind: "undeclared"; readonly names: readonly string[] };

/** Decides which namespaces a selector selects. With a cluster, all namespaces are known. */
export function matchNamespaces(network: Network, selector: Selector): NamespaceMatch {
  const known = [...network.cluster.namespaces.values()];
  if (known.some(({ labels }) => selects(selector, labels))) return { kind: "some" };
  if (network.isLive) return { kind: "none" };
  const byName = selector.requirements.filter(({ key }) => key === NAME_LABEL);
  const list = byName.find(({ operator }) => operator === "In");
  if (list === undefined) {
    return { kind: byName.some(({ operator }) => operator === "DoesNotExist") ? "none" : "labels" };
  }
  const names = list.values.filter((name) => mayExist(network, selector, byName, name));
  return names.length === 0 ? { kind: "none" } : { kind: "undeclared", names };
}

/** The form of a namespace's name. */
const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Returns whether an undeclared namespace with a name may exist and match a selector. */
function mayExist(
  network: Network,
  { path, requirements }: Selector,
  byName: readonly Requirement[],
  name: string,
): boolean {
  if (network.declared.has(name) || !NAME.test(name) || isMisspelt(name)) return false;
  const labels: Labels = namespaceOf(network.cluster, name).labels;
  const decided = requirements.filter(({ key }) => !isUnknownLabel(network, name, key));
  return selects({ path, requirements: byName }, new Map([[NAME_LABEL, name]])) &&
    selects({ path, requirements: decided }, labels);
}

/** Returns whether a name is probably a misspelt name of a namespace that every cluster has. */
function isMisspelt(name: string): boolean {
  return BUILT_IN.some((each) =>
    each !== name && !name.includes(each) && editDistance(name, each) <= 2
  );
}

/**
 * Returns whether the manifests leave open which value of a label a namespace has. Kubernetes sets
 * the label with the name, and no system namespace has the label `name`.
 */
export function isUnknownLabel(
  { isLive, declared, project }: Network,
  namespace: string,
  key: string,
): boolean {
  if (isLive || declared.has(namespace) || key === NAME_LABEL) return false;
  return key !== REQUIRED_LABEL ||
    ![...BUILT_IN, ...requiredNamespaces(project)].includes(namespace);
}

/** Returns the edit distance: the number of letters to insert, delete or replace. */
export function editDistance(one: string, other: string): number {
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
