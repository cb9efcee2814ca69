import { runEnds } from "../run_end.ts";
import { shell, shellPath } from "../../../pipeline/shell.ts";
import { noExecutors, unknownModes } from "./job_network.ts";
import { naming } from "../../list_names.ts";
import { explained } from "../change.ts";
import { hasFailure } from "../outcome.ts";
import type { Finding, Outcome } from "../../finding.ts";
import { CONNECTIONS, type PlatformCheck } from "../platform.ts";
import { connectionCheck } from "./connection_check.ts";
import {
  type DenialCause,
  type DeniedConnection,
  deniedConnections,
  examinedPods,
  judgeDenied,
  portsOf,
  type RequiredConnection,
} from "./denial.ts";
import { type Network, place, reasonNotToJudge } from "./job_network.ts";
import { isOnPlainSpark } from "../../spark/image_program.ts";
import type { Tree } from "../../facts/tree.ts";
import { listOf, textOf } from "../../kubernetes/fields.ts";
import { ROLE_LABEL } from "../../spark/pods.ts";
import type { JobWithPods } from "./job_pods.ts";
import type { ManifestObject } from "../../kubernetes/objects.ts";
import { SPARK_CLUSTER } from "../../kubernetes/spark_cluster.ts";
import { isLocalHost } from "../../network_policy/local_host.ts";
import { selectsEndpoint } from "../../network_policy/matching.ts";
import { NAME_LABEL } from "../../network_policy/model.ts";
import { serviceOf } from "./service_host.ts";
import { fixDenial } from "./policy_fix.ts";

/**
 * Driver and executors reach each other on the ports in Spark's settings: executors register with
 * the driver, and driver and executors fetch blocks from each other.
 */
export const driverExecutorTraffic: PlatformCheck = connectionCheck({
  id: "driver-executor-traffic",
  title: "driver and executors reach each other",
  reads: CONNECTIONS,
  judge(platform) {
    const network = platform.network;
    const notJudged = reasonNotToJudge(network);
    if (notJudged !== undefined) return notJudged;
    const sparkJobs = network.jobs.filter((job) =>
      job.onKubernetes || isWorker(job) || clusterOf(network, job) !== undefined
    );
    const jobs = sparkJobs.filter(({ actors }) => !actors.some(({ pod }) => pod.hostNetwork));
    if (sparkJobs.length > 0 && jobs.length === 0) {
      return { skip: "the driver uses its node's network (see isolation)" };
    }
    if (jobs.length === 0) {
      return unknownModes(network) ?? { notApplicable: noExecutors(network) };
    }
    const examined = { examined: examinedPods(network) };
    const denied = deniedConnections(network, [
      ...jobs.flatMap((job) => connectionsOf(job)),
      ...jobs.flatMap((job) => clusterConnections(network, job)),
    ]);
    const outcome = judgeDenied(network, denied, examined, {
      why: ({ destination }) =>
        destination === MASTER
          ? "the master of a SparkCluster knows only the workers and the drivers that register with it"
          : "Spark replaces each executor that cannot register, and gives up after some; " +
            runEnds("after retries", "SparkContext was shut down"),
      fix: ({ cause, destination }, all) => {
        const isOfCluster = destination === MASTER || destination === WORKERS ||
          all.some(({ actor }) => actor.role === "worker");
        const pods = isOfCluster ? CLUSTER : podsIn(cause.namespace, all);
        const [peer, ...morePeers] = peersOf(all, pods);
        const rule = fixDenial(network, cause, {
          name: isOfCluster ? "allow-spark-cluster-traffic" : "allow-driver-executor-traffic",
          pods: [pods],
          purpose: "spark",
          peer,
          morePeers,
          both: true,
          ports: portsOf(all),
          keepsPeer: selectsJobs(network, cause),
        });
        return explained(labelFirst(all), rule);
      },
    });
    if (!("findings" in outcome)) return outcome;
    const settings = [
      ...network.jobs.filter(({ unlabelled }) => unlabelled).map((job) => missingLabel(job)),
      ...jobs.flatMap((job) => missingPorts(network, job, platform.tree)),
      ...jobs.flatMap((job) => loopbackFindings(job)),
    ];
    const judged = { ...examined, findings: [...outcome.findings, ...settings] };
    return hasFailure(judged) ? judged : unknownModes(network) ?? unknownPorts(jobs) ?? judged;
  },
});

/** The text before a fix that selects drivers by a label which their pods do not have. */
function labelFirst(all: readonly DeniedConnection[]): string {
  const own = all.map(({ job }) => job).filter(({ actors: [first] }) =>
    first?.role === "driver" && !first.pod.labels.has(ROLE_LABEL)
  );
  const places = new Set(
    own.map(({ label, metadataPath }) => `${metadataPath}.labels of ${label}`),
  );
  return places.size === 0
    ? ""
    : `Set ${ROLE_LABEL}: driver in ${naming([...places])}, and allow its connections: `;
}

/** Selects the pods of Spark in a namespace: of one role if the others are in other namespaces. */
function podsIn(namespace: string | undefined, denied: readonly DeniedConnection[]): unknown {
  const roles = denied.flatMap(({ job }) => job.actors)
    .filter(({ role, pod }) => SPARK_ROLES.includes(role) && pod.namespace === namespace)
    .map(({ role }) => role);
  const [role, ...others] = new Set(roles);
  return role === undefined || others.length > 0 ? SPARK : { matchLabels: { [ROLE_LABEL]: role } };
}

/** Selects the pods in each namespace that the denied connections need, as peers of a policy. */
function peersOf(denied: readonly DeniedConnection[], podSelector: unknown): unknown[] {
  const elsewhere = denied.map(({ cause: { namespace, other } }) =>
    other.type === "pod" && other.namespace !== namespace ? other : undefined
  );
  const groups = Map.groupBy(elsewhere, (pod) => pod?.namespace);
  return [...groups].map(([name, pods]) => {
    if (name === undefined) return { podSelector };
    const [role, ...others] = new Set(pods.map((pod) => pod?.labels.get(ROLE_LABEL)));
    // Only the other end is in another namespace, as the executors of a driver.
    const isOne = role !== undefined && others.length === 0;
    return {
      namespaceSelector: { matchLabels: { [NAME_LABEL]: name } },
      podSelector: isOne ? { matchLabels: { [ROLE_LABEL]: role } } : podSelector,
    };
  });
}

/** Returns whether the present peer selects a pod of a job, which may need it. */
function selectsJobs({ cluster, jobs }: Network, { policy, rule, peer }: DenialCause): boolean {
  if (policy === undefined || rule === undefined || peer === undefined) return false;
  return jobs.some(({ actors }) =>
    actors.some(({ pod }) => selectsEndpoint(cluster, policy, peer, pod))
  );
}

const SPARK_ROLES = ["driver", "executor"];

/** The labels of drivers and executors, which Spark or the manifest sets. */
const SPARK = {
  matchExpressions: [{ key: "spark-role", operator: "In", values: SPARK_ROLES }],
};

/** The labels of the pods of a SparkCluster, which the operator sets, and of drivers that use it. */
const CLUSTER = {
  matchExpressions: [{
    key: "spark-role",
    operator: "In",
    values: ["master", "worker", "driver"],
  }],
};

const MASTER = "the master";
const WORKERS = "the workers";

const DRIVER_PORT = "spark.driver.port";
const DRIVER_BLOCKS = "spark.driver.blockManager.port";
const BLOCKS = "spark.blockManager.port";

/** The default ports in Spark's documentation. Spark sets them in cluster mode. */
const DEFAULTS: Readonly<Record<string, number>> = {
  [DRIVER_PORT]: 7078,
  [DRIVER_BLOCKS]: 7079,
  [BLOCKS]: 7079,
};

/** Returns the required connections between the driver and the executors of a job. */
function connectionsOf(
  job: JobWithPods,
  keys: readonly string[] = [DRIVER_PORT, DRIVER_BLOCKS, BLOCKS],
  portFor: (key: string) => number = (key) => portOf(job, key),
): RequiredConnection[] {
  const driver = job.actors.find(({ role }) => role === "driver");
  const executor = job.actors.find(({ role }) => role === "executor");
  if (driver === undefined || executor === undefined) return [];
  const all = [
    [executor, driver, DRIVER_PORT],
    [executor, driver, DRIVER_BLOCKS],
    [driver, executor, BLOCKS],
    [executor, executor, BLOCKS],
  ] as const;
  return all.filter(([, , key]) => keys.includes(key)).map(([actor, to, key]) => ({
    job,
    actor,
    to: [to.pod],
    protocol: "TCP",
    port: portFor(key),
    purpose: "spark",
    destination: to.role === "driver" ? "the driver" : "the executors",
  }));
}

function isWorker({ actors }: JobWithPods): boolean {
  return actors[0]?.role === "worker";
}

/**
 * Returns the connections that the workers of a SparkCluster need, and those of the drivers that
 * use the cluster: they register with the master, and executors on the workers reach the driver.
 */
function clusterConnections(network: Network, job: JobWithPods): RequiredConnection[] {
  const cluster = isWorker(job) ? job.object : clusterOf(network, job);
  if (cluster === undefined) return [];
  const { jobs } = network;
  const actors = jobs.filter(({ object }) => object === cluster).flatMap(({ actors }) => actors);
  const workers = actors.filter(({ role }) => role === "worker" && !isWorker(job));
  const [own] = job.actors;
  if (own === undefined) return [];
  const port = isWorker(job) ? MASTER_PORT : masterOf(job)?.port ?? MASTER_PORT;
  const common = { job, protocol: "TCP", purpose: "spark" } as const;
  return [
    ...actors.filter(({ role }) => role === "master").map(({ pod }): RequiredConnection => (
      { ...common, actor: own, to: [pod], port, destination: MASTER }
    )),
    ...workers.flatMap((actor) =>
      [DRIVER_PORT, DRIVER_BLOCKS].filter((key) => Number(job.settings.get(key)?.value) > 0)
        .map((key): RequiredConnection => (
          { ...common, actor, to: [own.pod], port: portOf(job, key), destination: "the driver" }
        ))
    ),
    // The executors run in the pods of the workers.
    ...workers.filter(() => Number(job.settings.get(BLOCKS)?.value) > 0).flatMap((worker) =>
      [own, worker].map((actor): RequiredConnection => (
        { ...common, actor, to: [worker.pod], port: portOf(job, BLOCKS), destination: WORKERS }
      ))
    ),
  ];
}

/** Returns the host and the port of the master of a cluster that a job uses. */
function masterOf({ master }: JobWithPods): { host: string; port: number } | undefined {
  const [, host, port] = /^spark:\/\/([\w.-]+):(\d+)$/.exec(master?.value ?? "") ?? [];
  return host === undefined ? undefined : { host, port: Number(port) };
}

/** Returns the SparkCluster that a job uses, by the name of the Service of its master. */
function clusterOf(network: Network, job: JobWithPods): ManifestObject | undefined {
  const { host } = masterOf(job) ?? {};
  const service = host === undefined ? undefined : serviceOf(host, network, job);
  return network.jobs.map(({ object }) => object).find((object) =>
    object.kind === SPARK_CLUSTER && `${object.name}-master-svc` === service?.name &&
    object.namespace === service.namespace
  );
}

/** The port on which the operator starts the master of a SparkCluster. */
const MASTER_PORT = 7077;

function portOf({ settings }: JobWithPods, key: string): number {
  const given = settings.get(key) ?? (key === DRIVER_BLOCKS ? settings.get(BLOCKS) : undefined);
  const port = Number(given?.value);
  return Number.isInteger(port) && port > 0 && port < 65536 ? port : DEFAULTS[key]!;
}

/** Reports a driver without the label that policies use to select drivers. */
function missingLabel(job: JobWithPods): Finding {
  const field = `${job.metadataPath}.labels`;
  const { file } = place(job.object, field);
  const { kind, namespace = "default", name } = job.object;
  const remove = shell`kubectl -n ${namespace} delete ${kind.toLowerCase()} ${name}`;
  const reason = kind === "Job" ? "A Job's template is immutable" : "A pod keeps its labels";
  const replace = `${reason}, so replace the ${kind}: ` +
    (file === undefined ? remove : `${remove} && kubectl apply -f ${shellPath(file)}`);
  const change = `Set ${ROLE_LABEL}: driver in ${field}.`;
  const isFixed = kind === "Job" || kind === "Pod";
  return {
    severity: "fail",
    object: job.label,
    field,
    ...place(job.object, field),
    problem: `the job's pod is a driver and has no label ${ROLE_LABEL}=driver`,
    why:
      "policies select drivers by this label, and Spark sets the label only on pods that Spark " +
      "creates, so the policies for drivers do not apply to this pod",
    fix: isFixed ? `${change} ${replace}` : change,
    fixInFiles: isFixed
      ? `${change} ${reason}: if a cluster has the ${kind}, delete it there before the manifests ` +
        "are applied."
      : change,
  };
}

/** Ports from the range in which Linux takes a random one. */
const RANDOM_PORTS = [32768, 39826, 46884, 53942, 60999];

/**
 * Reports ports that the job does not set, and that the policies do not all open. Spark then uses a
 * random free port: for the driver in client mode, for executors in both modes. Every executor needs
 * both ports of the driver, but executors need each other's only for some operations. Another image may
 * set the ports, so this is a failure only for an image on plain Spark.
 */
function missingPorts(network: Network, job: JobWithPods, { code, project }: Tree): Finding[] {
  const missing = portsNotSet(job);
  if (missing.length === 0 || job.unreadProperties !== undefined) return [];
  const denied = (keys: readonly string[]) =>
    RANDOM_PORTS.map((port) => deniedConnections(network, connectionsOf(job, keys, () => port)));
  const isOpen = denied(missing).every((each) => each.length === 0);
  if (connectionsOf(job).length > 0 && isOpen) return [];
  const ofDriver = missing.filter((key) => key !== BLOCKS);
  const isSure = denied(ofDriver).every((each) => each.some(({ doubt }) => doubt === undefined)) &&
    listOf(job.spec.containers).some(({ image }) =>
      isOnPlainSpark(textOf(image) ?? "", code, project.jobs.image)
    );
  const field = job.argumentsPath;
  return [{
    severity: isSure ? "fail" : "warn",
    object: job.label,
    field,
    ...place(job.object, field),
    problem: `the job does not set ${missing.join(", ")}`,
    why: isSure
      ? `Spark then uses a random free port, and the policies open none: ${
        ofDriver.includes(DRIVER_PORT)
          ? "no executor can register with the driver"
          : "no executor gets its tasks' code from the driver, and every task fails"
      }`
      : "Spark then uses a random free port, which a policy that lists ports does not allow",
    fix: `Set in the arguments of spark-submit: ${
      missing.map((key) => `--conf=${key}=${DEFAULTS[key]}`).join(" ")
    }`,
  }];
}

/** The finding for a driver that listens, or is to be found, only inside of its own pod. */
function loopbackFindings(job: JobWithPods): Finding[] {
  return ["spark.driver.bindAddress", "spark.driver.host"].flatMap((key): Finding[] => {
    const setting = job.settings.get(key);
    const isAny = key.endsWith("bindAddress") && /^(0\.0\.0\.0|::)$/.test(setting?.value ?? "");
    if (setting === undefined || isAny || !isLocalHost(setting.value)) return [];
    return [{
      severity: "fail",
      ...setting.place,
      problem: `${key} is ${setting.value}, which executors cannot reach`,
      why:
        "each pod has a loopback address of its own: no executor can register with the driver; " +
        runEnds("after retries", "SparkContext was shut down"),
      fix: key === "spark.driver.host"
        ? "Set it to the address of the pod: --conf=spark.driver.host=$(POD_IP)"
        : `Remove ${key}: the driver then listens on all addresses of its pod.`,
    }];
  });
}

/** Returns the outcome if a file that was not read can set ports; undefined without such a file. */
function unknownPorts(jobs: readonly JobWithPods[]): Outcome | undefined {
  const unknown = jobs.flatMap((job) => {
    const missing = portsNotSet(job);
    const { label, unreadProperties: file } = job;
    return missing.length === 0 || file === undefined
      ? []
      : [`${missing.join(", ")} of ${label}, which ${file} can set`];
  });
  return unknown.length === 0
    ? undefined
    : { unknown: `not in the manifests, so not checked: ${unknown.join("; ")}` };
}

/** The settings with ports that a job needs and does not set. */
function portsNotSet({ onKubernetes, mode, settings }: JobWithPods): string[] {
  if (!onKubernetes) return [];
  const isSet = (key: string) => Number(settings.get(key)?.value) > 0;
  const keys = mode === "client" ? [DRIVER_PORT, DRIVER_BLOCKS, BLOCKS] : [BLOCKS];
  return keys.filter((key) => !isSet(key) && !(key === DRIVER_BLOCKS && isSet(BLOCKS)));
}
