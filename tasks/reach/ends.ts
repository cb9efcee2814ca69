import { parseAddress } from "../../checks/network_policy/address.ts";
import {
  type Cluster,
  type Endpoint,
  type Pod,
  podId,
  type Protocol,
  PROTOCOLS,
} from "../../checks/network_policy/model.ts";
import { Failure } from "../../pipeline/errors.ts";
import { choice, type Flags } from "../cli/flags.ts";

/** A destination with a host name and an unknown address. */
export interface Host {
  /** Distinguishes host names from pods and addresses. */
  readonly type: "host";
  /** The host name, as in `s3.example.com`. */
  readonly host: string;
}

/** The operator's question, as given on the command line. */
export interface Question {
  /** The source of the connection. */
  readonly from: Endpoint;
  /** The destination of the connection. */
  readonly to: Endpoint | Host;
  /** The protocol of the connection. */
  readonly protocol: Protocol;
  /** The destination's port. */
  readonly port: number;
}

/**
 * Parses `--from`, `--to`, `--port` and `--protocol`. Returns one question for each pair of ends:
 * several, if policies distinguish the pods of a workload.
 *
 * @throws {Failure} configuration: a flag is missing or invalid
 */
export function readFlow(cluster: Cluster, flags: Flags): Question[] {
  const sources = readEnds(cluster, "from", requiredFlag(flags, "from"));
  const destinations = readEnds(cluster, "to", requiredFlag(flags, "to"));
  const [from, to] = [sources[0]!, destinations[0]!];
  const protocol = choice(flags, "protocol", PROTOCOLS);
  const port = readPortFlag(requiredFlag(flags, "port"));
  if (from.type === "host") {
    throw wrongFlag(
      "from",
      from.host,
      "the value is neither a workload (namespace/name) nor an address",
    );
  }
  if (from.type !== "pod" && to.type !== "pod") {
    throw new Failure({
      kind: "configuration",
      task: "evaluate a connection between two outside addresses",
      problem: "policies apply to pods",
      remedy: "Give a workload with --from or --to.",
    });
  }
  const pairs = sources.flatMap((source) =>
    source.type === "host" ? [] : destinations.map((destination): Question => (
      { from: source, to: destination, protocol, port }
    ))
  );
  // The question about a workload and itself is about two different pods.
  const different = pairs.filter((pair) =>
    pair.from !== pair.to || pair.from.type !== "pod" || pair.from.several
  );
  return different.length > 0 ? different : pairs;
}

function readEnds(cluster: Cluster, flag: string, text: string): readonly (Endpoint | Host)[] {
  const address = parseAddress(text);
  if (address !== undefined) return [ofAddress(cluster, address)];
  if (/^\d+(\.\d+)*$|:/.test(text)) {
    throw wrongFlag(
      flag,
      text,
      "the value looks like an address, but is not a valid IPv4 or IPv6 address",
    );
  }
  if (text.includes("/")) return readPods(cluster, flag, text);
  const isInside = /(^|\.)svc(\.|$)|\.cluster\.local\.?$/.test(text);
  if (isInside) {
    throw wrongFlag(
      flag,
      text,
      "the value is the name of a Service; give the workload of the Service instead",
    );
  }
  if (
    !/^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)+\.?$/.test(
      text,
    )
  ) {
    throw wrongFlag(
      flag,
      text,
      "the value is neither a workload (namespace/name) nor an address nor a full host name",
    );
  }
  return [{ type: "host", host: text }];
}

/**
 * Returns the pod with an address if the manifests contain the address, otherwise an outside
 * address.
 */
function ofAddress(cluster: Cluster, address: { family: 4 | 6; value: bigint }): Endpoint {
  const pod = cluster.pods.find(({ addresses }) =>
    addresses.some(({ family, value }) => family === address.family && value === address.value)
  );
  return pod ?? { type: "outside", address };
}

/** Finds the pods of a workload. Only policies that distinguish its pods make them more than one. */
function readPods({ pods }: Cluster, flag: string, text: string): readonly Pod[] {
  const [namespace, ...rest] = text.split("/");
  const name = rest.at(-1)!;
  const kind = rest.length === 2 ? rest[0]!.toLowerCase() : undefined;
  const found = rest.length > 2
    ? []
    : pods.filter((pod) =>
      pod.namespace === namespace && (pod.name === name || pod.part === `pod ${name}`) &&
      (kind === undefined || pod.kind.toLowerCase() === kind)
    );
  const workloads = [...new Set(found.map(({ part: _, ...pod }) => podId(pod)))];
  if (workloads.length === 1) return found;
  if (workloads.length > 1) {
    throw wrongFlag(flag, text, `the name is ambiguous; use one of ${workloads.join(", ")}`);
  }
  const alike = pods.filter((pod) => pod.name === name || pod.namespace === namespace).slice(0, 8);
  const hint = alike.length === 0 ? "" : `; similar workloads are ${alike.map(podId).join(", ")}`;
  throw wrongFlag(flag, text, `the manifests declare no such workload${hint}`);
}

function readPortFlag(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw wrongFlag("port", text, "a port is a number from 1 to 65535");
}

function requiredFlag(flags: Flags, name: string): string {
  const value = flags.value(name);
  if (value !== undefined) return value;
  throw new Failure({
    kind: "configuration",
    task: "evaluate a connection",
    problem: `--${name} is missing`,
    remedy: "Give --from, --to and --port, or --matrix for all connections; see --help.",
  });
}

function wrongFlag(flag: string, text: string, why: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use --${flag} ${JSON.stringify(text)}`,
    problem: why,
    remedy: "See --help.",
  });
}
