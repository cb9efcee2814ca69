import { ROBSON_NAMESPACE } from "../pipeline/contract/cluster.ts";
import { type Database, databaseOf, readsDatabase } from "./job_network/database.ts";
import { readNetwork, unjudged } from "./job_network/network.ts";
import { deniedOf, lookedAt, type Needed, outcomeOf, workers } from "./job_network/reach.ts";
import { remedy } from "./job_network/remedy.ts";
import { NAME_LABEL } from "./network_policy/model.ts";
import { CONNECTIONS, inNamespace, type PlatformCheck, platformCheck } from "./platform.ts";

/**
 * The pods of jobs that read the outbox reach Postgres: its policies let them in, theirs let them
 * out. Policies see pods, never a Service. Where the manifests do not declare the pods of Postgres,
 * only their namespace can be judged.
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
    const reading = workers(network).filter(({ job }) => readsDatabase(job));
    if (reading.length === 0) return { nothing: "no job is given any of DJANGO_DB_*" };
    const databases = new Map<Needed, Database>();
    const needed = reading.map(({ job, actor }): Needed => {
      const database = databaseOf(network, job, actor);
      const { to, port, told } = database;
      const target = `${told} on TCP ${port}`;
      const each: Needed = { job, actor, to, protocol: "TCP", port, target };
      databases.set(each, database);
      return each;
    });
    const notes = new Set([...databases.values()].flatMap(({ note }) => note ?? []));
    const examined = [lookedAt(network), ...notes].join("; ");
    const { namespace, labels, port } = databases.get(needed[0]!)!;
    return outcomeOf(network, deniedOf(network, needed), examined, {
      why: "bronze reads the outbox from there, and silver asks it for the time; a policy sees " +
        "the labels of pods and namespaces, never a Service",
      fix: ({ blame }) => {
        const podSelector = { matchLabels: Object.fromEntries(labels ?? []) };
        const peer = blame.direction === "ingress" ? JOBS_PEER : {
          namespaceSelector: { matchLabels: { [NAME_LABEL]: namespace } },
          ...(labels === undefined ? {} : { podSelector }),
        };
        const pods = blame.direction === "ingress" ? podSelector : {};
        const command = remedy(blame, {
          ...{ name: "allow-outbox", pods, peer, ports: [{ protocol: "TCP", port }] },
        });
        const known = blame.direction === "ingress" || labels !== undefined;
        return known ? command : "To narrow it, add the labels that " +
          `"kubectl -n ${namespace} get pods --show-labels" shows for Postgres: ${command}`;
      },
    });
  },
});

const JOBS_PEER = {
  namespaceSelector: { matchLabels: { [NAME_LABEL]: "analytics-jobs" } },
};
