import type { Finding } from "../../finding.ts";
import { naming } from "../../list_names.ts";
import { policyId } from "../../network_policy/evaluate.ts";
import type { Blame } from "./denial_cause.ts";
import type { Actor, SparkJob } from "./job_pods.ts";
import { type Network, objectOf, place } from "./job_network.ts";
import { selectsNobody } from "./peer_selectors.ts";

/** A connection that some pods of a job need and do not have. */
export interface Denied {
  /** The job. */
  readonly job: SparkJob;
  /** Which of its pods. */
  readonly actor: Actor;
  /** What it cannot reach, as in `Postgres in namespace robson on TCP 5432`. */
  readonly target: string;
  /** What keeps it from that. */
  readonly blame: Blame;
}

/** What a check adds to the findings about denied connections. */
export interface Advice {
  /** Why the connection matters. */
  readonly why: string;
  /** The remedy. */
  readonly fix: (denied: Denied, all: readonly Denied[]) => string;
}

/** Whether it is a namespace's label that decides, which namespace-labels tells with its fix. */
export function isForNamespaceLabels(network: Network, { blame }: Denied): boolean {
  return blame.kind === "peer" && blame.peer?.type === "pods" &&
    selectsNobody(network, blame.peer);
}

/** What denied connections come down to: one finding for each field that decides. */
export function findingsOf(
  network: Network,
  denied: readonly Denied[],
  { why, fix }: Advice,
): Finding[] {
  const groups = Map.groupBy(denied, keyOf);
  return [...groups.values()].map((all): Finding => {
    const first = all[0]!;
    const { policy, path, problem } = first.blame;
    const object = policy === undefined
      ? first.job.object
      : objectOf(network, "NetworkPolicy", policy.name, policy.namespace);
    const field = path === "" ? labelsPath(first.job) : path;
    const who = tellActors(all);
    const what = naming([...new Set(all.map(({ target }) => target))]);
    return {
      severity: "fail",
      object: policy === undefined ? first.job.told : policyId(policy),
      field,
      ...place(network, object, field),
      problem: `${problem}; so ${who} cannot reach ${what}`,
      why,
      fix: fix(first, all),
    };
  });
}

/** Pods of jobs, those of one job together: `Job analytics-jobs/a and its executors`. */
export function tellActors(all: readonly Pick<Denied, "job" | "actor">[]): string {
  const byJob = Map.groupBy(all, ({ job }) => job.told);
  return naming([...byJob].map(([job, each]) => {
    const told = [...new Set(each.map(({ actor }) => actor.told))]
      .sort((a, b) => Number(b === job) - Number(a === job));
    if (told[0] !== job) return told.join(" and ");
    return [job, ...told.slice(1).map((more) => more.replace(/^the (\w+) of .*$/, "its $1"))]
      .join(" and ");
  }));
}

function keyOf({ blame: { kind, policy, path, direction } }: Denied): string {
  return [kind, policy?.namespace, policy?.name, path, policy === undefined ? direction : ""]
    .join(" ");
}

/** Policies find a job's pods by these. */
function labelsPath({ specPath }: SparkJob): string {
  return specPath.replace(/spec$/, "metadata.labels");
}
