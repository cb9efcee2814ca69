import { NAME_LABEL, type Namespace } from "../../network_policy/model.ts";
import type { Selector } from "../../kubernetes/selectors.ts";

/** A label that a namespace has. */
export interface NamespaceLabel {
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
export function nearestLabel(
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
