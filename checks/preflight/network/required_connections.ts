import type { Outcome } from "../../finding.ts";
import type { Endpoint, Protocol } from "../../network_policy/model.ts";
import { blameFor, type Meant } from "./denial_cause.ts";
import { type Advice, type Denied, findingsOf, isForNamespaceLabels } from "./denied_connection.ts";
import type { Actor, SparkJob } from "./job_pods.ts";
import type { Network } from "./job_network.ts";

/** A connection that a job needs. */
export interface Needed {
  /** The job. */
  readonly job: SparkJob;
  /** The pod that finding and fix are about: usually the one that opens the connection. */
  readonly actor: Actor;
  /** Who opens it, where that is not the actor's pod. */
  readonly from?: Endpoint;
  /** Who is asked. */
  readonly to: readonly Endpoint[];
  /** Whether each of these has to be reached, since any may be the one; else one of them will do. */
  readonly every?: boolean;
  /** What it speaks. */
  readonly protocol: Protocol;
  /** The destination's port. */
  readonly port: number;
  /** How the destination is told, with the port. */
  readonly target: string;
  /** Which rules could have been meant for it. */
  readonly meant?: Meant;
}

/** The connections that are needed and not allowed, each with what keeps it from being so. */
export function deniedOf(network: Network, needed: readonly Needed[]): Denied[] {
  return needed.flatMap((each): Denied[] => {
    const { job, actor, from = actor.pod, to, every, protocol, port, target, meant } = each;
    const blames = to.map((end) => blameFor(network, { from, to: end, protocol, port }, meant));
    const isEnough = every !== true && blames.includes(undefined);
    const blame = isEnough ? undefined : blames.find((one) => one !== undefined);
    return blame === undefined ? [] : [{ job, actor, target, blame }];
  });
}

/** Judges denied connections; where namespace-labels tells the fault, it is not told twice. */
export function outcomeOf(
  network: Network,
  denied: readonly Denied[],
  examined: string,
  advice: Advice,
): Outcome {
  const ours = denied.filter((each) => !isForNamespaceLabels(network, each));
  if (denied.length > 0 && ours.length === 0) {
    return { skip: "a rule selects a namespace by a label that none has (see namespace-labels)" };
  }
  return { examined, findings: findingsOf(network, ours, advice) };
}

/** The pods of jobs that run the jobs' code: all but those that only ask for a driver. */
export function workers({ jobs }: Pick<Network, "jobs">): { job: SparkJob; actor: Actor }[] {
  return jobs.flatMap((job) =>
    job.actors.filter(({ role }) => role !== "submitter").map((actor) => ({ job, actor }))
  );
}

/** How many of each there are, for `examined`: `pods of 2 jobs under 6 policies`. */
export function lookedAt({ jobs, policies }: Network): string {
  const many = (number: number, one: string, more: string) =>
    `${number} ${number === 1 ? one : more}`;
  return `pods of ${many(jobs.length, "job", "jobs")} under ${
    many(policies.length, "policy", "policies")
  }`;
}
