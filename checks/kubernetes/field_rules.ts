import { isAddress, wrongAddress, wrongBlock, wrongExternalAddress } from "./address_rules.ts";
import { entryOf } from "./fields.ts";
import {
  isNamespaceName,
  isObjectName,
  wrongLabelKey,
  wrongLabelValue,
  wrongPortName,
} from "./metadata.ts";
import { closestWord } from "./spelling.ts";
import { type Format, format, type WrongValue } from "./wrong_value.ts";

// The values that the API server allows in a field, as tables: known values, bounds and formats. A
// field is written `Type.field`, with the types of the schema.

/** The fields whose values are known. */
const VALUES: Readonly<Record<string, string>> = {
  "V1PodSpec.restartPolicy": "Always OnFailure Never",
  "V1PodSpec.dnsPolicy": "ClusterFirst ClusterFirstWithHostNet Default None",
  "V1PodSpec.preemptionPolicy": "Never PreemptLowerPriority",
  "V1PodOS.name": "linux windows",
  "V1PodSecurityContext.fsGroupChangePolicy": "Always OnRootMismatch",
  "V1TopologySpreadConstraint.whenUnsatisfiable": "DoNotSchedule ScheduleAnyway",
  "V1TopologySpreadConstraint.nodeAffinityPolicy": "Honor Ignore",
  "V1TopologySpreadConstraint.nodeTaintsPolicy": "Honor Ignore",
  "V1Container.imagePullPolicy": "Always IfNotPresent Never",
  "V1Container.restartPolicy": "Always Never OnFailure",
  "V1Container.terminationMessagePolicy": "File FallbackToLogsOnError",
  "V1ContainerPort.protocol": "TCP UDP SCTP",
  "V1SecurityContext.procMount": "Default Unmasked",
  "V1VolumeMount.mountPropagation": "Bidirectional HostToContainer None",
  "V1HTTPGetAction.scheme": "HTTP HTTPS",
  "V1HostPathVolumeSource.type":
    "BlockDevice CharDevice Directory DirectoryOrCreate File FileOrCreate Socket",
  "V1PersistentVolumeClaimSpec.accessModes":
    "ReadOnlyMany ReadWriteMany ReadWriteOnce ReadWriteOncePod",
  "V1PersistentVolumeClaimSpec.volumeMode": "Block Filesystem",
  "V1PersistentVolumeSpec.accessModes": "ReadOnlyMany ReadWriteMany ReadWriteOnce ReadWriteOncePod",
  "V1PersistentVolumeSpec.persistentVolumeReclaimPolicy": "Delete Recycle Retain",
  "V1PersistentVolumeSpec.volumeMode": "Block Filesystem",
  "V1StorageClass.reclaimPolicy": "Delete Retain",
  "V1StorageClass.volumeBindingMode": "Immediate WaitForFirstConsumer",
  "V1ServicePort.protocol": "TCP UDP SCTP",
  "V1ServiceSpec.type": "ClusterIP ExternalName LoadBalancer NodePort",
  "V1ServiceSpec.sessionAffinity": "ClientIP None",
  "V1ServiceSpec.externalTrafficPolicy": "Cluster Local",
  "V1ServiceSpec.internalTrafficPolicy": "Cluster Local",
  "V1ServiceSpec.ipFamilies": "IPv4 IPv6",
  "V1ServiceSpec.ipFamilyPolicy": "PreferDualStack RequireDualStack SingleStack",
  "V1HTTPIngressPath.pathType": "Exact ImplementationSpecific Prefix",
  "V1CronJobSpec.concurrencyPolicy": "Allow Forbid Replace",
  "V1JobSpec.completionMode": "Indexed NonIndexed",
  "V1JobSpec.podReplacementPolicy": "Failed TerminatingOrFailed",
  "V1PodFailurePolicyRule.action": "Count FailIndex FailJob Ignore",
  "V1PodFailurePolicyOnExitCodesRequirement.operator": "In NotIn",
  "V1PodFailurePolicyOnPodConditionsPattern.status": "False True Unknown",
  "V1Toleration.operator": "Equal Exists Gt Lt",
  "V1Toleration.effect": "NoExecute NoSchedule PreferNoSchedule",
  "V1LabelSelectorRequirement.operator": "DoesNotExist Exists In NotIn",
  "V1NodeSelectorRequirement.operator": "DoesNotExist Exists Gt In Lt NotIn",
  "V1DeploymentStrategy.type": "Recreate RollingUpdate",
  "V1DaemonSetUpdateStrategy.type": "OnDelete RollingUpdate",
  "V1StatefulSetUpdateStrategy.type": "OnDelete RollingUpdate",
  "V1StatefulSetSpec.podManagementPolicy": "OrderedReady Parallel",
  "V1StatefulSetPersistentVolumeClaimRetentionPolicy.whenDeleted": "Delete Retain",
  "V1StatefulSetPersistentVolumeClaimRetentionPolicy.whenScaled": "Delete Retain",
  "V1PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy": "AlwaysAllow IfHealthyBudget",
  "V1PriorityClass.preemptionPolicy": "Never PreemptLowerPriority",
  "V1SeccompProfile.type": "Localhost RuntimeDefault Unconfined",
  "RbacV1Subject.kind": "Group ServiceAccount User",
  "V1RoleRef.kind": "ClusterRole Role",
  "V1RoleRef.apiGroup": "rbac.authorization.k8s.io",
  "V2HPAScalingRules.selectPolicy": "Disabled Max Min",
  "V2HPAScalingPolicy.type": "Percent Pods",
  "V2MetricTarget.type": "AverageValue Utilization Value",
  "V2MetricSpec.type": "ContainerResource External Object Pods Resource",
  "KubeflowSpec.type": "Java Python R Scala",
  "KubeflowSpec.mode": "client cluster in-cluster-client",
  "KubeflowSpec.pythonVersion": "2 3",
  "KubeflowRestart.type": "Always Never OnFailure",
  "KubeflowScheduleSpec.concurrencyPolicy": "Allow Forbid Replace",
  "ApacheRestart.restartPolicy": "Always Never OnFailure OnInfrastructureFailure",
  "ApacheTolerations.resourceRetainPolicy": "Always Never OnFailure",
};

/**
 * The optional fields that the API server refuses if they are empty. It takes an empty text in other
 * known fields, such as `restartPolicy`, for a missing one.
 */
const NEVER_EMPTY =
  /^V1(PodSpec\.(preemptionPolicy|runtimeClassName)|PodSecurityContext\.fsGroupChangePolicy|TopologySpreadConstraint\.node(Affinity|Taints)Policy|Container\.restartPolicy|SecurityContext\.procMount|VolumeMount\.mountPropagation|PersistentVolume(Claim)?Spec\.(accessModes|volumeMode)|StorageClass\.volumeBindingMode|ServiceSpec\.(internalTrafficPolicy|ipFamilyPolicy|ipFamilies|externalIPs|loadBalancerSourceRanges)|ServicePort\.appProtocol|JobSpec\.(completionMode|podReplacementPolicy|managedBy)|PodDisruptionBudgetSpec\.unhealthyPodEvictionPolicy|PriorityClass\.preemptionPolicy|Ingress(Spec\.ingressClassName|TLS\.hosts)|PodDNSConfig\.(nameservers|searches)|HostAlias\.hostnames)$|^V2HPAScalingRules\.selectPolicy$/;

const MOST = 2 ** 31 - 1;

/** The smallest and the largest values of numbers. The first entry of a field counts. */
const BOUNDS: readonly (readonly [fields: RegExp, least: number, most?: number])[] = [
  [/\.(runAsUser|runAsGroup|fsGroup|supplementalGroups)$/, 0, MOST],
  [/^V1PodSpec\.activeDeadlineSeconds$/, 1, MOST],
  [
    /\.(backoffLimit|backoffLimitPerIndex|maxFailedIndexes|succeededCount|parallelism|completions|activeDeadlineSeconds|ttlSecondsAfterFinished|replicas|startingDeadlineSeconds|(successful|failed)JobsHistoryLimit|revisionHistoryLimit|minReadySeconds|partition|maxSurge|(?<!StatefulSetStrategy\.)maxUnavailable|minAvailable)$|^V1StatefulSetOrdinals\.start$/,
    0,
  ],
  [/^V1Probe\.terminationGracePeriodSeconds$/, 1],
  [/^V1Probe\.\w+$/, 0],
  [/^V1(PreferredSchedulingTerm|WeightedPodAffinityTerm)\.weight$/, 1, 100],
  [/^V1TopologySpreadConstraint\.maxSkew$/, 1],
  [/^V1ServiceAccountTokenProjection\.expirationSeconds$/, 600, 2 ** 32],
  [/^V1ClientIPConfig\.timeoutSeconds$/, 1, 86400],
  [/^V1PriorityClass\.value$/, -(2 ** 31), 1e9],
  [/^V2HorizontalPodAutoscalerSpec\.minReplicas$/, 0],
  [/^V2(HorizontalPodAutoscalerSpec\.maxReplicas|HPAScalingPolicy\.value)$/, 1],
  [/^V2HPAScalingPolicy\.periodSeconds$/, 1, 1800],
  [/^V2MetricTarget\.averageUtilization$/, 1],
  [/^V2HPAScalingRules\.stabilizationWindowSeconds$/, 0, 3600],
  [/^Kubeflow(Driver|Executor)\.cores$|^KubeflowExecutor\.instances$/, 1],
  [/^KubeflowRestart\.on(Submission)?FailureRetryInterval$/, 1],
  [/^KubeflowRestart\.on(Submission)?FailureRetries$/, 0],
];

/** The fields that are modes of files, with their types. */
const MODE =
  /^V1\w*(?:VolumeSource|VolumeFile|KeyToPath|ServiceAccountTokenProjection)\.(?:defaultMode|mode)$/;

/** The fields that are ports. */
const PORT = /\.(containerPort|hostPort|port|nodePort|targetPort)$|^V1ServiceBackendPort\.number$/;

/** The ports that mean no port, or the default, if they are 0. */
const NO_PORT = /\.(hostPort|nodePort|targetPort)$/;

const LABEL_FIX = "Use lowercase letters, digits and -, and at most 63 characters.";
const NAME_FIX = "Use lowercase letters, digits, - and ., and at most 253 characters.";

const LABEL = format(isNamespaceName, "a name without dots and capitals", LABEL_FIX);
const NAME = format(isObjectName, "the name of an object", NAME_FIX);
const CONFIG_KEY = format(
  isConfigKey,
  "a key of a ConfigMap or a Secret",
  "Use letters, digits, -, _ and ., and at most 253 characters.",
);
const QUALIFIED = format(
  (text) => wrongLabelKey(text) === undefined,
  "a name, or a domain, a slash and a name",
  "Use letters, digits, -, _ and ., and at most 63 characters; a domain and a slash may precede them.",
);
const PATH_SEGMENT = format(
  (text) => !/[/%]/.test(text) && text !== "." && text !== "..",
  "a name without / and %",
  "Correct the name.",
);
const INNER_PATH = format(
  (text) => !text.startsWith("/") && !text.split("/").includes(".."),
  "a relative path without ..",
  "Write a path below the volume, without / at its start.",
);
const PORT_NAME: Format = (text) =>
  wrongPortName(text) === undefined ? undefined : {
    problem: "must be the name of a port",
    fix:
      "Use lowercase letters, digits and single hyphens, at least one letter, and at most 15 characters" +
      `${/^\d+$/.test(text) ? "; for a port number, remove the quotes" : ""}.`,
  };

/** The formats of texts. */
const FORMATS: readonly (readonly [fields: RegExp, format: Format])[] = [
  [
    /^V1(Volume\.name|PodSpec\.(hostname|subdomain)|ServicePort\.name|IngressServiceBackend\.name|EndpointAddress\.hostname)$/,
    LABEL,
  ],
  [
    /^V1PodSpec\.(nodeName|priorityClassName|serviceAccount|serviceAccountName|runtimeClassName)$/,
    NAME,
  ],
  [/^V1(Secret|ConfigMap)(KeySelector|EnvSource)\.name$/, NAME],
  [/^V1(PersistentVolumeClaimSpec|PersistentVolumeSpec)\.storageClassName$/, NAME],
  [/^V1(IngressSpec\.ingressClassName|IngressTLS\.secretName|HostAlias\.hostnames)$/, NAME],
  [/^V1IngressTLS\.hosts$/, format(isHostPattern, "the name of a host", NAME_FIX)],
  [
    /^V1IngressRule\.host$/,
    format((text) => isHostPattern(text) && !isAddress(text), "the name of a host", NAME_FIX),
  ],
  [
    /^V1ServiceSpec\.clusterIPs?$/,
    (text) =>
      text === "None"
        ? undefined
        : isAddress(text)
        ? wrongAddress(text)
        : { problem: "must be None or an IP address", fix: "Remove it." },
  ],
  [/^V1(Secret|ConfigMap)KeySelector\.key$/, CONFIG_KEY],
  [
    /^V1(ContainerPort\.name|HTTPGetAction\.port|TCPSocketAction\.port|ServicePort\.targetPort|ServiceBackendPort\.name)$/,
    PORT_NAME,
  ],
  [/^V1(PodDNSConfig\.nameservers|HostAlias\.ip|EndpointAddress\.ip)$/, wrongAddress],
  [/^V1ServiceSpec\.externalIPs$/, wrongExternalAddress],
  // The API server ignores spaces around a block.
  [/^V1ServiceSpec\.loadBalancerSourceRanges$/, (text) => wrongBlock(text.trim())],
  [/^V1PodDNSConfig\.searches$/, format(isSearchDomain, "a domain", NAME_FIX)],
  [
    /^V1Sysctl\.name$/,
    format(
      (text) => text.length <= 253 && SYSCTL.test(text),
      "the name of a kernel parameter",
      "Write it like net.core.somaxconn.",
    ),
  ],
  [
    /^V1(PodReadinessGate\.conditionType|PodFailurePolicyOnPodConditionsPattern\.type|TopologySelectorLabelRequirement\.key|ServicePort\.appProtocol)$/,
    QUALIFIED,
  ],
  // The API server ignores the case of these two.
  [/^V1StorageClass\.provisioner$/, (text) => QUALIFIED(text.toLowerCase())],
  [
    /^V1CSIPersistentVolumeSource\.driver$/,
    format(
      (text) => text.length <= 63 && isObjectName(text.toLowerCase()),
      "the name of a CSI driver",
      "Use letters, digits, - and ., and at most 63 characters.",
    ),
  ],
  [
    /^V1JobSpec\.managedBy$/,
    format(
      (text) => text.length <= 63 && isObjectName(text.split("/")[0]!) && /\/[^\s/]/.test(text),
      "a domain, a slash and a name",
      "Write it like example.com/controller, and at most 63 characters.",
    ),
  ],
  [/^V2(MetricIdentifier\.name|CrossVersionObjectReference\.(name|kind))$/, PATH_SEGMENT],
  [
    /^V1(VolumeMount\.subPath|VolumeMount\.subPathExpr|SeccompProfile\.localhostProfile)$/,
    INNER_PATH,
  ],
  [
    /^V1(KeyToPath|DownwardAPIVolumeFile|ServiceAccountTokenProjection)\.path$/,
    // The API server refuses such names, too, as in `..data`.
    (text) => text.startsWith("..") ? INNER_PATH("..") : INNER_PATH(text),
  ],
  [
    /^V1(NFSVolumeSource|HTTPIngressPath)\.path$/,
    format((text) => text.startsWith("/"), "an absolute path", "Begin the path with /."),
  ],
  [
    /^V1(HostPath|Local)VolumeSource\.path$/,
    format((text) => !text.split("/").includes(".."), "a path without ..", "Write the whole path."),
  ],
  [
    /^V1HTTPHeader\.name$/,
    format((text) => /^[-A-Za-z0-9]+$/.test(text), "the name of an HTTP header", "Correct it."),
  ],
  [/^V1RollingUpdateDeployment\.maxSurge$/, percentage(Infinity)],
  // Most API servers ignore the maxUnavailable of a StatefulSet.
  [
    /^V1(RollingUpdateDeployment|RollingUpdateDaemonSet|PodDisruptionBudgetSpec)\.(maxSurge|maxUnavailable|minAvailable)$/,
    percentage(100),
  ],
  [
    /^V1(Toleration\.key|NodeSelectorRequirement\.key|LabelSelectorRequirement\.key|PodAffinityTerm\.topologyKey)$/,
    format(
      (text) => wrongLabelKey(text) === undefined,
      "the key of a label",
      "Use letters, digits, -, _ and ., and at most 63 characters; a domain and a slash may precede them.",
    ),
  ],
  [
    /^V1Toleration\.value$/,
    format(
      (text) => wrongLabelValue(text) === undefined,
      "the value of a label",
      "Use letters, digits, -, _ and ., and at most 63 characters.",
    ),
  ],
];

/**
 * Returns whether a tool fills in a text, as in `${NAME}` and `{{ name }}`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hasPlaceholder } from "./field_rules.ts";
 *
 * assertEquals(["db.example.com", "db.${DOMAIN}"].map(hasPlaceholder), [false, true]);
 * ```
 */
export function hasPlaceholder(text: string): boolean {
  return /\$[{(]|\{\{/.test(text);
}

/**
 * Returns whether a text can be a key of a ConfigMap or a Secret.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isConfigKey } from "./field_rules.ts";
 *
 * assertEquals(["pod.yaml", "a/pod.yaml"].map(isConfigKey), [true, false]);
 * ```
 */
export function isConfigKey(text: string): boolean {
  return /^[-._a-zA-Z0-9]{1,253}$/.test(text) && !/^\.\.?$|^\.\.\S/.test(text);
}

function percentage(most: number): Format {
  return format(
    (text) => /^\d+%$/.test(text) && parseInt(text) <= most,
    "a whole number or a percentage",
    "Write it like 1 or 25%.",
  );
}

/** Returns whether a text is the name of a host, or of all hosts in a domain, as in `*.example.com`. */
function isHostPattern(text: string): boolean {
  return isObjectName(text.replace(/^\*\./, ""));
}

/** The name of a kernel parameter. Its parts may be separated by slashes, as in its file. */
const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

/** Returns whether a text is a domain for searches. A part may have underscores. */
function isSearchDomain(text: string): boolean {
  const domain = text.replace(/\.$/, "");
  const part = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
  return text === "." || domain.length <= 253 && new RegExp(`^${part}(\\.${part})*$`).test(domain);
}

/**
 * The problem of a value that has the right type; undefined if the API server accepts it. An item of a
 * list counts as a value of the field.
 *
 * @param field the type and the field, as in `V1PodSpec.dnsPolicy`
 * @param code the code of the type, as in `i`
 * @param isHidden true if the value may be secret, so that no message shows it
 */
export function wrongValue(
  field: string,
  code: string,
  value: unknown,
  isHidden: boolean,
): WrongValue | undefined {
  if (typeof value === "number") return wrongNumber(field, code, value);
  if (typeof value !== "string" || value === "" && !NEVER_EMPTY.test(field)) return undefined;
  const is = isHidden ? "" : `, but is ${JSON.stringify(value)}`;
  const known = entryOf(VALUES, field)?.split(" ");
  if (known !== undefined) {
    if (known.includes(value)) return undefined;
    const meant = closestWord(value, known);
    return {
      problem: `must be ${known.join(", ")}${is}`,
      fix: meant !== undefined
        ? `Write ${nameOf(field)}: ${meant}`
        : `${value === "" ? "Remove it, or write" : "Write"} one of them.`,
    };
  }
  if (hasPlaceholder(value)) return undefined;
  const wrong = FORMATS.find(([fields]) => fields.test(field))?.[1](value);
  return wrong === undefined ? undefined : { ...wrong, problem: `${wrong.problem}${is}` };
}

function nameOf(field: string): string {
  return field.slice(field.indexOf(".") + 1);
}

function wrongNumber(field: string, code: string, value: number): WrongValue | undefined {
  if (MODE.test(field) && (value < 0 || value > 0o777)) {
    return {
      problem: `must be a mode up to 0777, but is ${value} in decimal`,
      fix: `Write an octal number, which begins with 0: ${nameOf(field)}: 0644`,
    };
  }
  if (PORT.test(field) && (value < 1 || value > 65535) && !(value === 0 && NO_PORT.test(field))) {
    return {
      problem: `must be a port from 1 to 65535, but is ${value}`,
      fix: "Write the number of the port.",
    };
  }
  const [, least, most] = BOUNDS.find(([fields]) => fields.test(field)) ?? [];
  if (most !== undefined && (value < least! || value > most)) {
    return {
      problem: `must be from ${least} to ${most}, but is ${value}`,
      fix: `Write a number from ${least} to ${most}.`,
    };
  }
  if (least !== undefined && value < least) {
    return least === 0
      ? { problem: `must not be negative, but is ${value}`, fix: "Write 0 or more." }
      : { problem: `must be ${least} or more, but is ${value}`, fix: `Write ${least} or more.` };
  }
  return /^[iI]$/.test(code) && value > MOST || code === "l" && value >= 2 ** 63
    ? { problem: `is too large: ${value}`, fix: "Write a smaller number." }
    : undefined;
}
