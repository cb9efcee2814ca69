import type { WrongField } from "./api_types.ts";
import { type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";

// The rules of the API server for the DNS and the kernel parameters of a pod.

/** The most nameservers and domains that the resolver of a pod can have. */
const MOST = { nameservers: 3, searches: 32 } as const;

/** The most characters of all domains, with a space between two of them. */
const MOST_CHARACTERS = 2048;

/** The wrong fields of a pod's DNS. */
export function wrongDns(spec: Fields, specPath: string): WrongField[] {
  const { dnsPolicy, dnsConfig } = spec;
  const path = `${specPath}.dnsConfig`;
  const listed = (name: keyof typeof MOST): unknown[] => {
    const list = fieldsIn(dnsConfig)[name];
    return Array.isArray(list) ? list : [];
  };
  const found: WrongField[] = [];
  if (dnsPolicy === "None" && listed("nameservers").length === 0) {
    found.push({
      path: isFields(dnsConfig) ? `${path}.nameservers` : path,
      problem: "dnsPolicy: None needs a nameserver",
      fix: "Add dnsConfig: {nameservers: [<address>]}, or remove dnsPolicy.",
    });
  }
  for (const name of ["nameservers", "searches"] as const) {
    const { length } = listed(name);
    if (length <= MOST[name]) continue;
    found.push({
      path: `${path}.${name}`,
      problem: `${name} has ${length} items, and a pod may have ${MOST[name]}`,
      fix: "Remove the others.",
    });
  }
  const { length } = listed("searches").join(" ");
  if (length > MOST_CHARACTERS) {
    found.push({
      path: `${path}.searches`,
      problem: `searches has ${length} characters, and a pod may have ${MOST_CHARACTERS}`,
      fix: "Remove some of the domains.",
    });
  }
  return found;
}

/** The parameters of the node's network and of its communication between processes. */
const OF_NODE = [
  { host: "hostNetwork", names: /^net[./]/ },
  { host: "hostIPC", names: /^(kernel[./](shm|msg|sem$)|fs[./]mqueue[./])/ },
];

/** The wrong kernel parameters of a pod. */
export function wrongSysctls(spec: Fields, specPath: string): WrongField[] {
  const names = listOf(fieldsIn(spec.securityContext).sysctls).map(({ name }) =>
    textOf(name) ?? ""
  );
  return names.flatMap((name, i): WrongField[] => {
    const path = `${specPath}.securityContext.sysctls[${i}].name`;
    if (name !== "" && names.indexOf(name) < i) {
      return [{ path, problem: `${name} is repeated`, fix: "Remove one of them." }];
    }
    const node = OF_NODE.find(({ host, names }) => spec[host] === true && names.test(name));
    return node === undefined ? [] : [{
      path,
      problem: `${name} is not allowed with ${node.host}: true`,
      fix: `Set the parameter on the node, or remove ${node.host}.`,
      why: "the parameter is that of the node, so no pod is created, or none starts",
    }];
  });
}
