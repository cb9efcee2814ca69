import {
  child,
  type Fields,
  readFields,
  readList,
  readText,
  type Report,
} from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import type { Direction } from "./model.ts";
import type { Policy, Rule } from "./policy.ts";
import { readPeer } from "./read_peer.ts";
import { readPort } from "./read_port.ts";
import { readSelector } from "../kubernetes/selector.ts";

/** The API that this evaluator understands. */
export const POLICY_API = "networking.k8s.io/v1";

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
