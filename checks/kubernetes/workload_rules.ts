import type { WrongField } from "./api_types.ts";
import { type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";
import { amountOf } from "./quantities.ts";

// More rules of the API server for workloads: those that compare several fields.

/** The problems of how a workload replaces its pods, and of an empty selector. */
export function wrongRollout({ kind, spec }: Fields): WrongField[] {
  if (!isFields(spec)) return [];
  const field = kind === "Deployment" ? "strategy" : "updateStrategy";
  const { type, rollingUpdate } = fieldsIn(spec[field]);
  const path = `spec.${field}.rollingUpdate`;
  const found: WrongField[] = [];
  const selector = fieldsIn(spec.selector);
  const isWorkload = /^(Deployment|DaemonSet|StatefulSet|ReplicaSet)$/.test(String(kind));
  if (isWorkload && isFields(spec.selector) && isBlank(selector)) {
    found.push({
      path: "spec.selector",
      problem: "the selector is empty",
      fix: "Set spec.selector.matchLabels to labels of the template.",
    });
  }
  // A DaemonSet ignores the field with OnDelete.
  if (kind !== "DaemonSet" && isFields(rollingUpdate) && type && type !== "RollingUpdate") {
    found.push({
      path,
      problem: `rollingUpdate is allowed only with type: RollingUpdate, but the type is ${type}`,
      fix: "Remove rollingUpdate, or write type: RollingUpdate",
    });
  }
  const { maxSurge, maxUnavailable } = fieldsIn(rollingUpdate);
  const isRolling = (type ?? "RollingUpdate") === "RollingUpdate";
  if (isRolling && (kind === "Deployment" || kind === "DaemonSet")) {
    const isDeployment = kind === "Deployment";
    const none = [maxSurge ?? (isDeployment ? 1 : 0), maxUnavailable ?? 1].map(isZero);
    if (none[0] && none[1]) {
      found.push({
        path,
        problem: "maxSurge and maxUnavailable are both 0, so no pod can be replaced",
        fix: "Set one of them to 1 or more.",
      });
    } else if (!isDeployment && !none[0] && !none[1]) {
      found.push({
        path,
        problem: `a DaemonSet with maxSurge needs maxUnavailable: 0${
          maxUnavailable === undefined ? ", and the default is 1" : ""
        }`,
        fix: "Set maxUnavailable: 0, or remove maxSurge.",
      });
    }
  }
  const { minReadySeconds, progressDeadlineSeconds } = spec;
  const [ready, deadline] = [minReadySeconds ?? 0, progressDeadlineSeconds ?? 600].map(Number);
  if (kind === "Deployment" && deadline! <= ready! && ready! >= 0) {
    found.push({
      path: "spec.progressDeadlineSeconds",
      problem: `progressDeadlineSeconds is ${deadline}, but must be more than minReadySeconds`,
      fix: `Set progressDeadlineSeconds to more than ${ready}.`,
    });
  }
  return found;
}

function isBlank({ matchLabels, matchExpressions }: Fields): boolean {
  return Object.keys(fieldsIn(matchLabels)).length === 0 && listOf(matchExpressions).length === 0;
}

function isZero(value: unknown): boolean {
  return value === 0 || typeof value === "string" && /^0+%$/.test(value);
}

/** The resources of Kubernetes itself. Others have a domain, as in `nvidia.com/gpu`. */
const RESOURCE = /^(cpu|memory|ephemeral-storage|hugepages-.+)$|\//;

/** The problems of the requests and limits of a pod's containers. */
export function wrongResources(spec: Fields, specPath: string): WrongField[] {
  return containersIn(spec, specPath).flatMap(({ container, path }) => {
    const { requests, limits } = fieldsIn(container.resources);
    const found: WrongField[] = [];
    for (const [list, amounts] of Object.entries({ requests, limits })) {
      for (const [name, value] of Object.entries(fieldsIn(amounts))) {
        const at = `${path}.resources.${list}.${name}`;
        const amount = amountOf(value);
        if (!RESOURCE.test(name)) {
          found.push({
            path: at,
            problem: `${name} is no resource of a container`,
            fix: "Write cpu, memory or ephemeral-storage, or a resource with a domain.",
          });
        } else if (amount !== undefined && amount < 0n) {
          found.push({
            path: at,
            problem: `${name} must not be negative, but is ${value}`,
            fix: "Write 0 or more.",
          });
        } else if (isExtended(name) && amount !== undefined && amount % 1_000_000_000n !== 0n) {
          found.push({
            path: at,
            problem: `${name} must be a whole number, but is ${value}`,
            fix: "Write a whole number.",
          });
        }
      }
    }
    for (const [name, value] of Object.entries(fieldsIn(requests))) {
      const limit = fieldsIn(limits)[name];
      const [asked, most] = [amountOf(value), limit === undefined ? undefined : amountOf(limit)];
      if (asked === undefined || most === undefined || asked === most) continue;
      const isExact = isExtended(name) || name.startsWith("hugepages-");
      if (asked < most && !isExact) continue;
      found.push({
        path: `${path}.resources.requests.${name}`,
        problem: `the request of ${name}, ${value ?? 0}, is ${
          asked > most ? "more" : "less"
        } than the limit, ${limit ?? 0}`,
        fix: isExact ? "Write the same number in both." : "Lower the request, or raise the limit.",
        ...(asked > most ? { isExcess: true } : {}),
      });
    }
    return found;
  });
}

/** Returns whether a resource is one of a device, as in `nvidia.com/gpu`. No part of it can be used. */
function isExtended(name: string): boolean {
  return /\//.test(name) && !/kubernetes\.io\//.test(name);
}

/** The problems of the ports and probes of a pod's containers. */
export function wrongPorts(spec: Fields, specPath: string): WrongField[] {
  const usedByContainers = new Set<string>();
  return containersIn(spec, specPath).flatMap(({ container, path, list }) => {
    // Containers that initialise the pod run one after the other.
    const used = list === "containers" ? usedByContainers : new Set<string>();
    const names = new Set<string>();
    const found: WrongField[] = [];
    for (const [i, { name, hostPort, hostIP, protocol }] of listOf(container.ports).entries()) {
      const own = textOf(name) ?? "";
      if (own !== "" && names.has(own)) {
        found.push({
          path: `${path}.ports[${i}].name`,
          problem: `another port of the container has the name ${own}`,
          fix: "Give each port another name.",
        });
      }
      names.add(own);
      if (!hostPort) continue;
      const key = `${hostIP ?? ""} ${protocol ?? "TCP"} ${hostPort}`;
      if (used.has(key)) {
        found.push({
          path: `${path}.ports[${i}].hostPort`,
          problem: `another port of the pod has hostPort ${hostPort}`,
          fix: "Use each port of the node once.",
        });
      }
      used.add(key);
    }
    for (const probe of ["livenessProbe", "startupProbe"]) {
      const { successThreshold } = fieldsIn(container[probe]);
      if (typeof successThreshold !== "number" || successThreshold < 2) continue;
      found.push({
        path: `${path}.${probe}.successThreshold`,
        problem: `successThreshold must be 1, but is ${successThreshold}`,
        fix: "Remove successThreshold.",
      });
    }
    return found;
  });
}

/** The problems of the seccomp profiles of a pod and its containers. */
export function wrongProfiles(spec: Fields, specPath: string): WrongField[] {
  const all = [{ container: spec, path: specPath }, ...containersIn(spec, specPath)];
  return all.flatMap(({ container, path }) => {
    const profile = fieldsIn(container.securityContext).seccompProfile;
    if (!isFields(profile)) return [];
    const { type, localhostProfile } = profile;
    const isLocal = type === "Localhost";
    if (!type || isLocal === (typeof localhostProfile === "string")) return [];
    return [{
      path: `${path}.securityContext.seccompProfile.localhostProfile`,
      problem: isLocal
        ? "localhostProfile is required with type: Localhost, but missing"
        : `localhostProfile is allowed only with type: Localhost, but the type is ${type}`,
      fix: isLocal ? "Add localhostProfile: <file>" : "Remove localhostProfile.",
    }];
  });
}

function containersIn(
  spec: Fields,
  specPath: string,
): { container: Fields; path: string; list: string }[] {
  return ["initContainers", "containers"].flatMap((list) =>
    listOf(spec[list]).map((container, i) => (
      { container, path: `${specPath}.${list}[${i}]`, list }
    ))
  );
}
