import { JOBS_NAMESPACE, ROBSON_NAMESPACE } from "../../../pipeline/contract/cluster.ts";
import type { Finding, Outcome } from "../../finding.ts";
import type { Blame, Meant } from "./denial_cause.ts";
import { type Database, databaseOf, readsDatabase } from "./job_database.ts";
import { type Network, readNetwork, unjudged } from "./job_network.ts";
import type { Nowhere } from "./unreachable_service.ts";
import { deniedOf, lookedAt, type Needed, outcomeOf, workers } from "./required_connections.ts";
import { remedy } from "./policy_remedy.ts";
import { NAME_LABEL } from "../../network_policy/model.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck, platformCheck } from "../platform.ts";

/**
 * The pods of jobs that read the outbox reach Postgres: its policies let them in, theirs let them
 * out. Policies see pods, never a Service. Where the pods of Postgres are not known, only their
 * namespace can be judged.
 */
export const databaseEgress: PlatformCheck = platformCheck({
  id: "database-egress",
  title: "jobs reach Postgres",
  reads: [
    ...[...CONNECTIONS, "Secret"],
    ...inNamespace(ROBSON_NAMESPACE, "Pod", "Service", "EndpointSlice", "NetworkPolicy"),
  ],
  judge(platform) {
    const network = readNetwork(platform);
    const not = unjudged(network);
    if (not !== undefined) return not;
    if (network.isLive && !network.declared.has(ROBSON_NAMESPACE)) {
      return { skip: `there is no namespace ${ROBSON_NAMESPACE} (see namespace-labels)` };
    }
    const reading = workers(network).filter(({ job }) => readsDatabase(job));
    if (reading.length === 0) return { nothing: "no job is given any of DJANGO_DB_*" };
    const databases = new Map<Needed, Database>();
    const nowhere = new Map<string, Finding>();
    for (const { job, actor } of reading) {
      const database = databaseOf(network, job, actor);
      if ("problem" in database) {
        nowhere.set(database.object + database.problem, lost(database));
        continue;
      }
      const { to, every, port, told } = database;
      const target = `${told} on TCP ${port}`;
      const meant = to.every(({ type }) => type === "outside") ? onPort(port) : undefined;
      databases.set(
        { job, actor, to, every, protocol: "TCP", port, target, ...(meant && { meant }) },
        database,
      );
    }
    return judge(network, databases, [...nowhere.values()]);
  },
});

const WHY = "bronze reads the outbox from there, and silver asks it for the time";

function judge(
  network: Network,
  databases: ReadonlyMap<Needed, Database>,
  nowhere: readonly Finding[],
): Outcome {
  const notes = new Set([...databases.values()].flatMap(({ note }) => note ?? []));
  const examined = [lookedAt(network), ...notes].join("; ");
  if (nowhere.length > 0) return { examined, findings: nowhere };
  const [database] = databases.values();
  return outcomeOf(network, deniedOf(network, [...databases.keys()]), examined, {
    why: `${WHY}; a policy sees the labels of pods and namespaces, never a Service`,
    fix: ({ blame }) => fix(blame, database!),
  });
}

/** Addresses on other ports are for the store and the Kubernetes API. */
function onPort(port: number): Meant {
  return ({ ports }) => ports.length === 0 || ports.some((each) => each.port === port);
}

function fix(blame: Blame, { namespace, labels, peer, port, to }: Database): string {
  const isIngress = blame.direction === "ingress";
  const command = remedy(blame, {
    name: "allow-outbox",
    pods: isIngress ? { matchLabels: Object.fromEntries(labels ?? []) } : {},
    peer: isIngress ? JOBS_PEER : peer,
    ports: [{ protocol: "TCP", port }],
  });
  const isKnown = isIngress || labels !== undefined || to.every(({ type }) => type === "outside");
  return isKnown ? command : "To narrow it, add the labels that " +
    `"kubectl -n ${namespace} get pods --show-labels" shows for Postgres: ${command}`;
}

const JOBS_PEER = {
  namespaceSelector: { matchLabels: { [NAME_LABEL]: JOBS_NAMESPACE } },
};

function lost(nowhere: Nowhere): Finding {
  return { severity: "fail", ...nowhere, why: WHY };
}
