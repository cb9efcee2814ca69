import { type Fields, isFields, type KubeObject } from "../cluster/cluster.ts";
import { fieldsIn, listIn, textIn, uidOf } from "../cluster/fields.ts";

/** The objects of a namespace, by UID. */
export interface NamespaceObjects {
  /** The Jobs. */
  readonly jobs: ReadonlyMap<string, KubeObject>;
  /** The pods. */
  readonly pods: ReadonlyMap<string, KubeObject>;
  /** The events. */
  readonly events: ReadonlyMap<string, KubeObject>;
}

/** A Job with its pods, and the events about them. */
export interface JobView {
  /** The Job. */
  readonly job: KubeObject;
  /** The pods of the Job, in which drivers run: the first one, and one for each retry. */
  readonly drivers: readonly KubeObject[];
  /** The pods of the executors that the drivers started. */
  readonly executors: readonly KubeObject[];
  /** The events about the Job and these pods. */
  readonly events: readonly KubeObject[];
}

/** Returns a Job with its pods and events. Returns undefined if the Job does not exist. */
export function viewOf(uid: string, { jobs, pods, events }: NamespaceObjects): JobView | undefined {
  const job = jobs.get(uid);
  if (job === undefined) return undefined;
  const ownedBy = (owners: ReadonlySet<unknown>) =>
    [...pods.values()]
      .filter(({ metadata }) => listIn(metadata.ownerReferences).some(({ uid }) => owners.has(uid)))
      .sort((a, b) => createdAt(a).localeCompare(createdAt(b)));
  const drivers = ownedBy(new Set([uid]));
  const executors = ownedBy(new Set(drivers.map(uidOf)));
  const ours = new Set<unknown>([job, ...drivers, ...executors].map(uidOf));
  const about = (event: KubeObject) => ours.has(fieldsIn(event.involvedObject).uid);
  return { job, drivers, executors, events: [...events.values()].filter(about) };
}

/** A container of a pod, as its status shows it. */
export interface ContainerState {
  /** The name of the container. */
  readonly name: string;
  /** The image of the container. */
  readonly image: string;
  /** The reason and the message of a container that waits. */
  readonly waiting: Fields | undefined;
  /** The state of a container that runs. */
  readonly running: Fields | undefined;
  /** The exit code and the reason of a container that has ended. */
  readonly terminated: Fields | undefined;
  /** The number of times that the container was started again in its pod. */
  readonly restarts: number;
}

/** Returns the containers of a pod, init containers first. */
export function containersOf({ status }: KubeObject): ContainerState[] {
  const { initContainerStatuses, containerStatuses } = fieldsIn(status);
  return [...listIn(initContainerStatuses), ...listIn(containerStatuses)].map((each) => {
    const { waiting, running, terminated } = fieldsIn(each.state);
    const known = (state: unknown) => isFields(state) ? state : undefined;
    return {
      name: textIn(each.name),
      image: textIn(each.image),
      waiting: known(waiting),
      running: known(running),
      terminated: known(terminated),
      restarts: typeof each.restartCount === "number" ? each.restartCount : 0,
    };
  });
}

/** A condition of an object. */
export interface Condition {
  /** The reason, for example `Unschedulable`. */
  readonly reason: string;
  /** The message for people. */
  readonly message: string;
}

/** Returns the condition of an object, if the condition has the given status. */
export function conditionOf(
  { status }: KubeObject,
  type: string,
  wanted: "True" | "False" = "True",
): Condition | undefined {
  const found = listIn(fieldsIn(status).conditions)
    .find((each) => each.type === type && each.status === wanted);
  return found && { reason: textIn(found.reason), message: textIn(found.message) };
}

/** Returns the events about an object with one of these reasons, the latest first. */
export function eventsAbout(
  { events }: JobView,
  object: KubeObject,
  ...reasons: readonly string[]
): KubeObject[] {
  return events
    .filter(({ involvedObject, reason }) =>
      fieldsIn(involvedObject).uid === uidOf(object) && reasons.includes(textIn(reason))
    )
    .sort((a, b) => timeOf(b) - timeOf(a));
}

/** Returns the time of an event's last occurrence, in milliseconds since 1970. */
export function timeOf({ lastTimestamp, eventTime, series, metadata }: KubeObject): number {
  const times = [lastTimestamp, fieldsIn(series).lastObservedTime, eventTime];
  const known = times.map(textIn).filter((text) => text !== "");
  return Date.parse(known[0] ?? textIn(metadata.creationTimestamp));
}

/** Returns the time of an object's creation, as the server writes it. */
export function createdAt({ metadata }: KubeObject): string {
  return textIn(metadata.creationTimestamp);
}

/** Returns the phase of a pod. */
export function phaseOf({ status }: KubeObject): string {
  return textIn(fieldsIn(status).phase);
}

/** Returns the node of a pod, or an empty text. */
export function nodeOf({ spec }: KubeObject): string {
  return textIn(fieldsIn(spec).nodeName);
}
