import { type Fields, isFields, textOf } from "./fields.ts";
import type { Container, Workload } from "./workloads.ts";

/** The annotation of a pod with the name of the container that users mean. */
const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/** The names of containers that meshes, agents and proxies run next to a job. */
const SIDECAR =
  /^(istio-(proxy|init|validation)|linkerd-(proxy|init|network-validator)|envoy(-\w+)*|cloud-?sql-?(auth-)?proxy|fluent-?bit|fluentd|filebeat|promtail|vector|vault-agent(-init)?|otel-(agent|collector)|opentelemetry-collector|datadog-agent|kuma-sidecar|consul-dataplane|dapr-?d|jaeger-agent|pgbouncer|git-sync|oauth2?-proxy|alloy|telegraf)$/;

/** The images of such containers, by the last part of their name. */
const SIDECAR_IMAGE =
  /(^|\/)(proxyv2|istio-proxyv2|linkerd2?-proxy|proxy-init|envoy|cloud-sql-proxy|cloudsql-docker|gce-proxy|fluent-bit|fluentd|filebeat|promtail|vector|vault|opentelemetry-collector(-contrib)?|daprd|pgbouncer|git-sync|oauth2-proxy|alloy|telegraf)([:@]|$)/;

/** A program that starts a driver of Spark, as a word of a command line. */
const SUBMIT =
  /(^|[\s/;&|"'(`])(spark-submit|spark-sql|pyspark|spark-shell|sparkR|start-(connect-server|thriftserver)\.sh)(["'\s;)`]|$)/m;

/** A class that starts a driver of Spark: spark-submit, its launcher, and Spark's servers. */
const DRIVER_CLASS =
  /\borg\.apache\.spark\.(deploy\.SparkSubmit|launcher\b|sql\.connect\.service\.SparkConnectServer|sql\.hive\.thriftserver\.HiveThriftServer2)/;

/** Returns whether the command line of a container starts Spark. */
export function callsSpark({ words }: Pick<Container, "words">): boolean {
  return words.some(({ text }) => SUBMIT.test(text) || DRIVER_CLASS.test(text));
}

/** Returns whether a container is a proxy or an agent that runs next to a job. */
export function isSidecar({ name, image }: Pick<Container, "name" | "image">): boolean {
  return SIDECAR.test(name) || SIDECAR_IMAGE.test(image);
}

/**
 * The containers of a workload that do its work: those that start Spark, or else the default
 * container by annotation, or else the containers that are neither sidecars nor init containers.
 */
export function jobContainers(workload: Workload): readonly Container[] {
  const { containers } = workload;
  const starters = containers.filter(callsSpark);
  if (starters.length > 0) return starters;
  const named = textOf(annotationsOf(workload)[DEFAULT_CONTAINER]);
  const byName = containers.filter(({ name, isInit }) => !isInit && name === named);
  if (byName.length > 0) return byName;
  const regular = containers.filter(({ path }) => !/\.initContainers\[\d+\]$/.test(path));
  const main = regular.filter((each) => !isSidecar(each));
  return main.length > 0 ? main : regular.length > 0 ? regular : containers;
}

function annotationsOf({ metadata }: Workload): Fields {
  const { annotations } = isFields(metadata) ? metadata : {};
  return isFields(annotations) ? annotations : {};
}
