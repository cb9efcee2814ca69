import type { KubeObject } from "../cluster/cluster.ts";
import { fieldsIn, textIn } from "../cluster/fields.ts";
import { oneLine } from "../cluster/request_errors.ts";
import { type Fault, RUN_PAGE } from "./fault.ts";
import {
  conditionOf,
  containersOf,
  type ContainerState,
  eventsAbout,
  type JobView,
  phaseOf,
} from "./job_view.ts";

/** The reasons for which a kubelet does not pull an image. */
const PULL_REASONS = [
  "ErrImagePull",
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "RegistryUnavailable",
  "ImageInspectError",
  "SignatureValidationFailed",
];

/** The reasons after which the kubelet pulls again. */
const RETRIED_PULL = ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"];

/** The messages of a pull that another attempt does not change. */
const NEVER_PULLED =
  /not found|manifest unknown|unauthorized|authorization failed|denied|forbidden|no such image|invalid reference|no match for platform/i;

/** The messages of a node that is busy: of the kubelet's cache of Secrets, and of its runtime. */
const PASSING = /timed out|deadline exceeded|try again|connection refused/i;

/** What to do about such a node. */
const TRIED_AGAIN = {
  remedy: "The node tries again. If this lasts, look at the node: kubectl describe node",
  outlook: "may pass",
} as const;

/** The reasons for which a kubelet does not start a container. */
const START_REASONS = [
  "CreateContainerError",
  "RunContainerError",
  "StartError",
  "PreCreateHookError",
  "PostStartHookError",
  "CreatePodSandboxError",
];

/**
 * Returns what keeps a pod from running, or what ended the pod.
 *
 * @param whose the pod, for messages: `the driver`
 */
export function podFaults(view: JobView, pod: KubeObject, whose: string): Fault[] {
  const isOver = ["Succeeded", "Failed"].includes(phaseOf(pod));
  const lost = lossOf(view, pod, whose);
  if (lost !== undefined) return [lost];
  const killed = containersOf(pod).flatMap((each) => endedFault(pod, each, whose));
  if (killed.length > 0 || isOver) return killed;
  const unscheduled = conditionOf(pod, "PodScheduled", "False");
  if (unscheduled?.reason === "Unschedulable") {
    return [schedulingFault(pod, whose, unscheduled.message)];
  }
  const waiting = containersOf(pod).flatMap((each) => waitingFault(view, pod, each, whose));
  if (waiting.length > 0) return waiting;
  return mountFault(view, pod, whose);
}

function schedulingFault({ metadata }: KubeObject, whose: string, message: string): Fault {
  return {
    key: `unschedulable ${metadata.name}`,
    kind: "configuration",
    problem: `no node can run ${whose}: ${oneLine(message)}`,
    remedy: /Insufficient/.test(message)
      ? "Wait for the end of another pod, or request less in the manifests."
      : "Label a node for the jobs, or correct nodeSelector and tolerations in the manifests.",
    page: "node-pool",
    outlook: "may pass",
  };
}

function waitingFault(
  view: JobView,
  pod: KubeObject,
  { name, image, waiting }: ContainerState,
  whose: string,
): Fault[] {
  const reason = textIn(waiting?.reason);
  const fault = (parts: Omit<Fault, "key" | "kind">): Fault[] => [
    { key: `${parts.page} ${pod.metadata.name}`, kind: "configuration", ...parts },
  ];
  const said = (text: string) => text === "" ? reason : `${reason}: ${oneLine(text)}`;
  if (PULL_REASONS.includes(reason)) {
    // ImagePullBackOff has no cause, and nor has an event such as "Error: ImagePullBackOff". The event
    // of the failed pull has one.
    const [event] = eventsAbout(view, pod, "Failed")
      .filter(({ message }) => /failed to pull/i.test(textIn(message)));
    const message = textIn(waiting?.message);
    const text = reason === "ImagePullBackOff" && event ? textIn(event.message) : message;
    return fault({
      problem: `the image ${image} of ${whose} cannot be pulled: ${said(text)}`,
      remedy: "Correct the image or the pull secret in the manifests, or check the registry.",
      page: "image-pull",
      outlook: RETRIED_PULL.includes(reason) && !NEVER_PULLED.test(text) ? "may pass" : "final",
    });
  }
  if (reason === "CreateContainerConfigError") {
    const text = textIn(waiting?.message);
    if (PASSING.test(text)) {
      return fault({ ...startFault(name, whose, said(text)), ...TRIED_AGAIN });
    }
    return fault({
      problem: `the container ${name} of ${whose} has no configuration: ${said(text)}`,
      remedy: /secret/i.test(text)
        ? "Store the Secrets; Kubernetes then starts the container: deno task secrets"
        : "Create the missing object; Kubernetes then starts the container: deno task apply",
      page: /secret/i.test(text) ? "secret-escaping" : "manifests-readable",
      outlook: "final",
    });
  }
  if (START_REASONS.includes(reason)) {
    const text = textIn(waiting?.message);
    const started = startFault(name, whose, said(text));
    return fault(
      PASSING.test(text) ? { ...started, ...TRIED_AGAIN } : {
        ...started,
        outlook: "final",
      },
    );
  }
  return [];
}

function startFault(container: string, whose: string, why: string) {
  return {
    problem: `the container ${container} of ${whose} does not start: ${why}`,
    remedy: "Correct the command or the image in the manifests.",
    page: RUN_PAGE,
  };
}

function mountFault(view: JobView, pod: KubeObject, whose: string): Fault[] {
  const messages = eventsAbout(view, pod, "FailedMount", "FailedAttachVolume")
    .map(({ message }) => oneLine(textIn(message)));
  // A busy node may be late with a volume of the pod while another volume has a real fault.
  const message = messages.find((each) => !PASSING.test(each)) ?? messages[0];
  const hasStarted = containersOf(pod).some(({ waiting }) => waiting === undefined);
  if (message === undefined || hasStarted) return [];
  const isBusy = PASSING.test(message);
  return [{
    key: `${isBusy ? "late mount" : "mount"} ${pod.metadata.name}`,
    kind: "configuration",
    problem: `a volume of ${whose} cannot be mounted: ${message}`,
    remedy: isBusy ? TRIED_AGAIN.remedy : mountRemedy(message),
    page: isBusy ? RUN_PAGE : "manifests-readable",
    outlook: "may pass",
  }];
}

function mountRemedy(message: string): string {
  return /not found|non-existent|does not exist/i.test(message)
    ? "Create the missing object; Kubernetes then starts the pod: deno task apply"
    : "Correct the volume in the manifests, and apply them.";
}

/** Returns why a container never started, or why it was killed. */
function endedFault(
  { metadata }: KubeObject,
  { name, terminated }: ContainerState,
  whose: string,
): Fault[] {
  const reason = textIn(terminated?.reason);
  if (reason === "StartError" || reason === "ContainerCannotRun") {
    const message = oneLine(textIn(terminated?.message));
    return [{
      ...startFault(name, whose, `${reason}: ${message}`),
      key: `start ${metadata.name}`,
      kind: "configuration",
      outlook: "retried",
    }];
  }
  if (terminated?.reason !== "OOMKilled") return [];
  return [{
    key: `memory ${metadata.name}`,
    kind: "configuration",
    problem: `${whose} needed more memory than its limit, and was killed (OOMKilled)`,
    remedy: whose === "the driver"
      ? "Increase --driver-memory and the memory of the container in the manifests, and apply them."
      : "Increase spark.executor.memory or spark.executor.memoryOverhead in the manifests, and " +
        "apply them.",
    page: RUN_PAGE,
    outlook: "retried",
  }];
}

function lossOf(view: JobView, pod: KubeObject, whose: string): Fault | undefined {
  const { reason, message } = fieldsIn(pod.status);
  const disruption = conditionOf(pod, "DisruptionTarget");
  const isRunning = phaseOf(pod) === "Running";
  const [silent] = isRunning ? eventsAbout(view, pod, "NodeNotReady") : [];
  const why = disruption !== undefined
    ? `${disruption.reason}: ${disruption.message}`
    : reason === "NodeLost" || reason === "Evicted" || reason === "Shutdown"
    ? `${reason}: ${textIn(message)}`
    : silent && conditionOf(pod, "Ready", "False")
    ? `NodeNotReady: ${textIn(silent.message)}`
    : undefined;
  if (why === undefined) return undefined;
  return {
    key: `lost ${pod.metadata.name}`,
    kind: "unreachable",
    problem: `${whose} lost its node, or was removed from the node: ${oneLine(why)}`,
    remedy: `Check the node: kubectl describe node ${textIn(fieldsIn(pod.spec).nodeName)}`,
    page: RUN_PAGE,
    outlook: isRunning ? "may pass" : "retried",
  };
}
