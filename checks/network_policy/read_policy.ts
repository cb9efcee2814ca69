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

/** The API that this evaluator understands. */
const POLICY_API = "networking.k8s.io/v1";

const SPEC = ["podSelector", "policyTypes", "ingress", "egress"];

/** What a direction's peers are called. */
const PEERS = { ingress: "from", egress: "to" } as const;

const TYPES = { Ingress: "ingress", Egress: "egress" } as const;

/**
 * Reads a NetworkPolicy as strictly as an API server does that knows no mercy for unknown fields, and
 * sets its defaults.
 *
 * @param where where it was declared, for people
 * @param report hears of everything that is wrong; the policy is worth nothing then
 */
export function readPolicy(value: unknown, where: string | undefined, report: Report): Policy {
  const known = ["apiVersion", "kind", "metadata", "spec", "status"];
  const object = readFields(value ?? {}, "", report, known) ?? {};
  if (object.kind !== "NetworkPolicy") report("kind", "has to be NetworkPolicy");
  if (object.apiVersion !== POLICY_API) report("apiVersion", `has to be ${POLICY_API}`);
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
  };
}

/** Without policyTypes a policy isolates ingress, and egress only if it has a rule for it. */
function readTypes(spec: Fields, report: Report): Direction[] {
  const path = "spec.policyTypes";
  const types = readList(spec.policyTypes, path, report);
  if (types.length > 2) report(path, "has more than two types");
  const directions = types.flatMap((each, i): Direction[] => {
    const text = readText(each ?? "", `${path}[${i}]`, report);
    if (text === "Ingress" || text === "Egress") return [TYPES[text]];
    if (text !== undefined) {
      report(`${path}[${i}]`, `${JSON.stringify(text)} is no type: it is Ingress or Egress`);
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

/** Absent or empty, peers and ports restrict nothing. */
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

/** Reads a peer: a block of addresses, or pods. */
function readPeer(value: unknown, path: string, report: Report): Peer | undefined {
  const known = ["podSelector", "namespaceSelector", "ipBlock"];
  const fields = readFields(value, path, report, known);
  if (fields === undefined) return undefined;
  const [hasPods, hasNamespaces, hasBlock] = known.map((name) =>
    fields[name] !== undefined && fields[name] !== null
  );
  if (!hasPods && !hasNamespaces && !hasBlock) {
    report(path, `names nobody: it needs one of ${known.join(", ")}`);
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
    report(path, "has ipBlock together with a selector, and no peer is both addresses and pods");
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
      const problem = `${JSON.stringify(text)} does not lie within ${cidr}, or is all of it`;
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
      `${JSON.stringify(text)} is no block of addresses, such as 10.0.0.0/8 or fd00::/8`,
    );
  }
  return block;
}

function isStrictlyWithin(inner: Block, outer: Block): boolean {
  return inner.family === outer.family && inner.bits > outer.bits &&
    outer.first <= inner.first && inner.last <= outer.last;
}

/** Reads a port of a rule: a number, a name or a range, of a protocol that is TCP unless told. */
function readPort(value: unknown, path: string, report: Report): PolicyPort | undefined {
  const fields = readFields(value, path, report, ["protocol", "port", "endPort"]);
  if (fields === undefined) return undefined;
  const protocol = readProtocol(fields.protocol, child(path, "protocol"), report);
  const port = readNumberOrName(fields.port, child(path, "port"), report);
  const endPath = child(path, "endPort");
  const endPort = readInteger(fields.endPort, endPath, report);
  if (endPort !== undefined) {
    if (typeof port === "string") {
      report(endPath, "cannot stand with a named port: a range begins with a number");
    } else if (port === undefined && (fields.port === undefined || fields.port === null)) {
      report(endPath, "cannot stand without port, where the range begins");
    } else {
      const wrong = wrongPort(endPort);
      if (wrong !== undefined) report(endPath, wrong);
      else if (port !== undefined && endPort < port) {
        report(endPath, `${endPort} is smaller than port, which is ${port}`);
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

/** Reads a protocol, in capitals; absent, it is TCP. */
export function readProtocol(value: unknown, path: string, report: Report): Protocol {
  const text = readText(value, path, report) ?? "TCP";
  const protocol = PROTOCOLS.find((each) => each === text);
  if (protocol !== undefined) return protocol;
  report(path, `${JSON.stringify(text)} is no protocol: it is one of ${PROTOCOLS.join(", ")}`);
  return "TCP";
}

function readNumberOrName(
  value: unknown,
  path: string,
  report: Report,
): number | string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" && typeof value !== "string") {
    report(path, `has to be a number or a port's name, and is ${kindOf(value)}`);
    return undefined;
  }
  const port = typeof value === "number" ? readInteger(value, path, report) : value;
  if (port === undefined) return undefined;
  const wrong = typeof port === "number" ? wrongPort(port) : wrongPortName(port);
  if (wrong !== undefined) report(path, wrong);
  return port;
}
