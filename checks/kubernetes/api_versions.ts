import { shellQuote } from "../../pipeline/shell.ts";
import apiSchema from "./api_schema.json" with { type: "json" };
import { closestWord } from "./spelling.ts";
import { groupOf } from "./workloads.ts";

/** An `apiVersion` that API servers no longer know, the kinds, and the version to use. */
type Removal = readonly [apiVersion: string, kinds: string, use: string, since: string];

const PSP = "the Pod Security Admission labels of namespaces";

/** The versions that Kubernetes removed; `*` is every kind. */
const REMOVED: readonly Removal[] = [
  ["extensions/v1beta1", "DaemonSet Deployment ReplicaSet", "apps/v1", "1.16"],
  ["extensions/v1beta1", "NetworkPolicy", "networking.k8s.io/v1", "1.16"],
  ["extensions/v1beta1", "PodSecurityPolicy", PSP, "1.16"],
  ["extensions/v1beta1", "Ingress", "networking.k8s.io/v1", "1.22"],
  ["apps/v1beta1", "*", "apps/v1", "1.16"],
  ["apps/v1beta2", "*", "apps/v1", "1.16"],
  ["batch/v1beta1", "CronJob", "batch/v1", "1.25"],
  ["batch/v2alpha1", "CronJob", "batch/v1", "1.21"],
  ["policy/v1beta1", "PodDisruptionBudget", "policy/v1", "1.25"],
  ["policy/v1beta1", "PodSecurityPolicy", PSP, "1.25"],
  ["networking.k8s.io/v1beta1", "Ingress IngressClass", "networking.k8s.io/v1", "1.22"],
  ["rbac.authorization.k8s.io/v1alpha1", "*", "rbac.authorization.k8s.io/v1", "1.22"],
  ["rbac.authorization.k8s.io/v1beta1", "*", "rbac.authorization.k8s.io/v1", "1.22"],
  ["autoscaling/v2beta1", "HorizontalPodAutoscaler", "autoscaling/v2", "1.25"],
  ["autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2", "1.26"],
  ["scheduling.k8s.io/v1alpha1", "PriorityClass", "scheduling.k8s.io/v1", "1.17"],
  ["scheduling.k8s.io/v1beta1", "PriorityClass", "scheduling.k8s.io/v1", "1.22"],
  [
    "storage.k8s.io/v1beta1",
    "CSIDriver CSINode StorageClass VolumeAttachment",
    "storage.k8s.io/v1",
    "1.22",
  ],
  ["storage.k8s.io/v1beta1", "CSIStorageCapacity", "storage.k8s.io/v1", "1.27"],
  ["node.k8s.io/v1beta1", "RuntimeClass", "node.k8s.io/v1", "1.25"],
  ["discovery.k8s.io/v1beta1", "EndpointSlice", "discovery.k8s.io/v1", "1.25"],
  ["events.k8s.io/v1beta1", "Event", "events.k8s.io/v1", "1.25"],
  ["coordination.k8s.io/v1beta1", "Lease", "coordination.k8s.io/v1", "1.22"],
  ["certificates.k8s.io/v1beta1", "CertificateSigningRequest", "certificates.k8s.io/v1", "1.22"],
  ["apiextensions.k8s.io/v1beta1", "*", "apiextensions.k8s.io/v1", "1.22"],
  ["apiregistration.k8s.io/v1beta1", "*", "apiregistration.k8s.io/v1", "1.22"],
  [
    "admissionregistration.k8s.io/v1beta1",
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    "admissionregistration.k8s.io/v1",
    "1.22",
  ],
  ["authentication.k8s.io/v1beta1", "TokenReview", "authentication.k8s.io/v1", "1.22"],
  ["authorization.k8s.io/v1beta1", "*", "authorization.k8s.io/v1", "1.22"],
  ["flowcontrol.apiserver.k8s.io/v1alpha1", "*", "flowcontrol.apiserver.k8s.io/v1", "1.21"],
  ["flowcontrol.apiserver.k8s.io/v1beta1", "*", "flowcontrol.apiserver.k8s.io/v1", "1.26"],
  ["flowcontrol.apiserver.k8s.io/v1beta2", "*", "flowcontrol.apiserver.k8s.io/v1", "1.29"],
  ["flowcontrol.apiserver.k8s.io/v1beta3", "*", "flowcontrol.apiserver.k8s.io/v1", "1.32"],
  [
    "sparkoperator.k8s.io/v1alpha1",
    "SparkApplication ScheduledSparkApplication",
    "sparkoperator.k8s.io/v1beta2",
    "",
  ],
  ["sparkoperator.k8s.io/v1beta1", "*", "sparkoperator.k8s.io/v1beta2", ""],
];

/** An `apiVersion` that API servers do not accept for a kind. */
export interface WrongVersion {
  /** The problem, as in `batch/v1beta1 was removed in Kubernetes 1.25`. */
  readonly problem: string;
  /** The correction. */
  readonly fix: string;
}

/** The problem of the `apiVersion` of an object; undefined if it may be right. */
export function wrongVersion(apiVersion: string, kind: string): WrongVersion | undefined {
  const removal = REMOVED.find(([version, kinds]) =>
    version === apiVersion && (kinds === "*" || kinds.split(" ").includes(kind))
  );
  if (removal !== undefined) {
    const [, , use, since] = removal;
    return {
      problem: `${apiVersion} of ${kind} was removed${
        since === "" ? " from the operator" : ` in Kubernetes ${since}`
      }`,
      fix: use === PSP
        ? `Delete the object, and use ${use}.`
        : `Write apiVersion: ${use}, and compare the fields: kubectl explain ${
          shellQuote(kind.toLowerCase())
        }`,
    };
  }
  return misplacedKind(apiVersion, kind);
}

/** The kinds of groups that have no other version, and that Kubernetes adds no kind to. */
const KINDS: Readonly<Record<string, string>> = {
  v1:
    "Binding ComponentStatus ConfigMap Endpoints Event LimitRange List Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount",
  "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
  "batch/v1": "CronJob Job",
  "policy/v1": "Eviction PodDisruptionBudget",
  "networking.k8s.io/v1": "IPAddress Ingress IngressClass NetworkPolicy ServiceCIDR",
  "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
  "autoscaling/v1": "HorizontalPodAutoscaler Scale",
  "autoscaling/v2": "HorizontalPodAutoscaler",
};

/** The number of a version, as in 2 of `autoscaling/v2beta1`. */
function majorOf(apiVersion: string): number {
  return Number(/\/v(\d+)/.exec(apiVersion)?.[1] ?? 0);
}

/** The problem of a kind that Kubernetes does not have in this group and version. */
function misplacedKind(apiVersion: string, kind: string): WrongVersion | undefined {
  const known = Object.keys(apiSchema.kinds).map((each) => each.split(" ") as [string, string]);
  if (known.some(([version, each]) => version === apiVersion && each === kind)) return undefined;
  const group = groupOf(apiVersion);
  const right = known.find(([, each]) => each === kind)?.[0];
  const own = Object.hasOwn(KINDS, apiVersion) ? KINDS[apiVersion]!.split(" ") : undefined;
  if (own?.includes(kind)) return undefined;
  const isOfKubernetes = known.some(([version]) => groupOf(version) === group);
  // The group of another API has a dot. The files of tools use other kinds.
  const isNoGroup = !isOfKubernetes && !group.includes(".") && right !== undefined;
  if (own === undefined && !isNoGroup && (!isOfKubernetes || right === undefined)) return undefined;
  // A later version of the same group can exist, but no new version precedes the one of a kind, as
  // v1beta1 precedes v1.
  const isLater = right !== undefined && groupOf(right) === group && group !== "" &&
    majorOf(apiVersion) > majorOf(right) && !REMOVED.some(([version]) => version === apiVersion);
  if (isLater) return undefined;
  const meant = closestWord(kind, [...new Set(known.map(([, each]) => each))]);
  return {
    problem: `Kubernetes has no kind ${kind} in ${apiVersion}`,
    fix: right !== undefined
      ? `Write apiVersion: ${right}`
      : meant !== undefined
      ? `Write kind: ${meant}`
      : `Correct apiVersion: the kind belongs to another API, as in example.com/v1.`,
  };
}
