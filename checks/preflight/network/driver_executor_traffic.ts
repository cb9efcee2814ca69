import type { Finding } from "../../finding.ts";
import { type Actor, ROLE_LABEL, type SparkJob } from "./job_pods.ts";
import { type Network, place, readNetwork, unjudged } from "./job_network.ts";
import { deniedOf, lookedAt, type Needed, outcomeOf } from "./denial.ts";
import { remedy } from "./policy_fix.ts";
import { CONNECTIONS, type PlatformCheck, platformCheck } from "../platform.ts";

/**
 * Driver and executors reach each other on the ports that Spark is told to use: executors register
 * with the driver, and all of them fetch blocks from each other.
 */
export const driverExecutorTraffic: PlatformCheck = platformCheck({
  id: "driver-executor-traffic",
  title: "driver and executors reach each other",
  reads: CONNECTIONS,
  judge(platform) {
    const network = readNetwork(platform);
    const not = unjudged(network);
    if (not !== undefined) return not;
    const asking = network.jobs.filter(({ onKubernetes }) => onKubernetes);
    const jobs = asking.filter(({ actors }) => !actors.some(({ pod }) => pod.hostNetwork));
    if (asking.length > 0 && jobs.length === 0) {
      return { skip: "the driver shares its node's network (see isolation)" };
    }
    const examined = jobs.length === 0
      ? `${lookedAt(network)}: none asks Kubernetes for executors`
      : lookedAt(network);
    const outcome = outcomeOf(network, deniedOf(network, jobs.flatMap(neededBy)), examined, {
      why: "an executor that cannot register is replaced for ever, and the job never ends",
      fix: ({ blame }, all) =>
        remedy(blame, {
          ...{ name: "allow-driver-executor-traffic", pods: SPARK, peer: { podSelector: SPARK } },
          both: true,
          ports: [...new Set(all.map(({ target }) => Number(/\d+$/.exec(target)![0])))]
            .map((port) => ({ protocol: "TCP", port })),
        }),
    });
    if (!("findings" in outcome)) return outcome;
    const more = [
      ...network.jobs.filter(({ unlabelled }) => unlabelled).map((job) => unlabelled(network, job)),
      ...jobs.flatMap((job) => unset(network, job)),
    ];
    return { examined, findings: [...outcome.findings, ...more] };
  },
});

/** The labels that Spark, or the job's YAML, gives to drivers and executors. */
const SPARK = {
  matchExpressions: [{ key: "spark-role", operator: "In", values: ["driver", "executor"] }],
};

const DRIVER_PORT = "spark.driver.port";
const DRIVER_BLOCKS = "spark.driver.blockManager.port";
const BLOCKS = "spark.blockManager.port";

/** The ports that Spark's documentation uses, and that it sets itself in cluster mode. */
const DEFAULTS: Readonly<Record<string, number>> = {
  [DRIVER_PORT]: 7078,
  [DRIVER_BLOCKS]: 7079,
  [BLOCKS]: 7079,
};

/** What Spark's pods need of each other. */
function neededBy(job: SparkJob): Needed[] {
  const driver = job.actors.find(({ role }) => role === "driver");
  const executor = job.actors.find(({ role }) => role === "executor");
  if (driver === undefined || executor === undefined) return [];
  const needs = (actor: Actor, to: Actor, port: number): Needed => ({
    ...{
      job,
      actor,
      to: [to.pod],
      protocol: "TCP",
      port,
      target: `the ${to.role === "driver" ? "driver" : "executors"} on TCP ${port}`,
    },
  });
  return [
    needs(executor, driver, portOf(job, DRIVER_PORT)),
    needs(executor, driver, portOf(job, DRIVER_BLOCKS)),
    needs(driver, executor, portOf(job, BLOCKS)),
    needs(executor, executor, portOf(job, BLOCKS)),
  ];
}

function portOf({ settings: { conf } }: SparkJob, key: string): number {
  const given = conf.get(key) ?? (key === DRIVER_BLOCKS ? conf.get(BLOCKS) : undefined);
  const port = Number(given);
  return Number.isInteger(port) && port > 0 && port < 65536 ? port : DEFAULTS[key]!;
}

/** Policies select drivers by a label that Spark gives only to pods that it makes itself. */
function unlabelled(network: Network, job: SparkJob): Finding {
  const field = job.specPath.replace(/spec$/, "metadata.labels");
  const { file } = place(network, job.object, field);
  const remove = `kubectl -n ${job.object.namespace} delete job ${job.object.name}`;
  return {
    severity: "fail",
    object: job.told,
    field,
    ...place(network, job.object, field),
    problem: `its pod is a driver, and has no label ${ROLE_LABEL}=driver`,
    why: "policies select drivers by it, and Spark gives it only to pods that it makes itself: " +
      "what they allow to drivers, this one may not do",
    fix: `Add ${ROLE_LABEL}: driver to ${field}; a Job's template cannot be changed, so ` +
      (file === undefined
        ? `make it anew after: ${remove}`
        : `then: ${remove} && kubectl apply -f ${file}`),
  };
}

/**
 * In client mode Spark takes any free port where it is not told which, and executors do so in either
 * mode. The image may tell it, so this is only a warning.
 */
function unset(network: Network, job: SparkJob): Finding[] {
  const { settings, specPath } = job;
  const isSet = (key: string) => Number(settings.conf.get(key)) > 0;
  const keys = settings.mode === "client" ? [DRIVER_PORT, DRIVER_BLOCKS, BLOCKS] : [BLOCKS];
  const loose = keys.filter((key) => !isSet(key) && !(key === DRIVER_BLOCKS && isSet(BLOCKS)));
  if (loose.length === 0) return [];
  const field = `${specPath}.containers[0].args`;
  return [{
    severity: "warn",
    object: job.told,
    field,
    ...place(network, job.object, field),
    problem: `it does not set ${loose.join(", ")}`,
    why: "Spark then takes any free port, and no policy that names ports can let it through",
    fix: `Add to the arguments of spark-submit: ${
      loose.map((key) => `--conf=${key}=${DEFAULTS[key]}`).join(" ")
    }`,
  }];
}
