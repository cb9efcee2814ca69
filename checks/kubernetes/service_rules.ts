import type { WrongField } from "./api_types.ts";
import { hasPlaceholder } from "./field_rules.ts";
import { type Fields, isFields, listOf, textOf } from "./fields.ts";
import { isObjectName } from "./metadata.ts";

/** The ports of a Service that the API server refuses although their types are right. */
export function wrongService({ apiVersion, kind, spec }: Fields): WrongField[] {
  if (apiVersion !== "v1" || kind !== "Service" || !isFields(spec)) return [];
  const { type, clusterIP, externalName } = spec;
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
