import {
  child,
  type Fields,
  kindOf,
  readFields,
  readInteger,
  readList,
  readText,
  type Report,
} from "../kubernetes/fields.ts";
import { readMetadata, wrongPort, wrongPortName } from "../kubernetes/metadata.ts";
import { readSelector } from "../kubernetes/selectors.ts";
import { type AddressRange, parseCidr } from "./address.ts";
import {
  type BlockPeer,
  type Direction,
  type Peer,
  type Policy,
  type PolicyPort,
  type Protocol,
  PROTOCOLS,
  type Rule,
} from "./model.ts";

/** The only supported `apiVersion`. */
const POLICY_API = "networking.k8s.io/v1";

const SPEC = ["podSelector", "policyTypes", "ingress", "egress"];

/** The field with the peers of a rule, by direction. */
const PEERS = { ingress: "from", egress: "to" } as const;

const TYPES = { Ingress: "ingress", Egress: "egress" } as const;

/**
 * Parses a NetworkPolicy with the strict validation of the API server, and sets the defaults.
 *
 * @param where the file and line of the declaration, as in `policies.yaml:12`
 * @param report is called for each problem; after a problem the result must not be used
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readPolicy } from "./read_policy.ts";
 *
 * const problems: string[] = [];
 * const policy = readPolicy(
 *   {
 *     apiVersion: "networking.k8s.io/v1",
 *     kind: "NetworkPolicy",
 *     metadata: { name: "allow-dns", namespace: "jobs" },
 *     spec: { podSelector: {}, egress: [{ ports: [{ protocol: "UDP", port: 53 }] }] },
 *   },
 *   "policies.yaml:12",
 *   (path, problem) => problems.push(`${path} ${problem}`),
 * );
 * assertEquals(problems, []);
 * assertEquals(policy.directions, ["ingress", "egress"]);
 * ```
 */
export function readPolicy(value: unknown, where: string | undefined, report: Report): Policy {
  const known = ["apiVersion", "kind", "metadata", "spec", "status"];
  const object = readFields(value ?? {}, "", report, known) ?? {};
  if (object.kind !== "NetworkPolicy") report("kind", "must be NetworkPolicy");
  if (object.apiVersion !== POLICY_API) report("apiVersion", `must be ${POLICY_API}`);
  const { name, namespace } = readMetadata(object.metadata, report);
  const spec = readFields(object.spec, "spec", report, SPEC) ?? {};
  const ingress = readRules(spec, "ingress", report);
  const egress = readRules(spec, "egress", report);
  const directions = readTypes(spec, report);
  return {
    namespace,
    name,
    ...(where === undefined ? {} : { where }),
    directions,
    pods: readSelector(spec.podSelector, "spec.podSelector", report),
    rules: {
      ingress: directions.includes("ingress") ? ingress : [],
      egress: directions.includes("egress") ? egress : [],
    },
    declaredRules: { ingress, egress },
    spec,
  };
}

/**
 * Parses `policyTypes`. Without them, a policy isolates pods for ingress, and for egress if it has
 * egress rules.
 */
function readTypes(spec: Fields, report: Report): Direction[] {
  const path = "spec.policyTypes";
  const types = readList(spec.policyTypes, path, report);
  if (types.length > 2) report(path, "has more than two types");
  const directions = types.flatMap((each, i): Direction[] => {
    const text = readText(each ?? "", `${path}[${i}]`, report);
    if (text === "Ingress" || text === "Egress") return [TYPES[text]];
    if (text !== undefined) {
      report(
        `${path}[${i}]`,
        `${JSON.stringify(text)} is not a policy type; use Ingress or Egress`,
      );
    }
    return [];
  });
  if (types.length > 0) return [...new Set(directions)];
  const hasEgress = Array.isArray(spec.egress) && spec.egress.length > 0;
  return hasEgress ? ["ingress", "egress"] : ["ingress"];
}

function readRules(spec: Fields, direction: Direction, report: Report): Rule[] {
  const path = child("spec", direction);
  return readList(spec[direction], path, report)
    .map((each, i) => readRule(each ?? {}, `${path}[${i}]`, direction, report));
}

/** Parses a rule. Absent or empty lists of peers and ports are unrestricted. */
function readRule(value: unknown, path: string, direction: Direction, report: Report): Rule {
  const side = PEERS[direction];
  const fields = readFields(value, path, report, ["ports", side]) ?? {};
  const peers = readList(fields[side], child(path, side), report)
    .map((each, i) => readPeer(each ?? {}, `${child(path, side)}[${i}]`, report));
  const ports = readList(fields.ports, child(path, "ports"), report)
    .map((each, i) => readPort(each ?? {}, `${child(path, "ports")}[${i}]`, report));
  return {
    path,
    peers: peers.filter((each) => each !== undefined),
    ports: ports.filter((each) => each !== undefined),
  };
}

type Block = AddressRange & { readonly bits: number };

/** Parses a peer: an `ipBlock`, or one or two selectors. */
function readPeer(value: unknown, path: string, report: Report): Peer | undefined {
  const known = ["podSelector", "namespaceSelector", "ipBlock"];
  const fields = readFields(value, path, report, known);
  if (fields === undefined) return undefined;
  const [hasPods, hasNamespaces, hasBlock] = known.map((name) =>
    fields[name] !== undefined && fields[name] !== null
  );
  if (!hasPods && !hasNamespaces && !hasBlock) {
    report(path, `selects nothing; add at least one of ${known.join(", ")}`);
    return undefined;
  }
  const pods = (name: "podSelector" | "namespaceSelector") =>
    readSelector(fields[name], child(path, name), report);
  const selectors = {
    ...(hasNamespaces ? { namespaces: pods("namespaceSelector") } : {}),
    ...(hasPods ? { pods: pods("podSelector") } : {}),
  };
  if (!hasBlock) return { type: "pods", path, ...selectors };
  if (hasPods || hasNamespaces) {
    report(path, "has both ipBlock and a selector; use separate items for addresses and pods");
  }
  return readBlock(fields.ipBlock, path, report);
}

function readBlock(value: unknown, path: string, report: Report): BlockPeer | undefined {
  const blockPath = child(path, "ipBlock");
  const fields = readFields(value, blockPath, report, ["cidr", "except"]);
  if (fields === undefined) return undefined;
  const cidrPath = child(blockPath, "cidr");
  const cidr = readText(fields.cidr, cidrPath, report);
  if (cidr === undefined && (fields.cidr === undefined || fields.cidr === null)) {
    report(cidrPath, "is missing");
  }
  const range = cidr === undefined ? undefined : readCidr(cidr, cidrPath, report);
  const exceptPath = child(blockPath, "except");
  const except = readList(fields.except, exceptPath, report).flatMap((each, i) => {
    const text = readText(each ?? "", `${exceptPath}[${i}]`, report);
    if (text === undefined) return [];
    const left = readCidr(text, `${exceptPath}[${i}]`, report);
    if (left === undefined) return [];
    if (range !== undefined && !isStrictlyWithin(left, range)) {
      const problem = `${JSON.stringify(text)} is not a proper part of ${cidr}`;
      report(`${exceptPath}[${i}]`, problem);
    }
    return [left];
  });
  return cidr === undefined || range === undefined
    ? undefined
    : { type: "block", path, cidr, range, except };
}

function readCidr(text: string, path: string, report: Report): Block | undefined {
  const block = parseCidr(text);
  if (block === undefined) {
    report(
      path,
      `${JSON.stringify(text)} is not a block of addresses such as 10.0.0.0/8 or fd00::/8`,
    );
  }
  return block;
}

function isStrictlyWithin(inner: Block, outer: Block): boolean {
  return inner.family === outer.family && inner.bits > outer.bits &&
    outer.first <= inner.first && inner.last <= outer.last;
}

/** Parses a port of a rule: a number, a name or a range. The default protocol is TCP. */
function readPort(value: unknown, path: string, report: Report): PolicyPort | undefined {
  const fields = readFields(value, path, report, ["protocol", "port", "endPort"]);
  if (fields === undefined) return undefined;
  const protocol = readProtocol(fields.protocol, child(path, "protocol"), report);
  const port = readNumberOrName(fields.port, child(path, "port"), report);
  const endPath = child(path, "endPort");
  const endPort = readInteger(fields.endPort, endPath, report);
  if (endPort !== undefined) {
    if (typeof port === "string") {
      report(endPath, "is not allowed with a named port; a range starts with a number");
    } else if (port === undefined && (fields.port === undefined || fields.port === null)) {
      report(endPath, "is not allowed without port, the start of the range");
    } else {
      const wrong = wrongPort(endPort);
      if (wrong !== undefined) report(endPath, wrong);
      else if (port !== undefined && endPort < port) {
        report(endPath, `${endPort} is less than port ${port}`);
      }
    }
  }
  return {
    path,
    protocol,
    ...(port === undefined ? {} : { port }),
    ...(endPort === undefined ? {} : { endPort }),
  };
}

/** Parses a protocol in upper case. The default is TCP. */
export function readProtocol(value: unknown, path: string, report: Report): Protocol {
  const text = readText(value, path, report) ?? "TCP";
  const protocol = PROTOCOLS.find((each) => each === text);
  if (protocol !== undefined) return protocol;
  report(path, `${JSON.stringify(text)} is not a protocol; use one of ${PROTOCOLS.join(", ")}`);
  return "TCP";
}

function readNumberOrName(
  value: unknown,
  path: string,
  report: Report,
): number | string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" && typeof value !== "string") {
    report(path, `must be a port number or a port name, but is ${kindOf(value)}`);
    return undefined;
  }
  const port = typeof value === "number" ? readInteger(value, path, report) : value;
  if (port === undefined) return undefined;
  const wrong = typeof port === "number" ? wrongPort(port) : wrongPortName(port);
  if (wrong !== undefined) report(path, wrong);
  return port;
}
