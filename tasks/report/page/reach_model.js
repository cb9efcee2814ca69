/** The name of the row and the column for addresses outside the cluster. */
export const OUTSIDE = "outside the cluster";

/** Reads the connections of a report, and answers questions about them. */
export function reachModel(data) {
  const { groups, ports, outside, outward, inward } = data;
  const rows = data.open.map(() => undefined);
  const rowOf = (from) => rows[from] ??= repeated(data.open[from]);
  const selections = data.selections.map((classes) => new Set(classes));
  const rulesOf = Map.groupBy(data.rules, ({ policy, side }) => `${policy} ${side}`);
  const titles = groups.map(titleOf);

  const verdicts = ports.map(verdictOf);
  const sizes = groups.map(({ names }) => names.length);

  /**
   * The number of pairs of workloads by verdict, from some groups to others. A large report has
   * millions of pairs.
   */
  const countPairs = (froms, tos) => {
    const counts = { none: 0, some: 0, every: 0 };
    for (const from of froms) {
      const row = rowOf(groups[from].class);
      for (const to of tos) {
        const isItself = from === to && groups[from].isPod;
        counts[isItself ? "every" : verdicts[row[groups[to].class]]] += sizes[from] * sizes[to];
      }
    }
    return counts;
  };

  /** The ports between two groups: their text, and whether none or every one is open. */
  const between = (from, to) => {
    if (from === to && groups[from].isPod) {
      return { text: "every port: a pod reaches itself", verdict: "every" };
    }
    const set = ports[rowOf(groups[from].class)[groups[to].class]];
    return { text: set.text || "no port", verdict: verdictOf(set) };
  };

  /** The addresses outside that a group can reach, or that can reach the group. */
  const outsideOf = (group, side) => {
    const list = outside[(side === "egress" ? outward : inward)[groups[group].class]];
    const found = list.map(([addresses, number]) => ({ addresses, ...ports[number] }));
    const isEvery = found.every(({ every }) => every) && coversAll(found);
    return { list: found, verdict: found.length === 0 ? "none" : isEvery ? "every" : "some" };
  };

  /** The policies and rules that decide at one end of a connection, and which of them select the other. */
  const decision = (self, side, other) => {
    const policies = data.isolating[groups[self].class][side];
    const rules = policies.flatMap((policy) => rulesOf.get(`${policy} ${side}`) ?? []).map(
      (rule) => {
        const peers = rule.peers.filter((peer) =>
          other === OUTSIDE ? peer.isBlock : selections[peer.selects].has(groups[other].class)
        );
        return { ...rule, matching: peers, isMatch: rule.peers.length === 0 || peers.length > 0 };
      },
    );
    return { policies, rules, onNode: groups[self].onNode };
  };
  return { data, groups, titles, between, countPairs, outsideOf, decision };
}

function verdictOf({ text, every }) {
  return text === "" ? "none" : every ? "every" : "some";
}

/** Whether a list has all addresses of both families. */
function coversAll(list) {
  return list.map(({ addresses }) => addresses).join() === "0.0.0.0/0,::/0";
}

function titleOf({ names }) {
  return names.length === 1 ? names[0] : `${names[0]} and ${names.length - 1} more`;
}

function repeated(pairs) {
  const numbers = [];
  for (let i = 0; i < pairs.length; i += 2) {
    for (let times = 0; times < pairs[i + 1]; times++) numbers.push(pairs[i]);
  }
  return numbers;
}
