import type { Types, WrongField } from "./api_types.ts";

/** The fields of a pod that both roles of Kubeflow's SparkApplication have. */
const KUBEFLOW_POD =
  "affinity:V1Affinity annotations:{s configMaps:[KubeflowPath? coreLimit:s coreRequest:s cores:i dnsConfig:V1PodDNSConfig env:[V1EnvVar envFrom:[V1EnvFromSource envSecretKeyRefs:{KubeflowKey? envVars:{s gpu:KubeflowGpu? hostAliases:[V1HostAlias hostNetwork:b image:s initContainers:[V1Container javaOptions:s labels:{s lifecycle:V1Lifecycle memory:s memoryLimit:s memoryOverhead:s nodeSelector:{s podSecurityContext:V1PodSecurityContext ports:[KubeflowPort? priorityClassName:s runtimeClassName:s schedulerName:s secrets:[KubeflowSecret? securityContext:V1SecurityContext serviceAccount:s shareProcessNamespace:b sidecars:[V1Container template:x terminationGracePeriodSeconds:i tolerations:[V1Toleration volumeMounts:[V1VolumeMount";

/**
 * The fields of the kinds of operators for Spark, as in their CustomResourceDefinitions. Another
 * version of an operator can have more fields.
 */
export const SPARK_TYPES: Types = {
  KubeflowApplication: "apiVersion:s kind:s metadata:V1ObjectMeta spec:KubeflowSpec?! status:x",
  KubeflowSchedule:
    "apiVersion:s kind:s metadata:V1ObjectMeta spec:KubeflowScheduleSpec?! status:x",
  KubeflowScheduleSpec:
    "concurrencyPolicy:s failedRunHistoryLimit:i schedule:s! successfulRunHistoryLimit:i suspend:b template:KubeflowSpec?! timeZone:s",
  KubeflowSpec:
    "arguments:[s batchScheduler:s batchSchedulerOptions:KubeflowBatch? deps:KubeflowDeps? driver:KubeflowDriver?! driverIngressOptions:x dynamicAllocation:KubeflowDynamic? executor:KubeflowExecutor?! failureRetries:i hadoopConf:{s hadoopConfigMap:s image:s imagePullPolicy:s imagePullSecrets:[s initContainerImage:s kerberos:x mainApplicationFile:s mainClass:s memoryOverheadFactor:s mode:s monitoring:KubeflowMonitoring? nodeSelector:{s proxyUser:s pythonVersion:s restartPolicy:KubeflowRestart? retryInterval:i sparkConf:{s sparkConfigMap:s sparkUIOptions:x sparkVersion:s! suspend:b timeToLiveSeconds:i type:s! volumes:[V1Volume",
  KubeflowDriver:
    `${KUBEFLOW_POD} kubernetesMaster:s podName:s serviceAnnotations:{s serviceLabels:{s`,
  KubeflowExecutor: `${KUBEFLOW_POD} deleteOnTermination:b instances:i`,
  KubeflowRestart:
    "onFailureRetries:i onFailureRetryInterval:i onSubmissionFailureRetries:i onSubmissionFailureRetryInterval:i recovery:x type:s",
  KubeflowDynamic:
    "enabled:b initialExecutors:i maxExecutors:i minExecutors:i shuffleTrackingEnabled:b shuffleTrackingTimeout:i",
  KubeflowDeps:
    "archives:[s downloadTimeout:i excludePackages:[s files:[s filesDownloadDir:s jars:[s jarsDownloadDir:s maxSimultaneousDownloads:i packages:[s pyFiles:[s repositories:[s",
  KubeflowMonitoring:
    "exposeDriverMetrics:b! exposeExecutorMetrics:b! metricsProperties:s metricsPropertiesFile:s prometheus:x",
  KubeflowBatch: "minMember:i priorityClassName:s queue:s resources:{q",
  KubeflowPath: "name:s! path:s!",
  KubeflowKey: "key:s! name:s!",
  KubeflowSecret: "name:s! path:s! secretType:s!",
  KubeflowPort: "containerPort:i! name:s! protocol:s!",
  KubeflowGpu: "name:s! quantity:i!",
  ApacheApplication: "apiVersion:s kind:s metadata:V1ObjectMeta spec:ApacheSpec?! status:x",
  ApacheSpec:
    "applicationTolerations:ApacheTolerations? configMapSpecs:x deploymentMode:s driverArgs:[s driverServiceIngressList:x driverSpec:ApachePod? executorSpec:ApachePod? files:s jars:s mainClass:s proxyUser:s pyFiles:s runtimeVersions:ApacheVersions?! sparkConf:{s sparkRFiles:s",
  ApacheVersions: "jdkVersion:s scalaVersion:s sparkVersion:s!",
  ApacheTolerations:
    "applicationTimeoutConfig:x instanceConfig:ApacheExecutors? resourceRetainDurationMillis:i resourceRetainPolicy:s restartConfig:ApacheRestart? ttlAfterStopMillis:i",
  ApacheExecutors: "initExecutors:i maxExecutors:i minExecutors:i",
  ApacheRestart:
    "maxRestartAttempts:i maxRestartOnFailure:i maxRestartOnSchedulingFailure:i restartBackoffMillis:i restartBackoffMillisForFailure:i restartBackoffMillisForSchedulingFailure:i restartCounterResetMillis:i restartPolicy:s",
  ApachePod: "podTemplateSpec:V1PodTemplateSpec",
  ApacheCluster: "apiVersion:s kind:s metadata:V1ObjectMeta spec:ApacheClusterSpec?! status:x",
  ApacheClusterSpec:
    "clusterTolerations:ApacheClusterTolerations?! masterSpec:ApacheMaster? runtimeVersions:ApacheVersions?! sparkConf:{s workerSpec:ApacheWorker?",
  ApacheClusterTolerations: "instanceConfig:ApacheWorkers?",
  ApacheWorkers: "initWorkers:i maxWorkers:i minWorkers:i",
  ApacheMaster:
    "masterServiceMetadata:x masterServiceSpec:x masterStatefulSetMetadata:x masterStatefulSetSpec:V1StatefulSetSpec serviceMetadata:x serviceSpec:x statefulSetMetadata:x statefulSetSpec:V1StatefulSetSpec",
  ApacheWorker:
    "horizontalPodAutoscalerSpec:x serviceMetadata:x serviceSpec:x statefulSetMetadata:x statefulSetSpec:V1StatefulSetSpec workerServiceMetadata:x workerServiceSpec:x workerStatefulSetMetadata:x workerStatefulSetSpec:V1StatefulSetSpec",
};

/** The type of a kind of an operator for Spark; undefined for another kind. */
export function sparkTypeOf(group: string, kind: string): string | undefined {
  const types: Readonly<Record<string, string>> = {
    "sparkoperator.k8s.io SparkApplication": "KubeflowApplication?",
    "sparkoperator.k8s.io ScheduledSparkApplication": "KubeflowSchedule?",
    "spark.apache.org SparkApplication": "ApacheApplication?",
    "spark.apache.org SparkCluster": "ApacheCluster?",
  };
  return types[`${group} ${kind}`];
}

/** The pod templates of the operator of Apache Spark, which completes them. */
const COMPLETED = /^spec\.(driver|executor|master|worker)Spec\.\w+\./;

/** Returns whether the operator of Apache Spark sets a field that is missing. */
export function isCompleted({ path, isMissing }: WrongField): boolean {
  return isMissing === true && COMPLETED.test(path);
}
