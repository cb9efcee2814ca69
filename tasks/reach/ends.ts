import {
  type Address,
  formatAddress,
  holds,
  parseAddress,
  privatePart,
} from "../../checks/network_policy/address.ts";
import { replacePlaceholders } from "../../checks/kubernetes/placeholders.ts";
import {
  type Cluster,
  type Endpoint,
  peersOf,
  type Pod,
  podId,
  type Protocol,
  PROTOCOLS,
} from "../../checks/network_policy/model.ts";
import { Failure } from "../../pipeline/errors.ts";
import { choice, type Flags } from "../cli/flags.ts";
import { similarWord } from "../cli/suggestion.ts";
import { forReach, type Reading } from "./reading.ts";
import {
  findService,
  podsAtPort,
  projectLabels,
  readServiceName,
  type Service,
  serviceId,
} from "./services.ts";
import { casesOf, type Undeclared } from "./undeclared.ts";

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
  /** The cluster of this question, if an end is a workload that no manifest declares. */
  readonly cluster?: Cluster;
  /** The limits of the answer that come from the ends, as sentences for people. */
  readonly notes: readonly string[];
}

/** An end of a connection as given on the command line. */
interface End {
  /** The pods of a workload or of a Service, an address, a host name, or an undeclared workload. */
  readonly ends: readonly (Endpoint | Host | Undeclared)[];
  /** The port of each pod, if the end is a Service that has other ports than its pods. */
  readonly ports?: ReadonlyMap<unknown, number>;
  /** The limits of an answer about this end. */
  readonly notes: readonly string[];
}

/**
 * Parses `--from`, `--to`, `--port` and `--protocol`. Returns one question for each pair of ends:
 * several, if policies distinguish the pods of a workload.
 *
 * @throws {Failure} configuration: a flag is missing or invalid
 */
export function readFlow(reading: Reading, flags: Flags): Question[] {
  const texts = { from: requiredFlag(flags, "from"), to: requiredFlag(flags, "to") };
  const protocol = choice(flags, "protocol", PROTOCOLS);
  const port = readPortFlag(requiredFlag(flags, "port"));
  const source = readEnd(reading, "from", texts.from, { protocol, port });
  const destination = readEnd(reading, "to", texts.to, { protocol, port });
  const notes = [...new Set([...source.notes, ...destination.notes])];
  const pairs = source.ends.flatMap((from) =>
    destination.ends.flatMap((given): Question[] => {
      // A pod that both flags name is the same pod, which can always reach itself.
      const isSame = from.type === "pod" && given.type === "pod" && podId(from) === podId(given);
      const to = isSame ? from : given;
      const own = destination.ports?.get(given) ?? port;
      if (from.type === "undeclared" || to.type === "undeclared") {
        return questionsAbout(reading, from, to, { protocol, port: own, notes });
      }
      if (from.type === "host") {
        const why = "the value is neither a workload (namespace/name) nor an address";
        throw wrongFlag("from", from.host, why);
      }
      if (from.type !== "pod" && to.type !== "pod") {
        throw new Failure({
          kind: "configuration",
          task: "evaluate a connection between two outside addresses",
          problem: "policies apply to pods",
          remedy: "Give a workload with --from or --to.",
        });
      }
      return [{ from, to, protocol, port: own, notes }];
    })
  );
  // The question about a workload and itself is about two different pods.
  const different = pairs.filter((pair) =>
    pair.from !== pair.to || pair.from.type !== "pod" || pair.from.several
  );
  return different.length > 0 ? different : pairs;
}

/** The questions about a workload that no manifest declares, one for each case that differs. */
function questionsAbout(
  { cluster }: Reading,
  from: End["ends"][number],
  to: End["ends"][number],
  asked: Pick<Question, "protocol" | "port" | "notes">,
): Question[] {
  const isSource = from.type === "undeclared";
  const [undeclared, pod] = isSource ? [from, to] : [to, from];
  if (undeclared.type !== "undeclared" || pod.type !== "pod") {
    throw new Failure({
      kind: "configuration",
      task: "evaluate a connection between two ends that no manifest declares",
      problem: "only the policies of a declared workload are known",
      remedy: `Give a declared workload with --from or --to: ${listWorkloads(cluster.pods)}`,
    });
  }
  const { protocol, port } = asked;
  const direction = isSource ? "ingress" : "egress";
  return casesOf(cluster, { pod, direction, undeclared, protocol, port }).map((each) => ({
    ...asked,
    from: isSource ? each.pod : pod,
    to: isSource ? pod : each.pod,
    cluster: each.cluster,
  }));
}

/** The protocol and the port of a connection. */
type Asked = Pick<Question, "protocol" | "port">;

function readEnd(reading: Reading, flag: string, text: string, asked: Asked): End {
  const address = parseAddress(text);
  if (address !== undefined) return ofAddress(reading, flag, address, asked);
  const apart = hostIn(text);
  if (apart !== undefined) {
    const shown = text.replace(/\/\/[^/]*@/, "//…@"); // no password
    throw wrongFlag(flag, shown, apart.problem, `Use --${flag} ${apart.host}${apart.port}.`);
  }
  if (/^\d+(\.\d+)*$|:/.test(text)) {
    throw wrongFlag(
      flag,
      text,
      "the value looks like an address, but is not a valid IPv4 or IPv6 address",
    );
  }
  if (text.includes("/")) return readWorkload(reading, flag, text, asked);
  const named = readServiceName(text, reading.namespaces);
  if (named !== undefined) {
    const { pod, namespace, name, isShort } = named;
    const path = pod === undefined ? `${namespace}/Service/${name}` : `${namespace}/${pod}`;
    const end = readWorkload(reading, flag, path, asked);
    const note = `${text} counts as a name in the namespace ${namespace}; for a host outside the ` +
      `cluster, add a dot to its end: ${text}.`;
    return isShort ? { ...end, notes: [...end.notes, note] } : end;
  }
  if (/(^|\.)svc(\.|$)|\.cluster\.local\.?$/.test(text)) {
    const why = "the value is a name in the cluster, but not that of a Service, as in db.shop.svc";
    throw wrongFlag(flag, text, why);
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
      seeHelp(similarEnd(text, reading.cluster.pods)),
    );
  }
  return { ends: [{ type: "host", host: text }], notes: [] };
}

/**
 * Returns the pod or the Service with an address if the manifests contain the address, otherwise an
 * address that may be outside the cluster.
 */
function ofAddress(reading: Reading, flag: string, address: Address, asked: Asked): End {
  const { cluster, services } = reading;
  const isIt = ({ family, value }: Address) => family === address.family && value === address.value;
  const pod = cluster.pods.find(({ addresses }) => addresses.some(isIt));
  if (pod !== undefined) return { ends: [pod], notes: [] };
  const service = services.find(({ addresses }) => addresses.some(isIt));
  if (service !== undefined && flag === "to") return ofService(reading, flag, service, asked);
  const isExcepted = cluster.policies.flatMap(peersOf).some((peer) =>
    peer.type === "block" && peer.except.some((range) => holds(range, address))
  );
  const { family, value } = address;
  const isPrivate = privatePart([{ family, first: value, last: value }]).length > 0;
  if (!isExcepted && !isPrivate) return { ends: [{ type: "outside", address }], notes: [] };
  return {
    ends: [{ type: "outside", address, isUncertain: true }],
    notes: [
      `no manifest gives ${
        formatAddress(address)
      } to a pod or a Service; the answer holds only if ` +
      "no pod or Service has this address. For a pod, give namespace/workload instead",
    ],
  };
}

/** Finds the pods of a workload or of a Service. */
function readWorkload(reading: Reading, flag: string, text: string, asked: Asked): End {
  const { pods } = reading.cluster;
  const [namespace, ...rest] = text.split("/") as [string, ...string[]];
  const name = rest.at(-1)!;
  const kind = rest.length === 2 ? rest[0]!.toLowerCase() : undefined;
  const isKind = (pod: Pod) => kind === undefined || pod.kind.toLowerCase() === kind;
  const own = pods.filter((pod) => pod.namespace === namespace && isKind(pod));
  const found = rest.length > 2
    ? []
    : own.filter((pod) => pod.name === name || pod.part === `pod ${name}`);
  // Only policies that distinguish the pods of a workload make them more than one.
  const workloads = [...new Set(found.map(({ part: _, ...pod }) => podId(pod)))];
  if (workloads.length === 1) return { ends: found, notes: [] };
  if (workloads.length > 1) {
    throw wrongFlag(flag, text, `the name is ambiguous; use one of ${workloads.join(", ")}`);
  }
  const numbered = own.flatMap((pod) => numberedPod(pod, name));
  if (numbered.length > 0) return { ends: numbered.slice(0, 1), notes: [] };
  const isService = kind === undefined || kind === "service";
  const service = isService ? findService(reading.services, namespace, name) : undefined;
  if (service !== undefined) return ofService(reading, flag, service, asked);
  if (kind === "service" && namespace === "default" && name === "kubernetes") {
    const why = "the Kubernetes API is not a pod; give its address, as in 10.43.0.1";
    throw wrongFlag(flag, text, why);
  }
  const unrendered = reading.unrendered.find(({ objects = [] }) =>
    objects.some((each) =>
      mayBe(each.namespace, namespace) && mayBe(each.name, name) &&
      (kind === undefined || each.kind.toLowerCase() === kind)
    )
  );
  if (unrendered !== undefined) {
    throw new Failure({
      kind: "unreachable",
      task: `use --${flag} ${JSON.stringify(text)}`,
      problem: `${unrendered.file}: ${unrendered.problem}`,
      remedy: forReach(unrendered.render ?? ""),
    });
  }
  const alike = pods.filter((pod) => pod.name === name || pod.namespace === namespace);
  const isName = (part: string) => /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(part);
  if (alike.length > 0 || rest.length > 2 || ![namespace, name].every(isName)) {
    const what = kind === "service" ? "Service, and no workload of this name" : "workload";
    const which = alike.length > 0 ? "similar" : "declared";
    const list = listWorkloads(alike.length > 0 ? alike : pods);
    throw wrongFlag(
      flag,
      text,
      `the manifests declare no such ${what}; ${which} workloads are ${list}`,
      seeHelp(similarEnd(text, pods)),
    );
  }
  const shown = rest.length === 2 ? rest[0]! : "workload";
  const { project, namespaces } = reading;
  const labels = kind === "service"
    ? projectLabels(project, namespaces, { name, namespace })
    : new Map<string, string>();
  return ofUndeclared(reading, { namespace, kind: shown, name, labels });
}

/** Returns whether a text can be a name after its placeholders are filled in. */
function mayBe(text: string, name: string): boolean {
  const parts = replacePlaceholders(text, () => "*").split("*");
  const pattern = parts.map((part) => part.replaceAll(/[^\w-]/g, "\\$&")).join(".*");
  return new RegExp(`^${pattern}$`).test(name);
}

/** The pod of a workload that a name with a number names, as in `db-0`. */
function numberedPod(pod: Pod, name: string): Pod[] {
  const { ordinals } = pod;
  const [, base, number] = /^(.+)-(0|[1-9]\d*)$/.exec(name) ?? [];
  if (ordinals === undefined || base !== pod.name || pod.part?.startsWith("pod ")) return [];
  const index = Number(number) - ordinals.first;
  if (index < 0 || index >= ordinals.count) return [];
  return [{ ...pod, several: false, part: `pod ${name}` }];
}

function ofUndeclared(
  { cluster }: Reading,
  workload: Omit<Undeclared, "type">,
): End {
  const { namespace, kind, name, labels } = workload;
  const shown = `${namespace}/${kind === "workload" ? "" : `${kind}/`}${name}`;
  const similar = similarEnd(shown, cluster.pods);
  const known = labels.size === 0
    ? "so its labels are unknown"
    : `only its labels ${[...labels].map(([key, value]) => `${key}=${value}`).join(",")} are known`;
  return {
    ends: [{ type: "undeclared", ...workload }],
    notes: [
      `no manifest declares the pods of ${shown}, ${known}; policies of namespace ${namespace} that ` +
      "are not in the manifests are not evaluated",
      `the declared workloads are ${listWorkloads(cluster.pods)}` +
      (similar === undefined ? "" : `; did you mean ${similar}?`),
    ],
  };
}

/** The pods that a Service selects, each with its port. */
function ofService(reading: Reading, flag: string, service: Service, asked: Asked): End {
  const id = serviceId(service);
  const behind = podsAtPort(service, reading.cluster.pods, asked);
  if (flag === "from") {
    const list = listWorkloads(behind.pods.map(({ pod }) => pod));
    throw wrongFlag(
      flag,
      id,
      `a Service opens no connection; give a workload${list && `: ${list}`}`,
    );
  }
  if (service.externalName !== undefined) {
    const note = `${id} stands for ${service.externalName}`;
    return { ends: [{ type: "host", host: service.externalName }], notes: [note] };
  }
  if (service.selector.size === 0) {
    throw wrongFlag(flag, id, "the Service selects no pods; give the address of its endpoints");
  }
  if (behind.problem !== undefined) throw wrongFlag(flag, id, behind.problem);
  if (behind.pods.length === 0) {
    const { namespace, name, selector } = service;
    const { notes, ends } = ofUndeclared(reading, {
      namespace,
      kind: "Service",
      name,
      labels: selector,
    });
    const ports = new Map(ends.map((end) => [end, behind.port]));
    return { ends, notes, ports };
  }
  const ports = [...new Set(behind.pods.map(({ port }) => port))].join(" or ");
  return {
    ends: behind.pods.map(({ pod }) => pod),
    ports: new Map(behind.pods.map(({ pod, port }) => [pod, port])),
    notes: [`${id} leads to ${listWorkloads(behind.pods.map(({ pod }) => pod))}, port ${ports}`],
  };
}

/**
 * The host in a URL, or in a host with a port, and what the two are.
 *
 * @returns undefined for any other text
 */
function hostIn(text: string): { host: string; port: string; problem: string } | undefined {
  const isUrl = /^[a-z][-+.a-z0-9]*:\/\//i.test(text);
  if (isUrl && !URL.canParse(text)) return undefined;
  const [, host, port] = isUrl
    ? [text, new URL(text).hostname.replace(/^\[(.*)\]$/, "$1"), new URL(text).port]
    : /^([-.A-Za-z0-9/]+):(\d+)$/.exec(text) ?? [];
  if (!host) return undefined;
  const problem = isUrl
    ? "the value is a URL, and a policy decides about hosts and ports"
    : "the value has a port, and --port has it too";
  return { host, port: port ? ` --port ${port}` : "", problem };
}

/** The declared workload with the most similar name, as an end; undefined if none is similar. */
function similarEnd(text: string, pods: readonly Pod[]): string | undefined {
  const nameIn = ({ namespace, kind, name }: Pod) =>
    [name, `${namespace}/${name}`, `${namespace}/${kind}/${name}`][text.split("/").length - 1];
  const similar = similarWord(text, [...new Set(pods.flatMap((pod) => nameIn(pod) ?? []))]);
  const pod = pods.find((each) => nameIn(each) === similar);
  return pod && (text.includes("/") ? similar : `${pod.namespace}/${pod.name}`);
}

function seeHelp(similar: string | undefined): string {
  return `${similar === undefined ? "" : `Did you mean ${similar}? `}See --help.`;
}

/** The maximum number of workloads to list. */
const MAX_LISTED = 8;

function listWorkloads(pods: readonly Pod[]): string {
  const ids = [...new Set(pods.map(({ part: _, ...pod }) => podId(pod)))];
  const more = ids.length - MAX_LISTED;
  return ids.slice(0, MAX_LISTED).join(", ") + (more > 0 ? ` and ${more} more` : "");
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

function wrongFlag(flag: string, text: string, why: string, remedy = seeHelp(undefined)): Failure {
  return new Failure({
    kind: "configuration",
    task: `use --${flag} ${JSON.stringify(text)}`,
    problem: why,
    remedy,
  });
}
