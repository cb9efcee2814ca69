import { isFields, listOf } from "./fields.ts";

// Directories of manifests also contain YAML and JSON with other purposes: the values of a Helm
// chart, files of Docker Compose, workflows, encrypted files. kubectl never applies these files.

/** The API groups of files that tools read, and that no API server stores. */
const TOOL_GROUPS = [
  /^kind\.x-k8s\.io\//,
  /^k3d\.io\//,
  /^eksctl\.io\//,
  /^skaffold\//,
  /^(kubeadm|kubelet|kubeproxy|kubescheduler|apiserver|audit|client\.authentication)\.(config\.)?k8s\.io\//,
  /^kubescheduler\.config\.k8s\.io\//,
  /^kustomize\.config\.k8s\.io\//,
  /^backstage\.io\//,
  /^helmfile\./,
  /^config\.kubernetes\.io\//,
];

/** An API version of Kubernetes, as in `v1` and `batch/v1beta1`. */
const API_VERSION = /^([a-z0-9.-]+\/)?v\d+((alpha|beta)\d+)?$/;

/**
 * Describes a document that is not meant to be a Kubernetes object, as in `a list`.
 *
 * @returns undefined for an object, and for a document that is almost an object, which is a mistake
 */
export function otherThanObject(value: unknown): string | undefined {
  if (!isFields(value)) return shapeOf(value);
  const { apiVersion, kind, metadata, spec } = value;
  const hasVersion = typeof apiVersion === "string" && apiVersion !== "";
  const hasKind = typeof kind === "string" && kind !== "";
  const isLikeObject = isFields(metadata) || isFields(spec);
  if (hasVersion && hasKind) {
    if (apiVersion === "v1" && kind === "Config") return "a kubeconfig";
    return TOOL_GROUPS.some((group) => group.test(apiVersion)) ? `a ${kind} of a tool` : undefined;
  }
  if (hasKind) {
    return isLikeObject || /^[A-Z]\w*$/.test(kind) ? undefined : "fields without apiVersion";
  }
  if (hasVersion) {
    const isChart = typeof value.name === "string" && typeof value.version === "string";
    if (isChart && !isLikeObject) return "a Helm chart's Chart.yaml";
    return isLikeObject || API_VERSION.test(apiVersion) ? undefined : "fields without kind";
  }
  return isFields(metadata) && (isFields(spec) || typeof metadata.name === "string")
    ? undefined
    : "fields without apiVersion and kind";
}

/** A file name of a pod template, as in `executor-pod-template.yaml` and `driver_template.yml`. */
const TEMPLATE_FILE = /pod[-_.]?template|(driver|executor)[-_.](pod|template)/i;

/**
 * Describes a Pod that Spark completes, as the settings `podTemplateFile` name it: it has no name or
 * no image yet, and its file or its container has the name of a template.
 *
 * @returns undefined for any other object
 */
export function sparkPodTemplate(file: string, value: unknown): string | undefined {
  if (!isFields(value) || value.kind !== "Pod" || value.apiVersion !== "v1") return undefined;
  const { metadata, spec } = value;
  const containers = listOf(isFields(spec) ? spec.containers : undefined);
  const { name, generateName } = isFields(metadata) ? metadata : {};
  const isPart = name === undefined && generateName === undefined ||
    containers.some(({ image }) => image === undefined);
  const isNamed = TEMPLATE_FILE.test(file.slice(file.lastIndexOf("/") + 1)) ||
    containers.some(({ name }) => /^spark-kubernetes-(driver|executor)$/.test(String(name)));
  return isPart && isNamed ? "a pod template for Spark" : undefined;
}

/** Names the shape of a value, and never its content, which can be a password. */
export function shapeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (isFields(value)) return "an object";
  if (typeof value !== "string") return `a ${typeof value}`;
  return value.startsWith("$ANSIBLE_VAULT") ? "an encrypted file of Ansible Vault" : "a text";
}
