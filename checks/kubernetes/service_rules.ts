import type { WrongField } from "./api_types.ts";
import { hasPlaceholder } from "./field_rules.ts";
import { type Fields, isFields, listOf, textOf } from "./fields.ts";
import { isObjectName } from "./metadata.ts";

/** The fields of a Service that the API server refuses although their types are right. */
export function wrongService({ apiVersion, kind, spec }: Fields): WrongField[] {
  if (apiVersion !== "v1" || kind !== "Service" || !isFields(spec)) return [];
  return [...wrongPorts(spec), ...wrongCombinations(spec), ...wrongFamilies(spec)];
}

function wrongPorts({ type, clusterIP, externalName, ...spec }: Fields): WrongField[] {
  if (type === "ExternalName" && !externalName) {
    return [{
      path: "spec.externalName",
      problem: "externalName is required with type: ExternalName, but missing",
      isMissing: true,
      fix: "Add externalName: <host>",
    }];
  }
  // The API server ignores the field with another type.
  const host = type === "ExternalName" ? textOf(externalName)?.replace(/\.$/, "") : undefined;
  if (host !== undefined && !isObjectName(host) && !hasPlaceholder(host)) {
    return [{
      path: "spec.externalName",
      problem: `externalName must be the name of a host, but is ${JSON.stringify(externalName)}`,
      fix: "Use lowercase letters, digits, - and ., and at most 253 characters.",
    }];
  }
  const ports = listOf(spec.ports);
  if (ports.length === 0 && type !== "ExternalName" && clusterIP !== "None") {
    return [{
      path: "spec.ports",
      problem: "the Service has no ports, which only a Service with clusterIP: None may have",
      fix: "Add ports: [{port: <number>}], or clusterIP: None",
    }];
  }
  const names = new Map<string, number>();
  const used = new Map<string, number>();
  return ports.flatMap(({ name, port, protocol }, i): WrongField[] => {
    const path = `spec.ports[${i}]`;
    const own = textOf(name) ?? "";
    if (own === "" && ports.length > 1) {
      return [{
        path,
        problem: "the port has no name, and the Service has several ports",
        fix: "Give each port a name, as in name: http",
      }];
    }
    const before = own === "" ? undefined : names.get(own);
    names.set(own, i);
    if (before !== undefined) {
      return [{
        path: `${path}.name`,
        problem: `spec.ports[${before}] has the name ${own}, too`,
        fix: "Give each port another name.",
      }];
    }
    const key = `${textOf(protocol) ?? "TCP"} ${String(port)}`;
    const same = used.get(key);
    used.set(key, i);
    return same === undefined ? [] : [{
      path: `${path}.port`,
      problem: `spec.ports[${same}] has ${key}, too`,
      fix: "Remove one of them.",
    }];
  });
}

/** Fields that need a type. A list must have items, and a number must not be 0, to count. */
const OF_TYPES: readonly (readonly [field: string, types: string])[] = [
  ["loadBalancerSourceRanges", "LoadBalancer"],
  ["loadBalancerClass", "LoadBalancer"],
  ["allocateLoadBalancerNodePorts", "LoadBalancer"],
  ["healthCheckNodePort", "LoadBalancer"],
  ["externalTrafficPolicy", "NodePort LoadBalancer"],
  ["clusterIP", "ClusterIP NodePort LoadBalancer"],
  ["clusterIPs", "ClusterIP NodePort LoadBalancer"],
  ["ipFamilies", "ClusterIP NodePort LoadBalancer"],
  ["ipFamilyPolicy", "ClusterIP NodePort LoadBalancer"],
];

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/** The fields of a Service that its type does not allow. */
function wrongCombinations(spec: Fields): WrongField[] {
  const type = textOf(spec.type) || "ClusterIP";
  // The check of fields reports another type.
  if (!TYPES.includes(type)) return [];
  const isThere = (name: string) => {
    const value = spec[name] ?? "";
    return value !== "" && value !== 0 && !(Array.isArray(value) && value.length === 0);
  };
  const found = OF_TYPES.filter(([field, types]) =>
    isThere(field) && !types.split(" ").includes(type) &&
    // An external address makes the Service accessible from outside.
    !(field === "externalTrafficPolicy" && type === "ClusterIP" && isThere("externalIPs"))
  ).map(([field, types]): WrongField => ({
    path: `spec.${field}`,
    problem: `${field} is not allowed with type: ${type}`,
    fix: `Remove ${field}, or write type: ${types.split(" ").join(" or ")}`,
  }));
  const { clusterIP, externalTrafficPolicy } = spec;
  if (clusterIP === "None" && (type === "NodePort" || type === "LoadBalancer")) {
    found.push({
      path: "spec.clusterIP",
      problem: `clusterIP: None is not allowed with type: ${type}`,
      fix: `Remove clusterIP, or write type: ClusterIP`,
    });
  }
  if (
    type === "LoadBalancer" && isThere("healthCheckNodePort") && externalTrafficPolicy !== "Local"
  ) {
    found.push({
      path: "spec.healthCheckNodePort",
      problem: "healthCheckNodePort needs externalTrafficPolicy: Local",
      fix: "Add externalTrafficPolicy: Local, or remove healthCheckNodePort.",
    });
  }
  return [
    ...found,
    ...listOf(spec.ports).flatMap(({ nodePort }, i) =>
      type !== "ClusterIP" || !nodePort ? [] : [{
        path: `spec.ports[${i}].nodePort`,
        problem: "nodePort is not allowed with type: ClusterIP",
        fix: "Write type: NodePort, or remove nodePort.",
      }]
    ),
  ];
}

/** The addresses and IP families of a Service that contradict each other. */
function wrongFamilies(
  { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy }: Fields,
): WrongField[] {
  const [address] = Array.isArray(clusterIPs) ? clusterIPs : [];
  const families: unknown[] = Array.isArray(ipFamilies) ? ipFamilies : [];
  const found: WrongField[] = [];
  if (typeof address === "string" && address !== (clusterIP || undefined)) {
    found.push({
      path: "spec.clusterIPs",
      problem: `the first item differs from clusterIP, which is ${clusterIP || "missing"}`,
      fix: "Remove clusterIPs: the API server sets it.",
    });
  }
  if (new Set(families).size < families.length) {
    found.push({
      path: "spec.ipFamilies",
      problem: "an IP family is repeated",
      fix: "Write each family once.",
    });
    // The API server chooses another default for a headless Service without a selector.
  } else if (
    families.length > 1 &&
    (ipFamilyPolicy ?? (clusterIP === "None" ? undefined : "SingleStack")) === "SingleStack"
  ) {
    found.push({
      path: "spec.ipFamilyPolicy",
      problem: `ipFamilyPolicy: SingleStack${
        (ipFamilyPolicy ?? null) === null ? ", the default," : ""
      } allows one IP family`,
      fix: "Write ipFamilyPolicy: PreferDualStack, or keep one family.",
    });
  }
  return found;
}
