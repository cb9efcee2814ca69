import type { Types } from "./api_types.ts";

/** The fields of SparkApplications whose types are known; the operators have more fields. */
export const SPARK_APPLICATION_TYPES: Types = {
  KubeflowApplication: "metadata:V1ObjectMeta spec:KubeflowSpec?!",
  KubeflowSchedule: "metadata:V1ObjectMeta spec:KubeflowScheduleSpec?!",
  KubeflowScheduleSpec: "schedule:s! template:KubeflowSpec?! suspend:b concurrencyPolicy:s",
  KubeflowSpec:
    "arguments:[s driver:KubeflowPod?! executor:KubeflowPod?! hadoopConf:{s image:s imagePullPolicy:s imagePullSecrets:[s mainApplicationFile:s mainClass:s memoryOverheadFactor:s mode:s nodeSelector:{s pythonVersion:s sparkConf:{s sparkVersion:s! type:s! volumes:[V1Volume",
  KubeflowPod:
    "affinity:V1Affinity annotations:{s coreLimit:s coreRequest:s cores:i env:[V1EnvVar envFrom:[V1EnvFromSource envVars:{s hostNetwork:b image:s initContainers:[V1Container instances:i javaOptions:s labels:{s memory:s memoryOverhead:s nodeSelector:{s podSecurityContext:V1PodSecurityContext priorityClassName:s securityContext:V1SecurityContext serviceAccount:s sidecars:[V1Container tolerations:[V1Toleration volumeMounts:[V1VolumeMount",
  ApacheApplication: "metadata:V1ObjectMeta spec:ApacheSpec?!",
  ApacheSpec:
    "driverArgs:[s driverSpec:ApachePod? executorSpec:ApachePod? files:s jars:s mainClass:s pyFiles:s sparkConf:{s sparkRFiles:s",
  ApachePod: "podTemplateSpec:ApacheTemplate?",
  ApacheTemplate: "metadata:V1ObjectMeta",
};

/** The type of a kind of an operator for Spark; undefined for another kind. */
export function sparkTypeOf(group: string, kind: string): string | undefined {
  if (group === "sparkoperator.k8s.io") {
    return {
      SparkApplication: "KubeflowApplication?",
      ScheduledSparkApplication: "KubeflowSchedule?",
    }[
      kind
    ];
  }
  return group === "spark.apache.org" && kind === "SparkApplication"
    ? "ApacheApplication?"
    : undefined;
}
