import { type Address, parseAddress } from "./address.ts";
import {
  child,
  type Fields,
  isFields,
  readBoolean,
  readFields,
  readInteger,
  readList,
  readText,
  type Report,
} from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import type { ContainerPort, Pod } from "./model.ts";
import { wrongPort, wrongPortName } from "../kubernetes/names.ts";
import { podTemplateOf } from "../kubernetes/pod_template.ts";
import { readProtocol } from "./read_port.ts";
import { readLabels } from "../kubernetes/selector.ts";

/**
 * The value of a label that a controller will set and nobody can know before. No label can have this
 * value, so selectors see that the key is there, and no value of theirs is equal to it.
 */
export const UNKNOWABLE = "?";

/** The labels with such values that the controllers of each kind add. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  Deployment: ["pod-template-hash"],
  StatefulSet: [
    ...["controller-revision-hash", "statefulset.kubernetes.io/pod-name"],
    "apps.kubernetes.io/pod-index",
  ],
  DaemonSet: ["controller-revision-hash", "pod-template-generation"],
  Job: ["controller-uid", "batch.kubernetes.io/controller-uid"],
  CronJob: [
    ...["controller-uid", "batch.kubernetes.io/controller-uid"],
    ...["job-name", "batch.kubernetes.io/job-name"],
  ],
};

/**
 * Reads the pods that a workload makes, as far as policies are concerned.
 *
 * @param report hears of everything that is wrong; the pod is worth nothing then
 * @returns undefined for an object of a kind that makes no pods
 */
export function readWorkload(object: Fields, report: Report): Pod | undefined {
  const template = podTemplateOf(object);
  if (template === undefined || object.kind === "PodTemplate") return undefined;
  const { name, namespace } = readMetadata(object.metadata, report);
  const kind = String(object.kind);
  const metadata = readFields(template.metadata, template.metadataPath, report);
  const spec = readFields(template.spec, template.specPath, report);
  if (template.spec === undefined || template.spec === null) {
    report(template.specPath, "is missing: it makes no pod");
  }
  const labels = readLabels(metadata?.labels, child(template.metadataPath, "labels"), report);
  const hostNetwork = child(template.specPath, "hostNetwork");
  return {
    type: "pod",
    namespace,
    kind,
    name,
    labels: withControllersLabels(labels, object, name),
    ports: readPorts(spec, template.specPath, report),
    hostNetwork: readBoolean(spec?.hostNetwork, hostNetwork, report) ?? false,
    addresses: kind === "Pod" ? readAddresses(object.status) : [],
    several: kind !== "Pod",
  };
}

/** Adds what the workload's controller will add. */
function withControllersLabels(labels: Map<string, string>, object: Fields, name: string) {
  const kind = String(object.kind);
  if (kind === "Job") {
    // With a selector of its own the Job gets no labels from anybody.
    if (isFields(object.spec) && object.spec.manualSelector === true) return labels;
    for (const key of ["job-name", "batch.kubernetes.io/job-name"]) {
      if (!labels.has(key)) labels.set(key, name);
    }
  }
  for (const key of ADDED[kind] ?? []) {
    if (!labels.has(key)) labels.set(key, UNKNOWABLE);
  }
  return labels;
}

/** The named ports of the containers that run as long as the pod: no others can be reached by name. */
function readPorts(spec: Fields | undefined, path: string, report: Report): ContainerPort[] {
  return ["containers", "initContainers"].flatMap((list) => {
    const listPath = child(path, list);
    return readList(spec?.[list], listPath, report).flatMap((each, i) => {
      const container = readFields(each, `${listPath}[${i}]`, report) ?? {};
      const passing = list === "initContainers" && container.restartPolicy !== "Always";
      if (passing) return [];
      const portsPath = child(`${listPath}[${i}]`, "ports");
      return readList(container.ports, portsPath, report)
        .flatMap((port, j) => readContainerPort(port, `${portsPath}[${j}]`, report));
    });
  });
}

function readContainerPort(value: unknown, path: string, report: Report): ContainerPort[] {
  const fields = readFields(value, path, report) ?? {};
  const protocol = readProtocol(fields.protocol, child(path, "protocol"), report);
  const portPath = child(path, "containerPort");
  const port = readInteger(fields.containerPort, portPath, report);
  const wrong = port === undefined ? undefined : wrongPort(port);
  if (wrong !== undefined) report(portPath, wrong);
  const name = readText(fields.name, child(path, "name"), report);
  if (!name || port === undefined) return [];
  const wrongOne = wrongPortName(name);
  if (wrongOne !== undefined) report(child(path, "name"), wrongOne);
  return [{ name, protocol, port }];
}

/** The status comes from a cluster, which knows better than anybody who writes it by hand. */
function readAddresses(status: unknown): Address[] {
  if (!isFields(status)) return [];
  const listed = Array.isArray(status.podIPs) ? status.podIPs : [];
  const texts = [status.podIP, ...listed.map((each) => isFields(each) ? each.ip : undefined)];
  return [...new Set(texts)].flatMap((text) => {
    const address = typeof text === "string" ? parseAddress(text) : undefined;
    return address === undefined ? [] : [address];
  });
}
