import { fieldsIn, textOf } from "../../kubernetes/fields.ts";
import type { Address } from "../../network_policy/address.ts";
import { parseHost } from "../../network_policy/address.ts";
import { isDeveloperHost, isLocalHost } from "../../network_policy/local_host.ts";
import type { Endpoint, Pod } from "../../network_policy/model.ts";
import { UNREAD_FILE } from "../../spark/configuration_files.ts";
import type { SparkSetting } from "../../spark/settings.ts";
import { type Network, objectOf } from "./job_network.ts";
import type { JobWithPods } from "./job_pods.ts";
import {
  backendsOf,
  selectedBy,
  type UnreachableService,
  whyUnlisted,
  whyUnreachable,
} from "./service_backends.ts";
import {
  assumedPods,
  endAt,
  mayBeInside,
  mayBeOutside,
  podWith,
  projectPods,
  serviceAt,
  serviceBehind,
  type ServiceName,
  serviceOf,
} from "./service_host.ts";

/**
 * The object store of a job, according to its endpoint:
 *
 * - `public`: a host name, or no endpoint in the manifests; any public address is possible
 * - `private`: a host name of a private network, such as `minio.internal`
 * - `address`: an address
 * - `loopback`: an address of the pod itself, or of a developer's machine
 * - `service`: a Service of the cluster
 */
export type Store =
  & {
    /** The port, on the backends of a Service. */
    readonly port: number;
    /** The setting that contains the endpoint, as in `S3_ENDPOINT`. */
    readonly source: string;
    /** The store, if a name that can be that of a Service or of a host outside is the other one. */
    readonly other?: Store;
    /** True if the name counts as a host outside, and can be that of a pod of a Service. */
    readonly mayBeInside?: true;
  }
  & (
    | { readonly kind: "public" | "private" | "loopback" }
    | {
      readonly kind: "address";
      readonly address: Address;
      readonly to: Endpoint;
      /** True if the address comes from a Secret. Never print such an address. */
      readonly isSecret: boolean;
    }
    | {
      readonly kind: "service";
      readonly service: ServiceName;
      /** The backends, or possible pods if the manifests do not declare the Service. */
      readonly to: readonly Endpoint[];
      /** True if the manifests declare the backends. */
      readonly isKnown: boolean;
      /** What was not checked because the manifests do not declare the backends. */
      readonly note?: string;
      /** Why no connection to the Service gets to a pod. */
      readonly unreachable?: UnreachableService | undefined;
      /** Why the backends are not known at all. */
      readonly unknown?: string | undefined;
      /** Why the port of the pods is not known. */
      readonly doubt?: string | undefined;
    }
  );

/** The variables and settings with the endpoint of the store. The first one that is set wins. */
const VARIABLES = ["S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
const SETTING = "spark.hadoop.fs.s3a.endpoint";

/** Finds the store of a job. */
export function storeOf(network: Network, job: JobWithPods, from: Pod): Store {
  const { source, text } = endpointOf(job);
  const isPlain = job.settings.get("spark.hadoop.fs.s3a.connection.ssl.enabled")?.value === "false";
  const scheme = isPlain && source.startsWith("spark.") ? "http" : "https";
  const url = URL.parse(text.includes("://") ? text : `${scheme}://${text}`);
  const port = Number(url?.port || (url?.protocol === "http:" ? 80 : 443));
  const host = url?.hostname ?? "";
  const common = { port, source };
  if (host === "") return { ...common, kind: "public" };
  if (isLocalHost(host) || isDeveloperHost(host)) return { ...common, kind: "loopback" };
  const address = parseHost(host);
  if (address !== undefined) {
    const service = serviceAt(network, address);
    if (service !== undefined) return serviceStore(network, job, from, common, service);
    const isSecret = job.environment.variable(source)?.isSecret === true;
    const end = endAt(network, address);
    const to = isSecret && end.type === "outside"
      ? { ...end, host: `the address in ${source}` }
      : end;
    return { ...common, kind: "address", address, to, isSecret };
  }
  const named = serviceOf(host, network, job);
  if (named !== undefined) {
    const service = serviceBehind(named, network, job);
    const outside = externalNameOf(network, service);
    if (outside === undefined) {
      const inside = serviceStore(network, job, from, common, service);
      if (!mayBeOutside(host, network, job)) return inside;
      const named: Store = { ...common, kind: isPrivateName(host) ? "private" : "public" };
      // Hosts outside have the usual port of HTTPS. Services of stores rarely do.
      return port === 443 ? { ...named, other: inside } : { ...inside, other: named };
    }
    const known = parseHost(outside);
    return known === undefined
      ? { ...common, kind: isPrivateName(outside) ? "private" : "public" }
      : { ...common, kind: "address", address: known, to: endAt(network, known), isSecret: false };
  }
  return {
    ...common,
    kind: isPrivateName(host) ? "private" : "public",
    ...(mayBeInside(host, network, job) ? { mayBeInside: true } : {}),
  };
}

/** The name outside of the cluster that a Service stands for; undefined for another Service. */
function externalNameOf(
  network: Network,
  { name, namespace }: ServiceName,
): string | undefined {
  return textOf(fieldsIn(objectOf(network, "Service", name, namespace)?.value.spec).externalName);
}

/**
 * Returns why the endpoint of a job's store is not known: it has a parameter of Argo, or a file of
 * Hadoop that was not read completely can contain it. Undefined if a stronger source sets it.
 */
export function unreadEndpoint(job: JobWithPods): string | undefined {
  const { source, text } = endpointOf(job);
  const setting = job.settings.get(source);
  const filled = [{ key: source, value: text }, text === "" ? settingOf(job) : undefined]
    .find((each) => each?.value.includes("{{"));
  if (filled !== undefined) return `a controller fills in the endpoint in ${filled.key}`;
  // A variable of unknown value shows no endpoint, and the code may not read the variable.
  const isSet = (job.environment.value(source) ?? "") !== "" ||
    setting !== undefined && setting.source !== "hadoop";
  return isSet ? undefined : job.settings.get(UNREAD_FILE)?.unknown;
}

function endpointOf(job: JobWithPods): { source: string; text: string } {
  const { environment } = job;
  const given = VARIABLES.map((source) => ({ source, text: environment.value(source) }));
  const setting = settingOf(job);
  // The value of an unknown setting is the code that computes the value.
  const known = setting?.unknown === undefined ? setting?.value : undefined;
  const all = [...given, { source: setting?.key ?? SETTING, text: known }];
  const found = all.find(({ text }) => text !== undefined && text !== "");
  return { source: found?.source ?? VARIABLES[0]!, text: found?.text?.trim() ?? "" };
}

/** The setting with the endpoint of the job's bucket. */
function settingOf({ environment, settings }: JobWithPods): SparkSetting | undefined {
  return settings.get(settingOfBucket(environment.value("S3_BUCKET"), settings));
}

/** The setting of a bucket, which counts more than the setting of all buckets. */
function settingOfBucket(bucket: string | undefined, settings: JobWithPods["settings"]): string {
  const ofBuckets = settings.keys().filter((key) => OF_BUCKET.test(key)).toArray();
  const own = ofBuckets.find((key) => OF_BUCKET.exec(key)![1] === bucket);
  const only = bucket === undefined && ofBuckets.length === 1 ? ofBuckets[0] : undefined;
  return own ?? only ?? SETTING;
}

const OF_BUCKET = /^spark\.hadoop\.fs\.s3a\.bucket\.(.+)\.endpoint$/;

function serviceStore(
  network: Network,
  job: JobWithPods,
  from: Pod,
  { port, source }: { readonly port: number; readonly source: string },
  service: ServiceName,
): Store {
  const object = objectOf(network, "Service", service.name, service.namespace);
  const backends = object && backendsOf(network, object, { protocol: "TCP", port });
  const common = { kind: "service", source, service } as const;
  const known = projectPods(network, job, service, "lake");
  const workload = { kind: "Service", name: service.name };
  if (object !== undefined && backends !== undefined) {
    const trouble = {
      unreachable: whyUnreachable(object, backends, { port, variable: `the port in ${source}` }),
      unknown: whyUnlisted(network, object, backends),
    };
    if (backends.to.length > 0) {
      return { ...common, ...trouble, to: backends.to, port: backends.port, isKnown: true };
    }
    const selected = selectedBy(object, port, known);
    if (selected !== undefined) {
      const { labels, note, doubt } = selected;
      const to = [podWith(labels, service.namespace, workload)];
      return {
        ...common,
        ...trouble,
        to,
        port: backends.port,
        isKnown: doubt === undefined,
        note,
        doubt,
      };
    }
    if (trouble.unreachable !== undefined || trouble.unknown !== undefined) {
      return { ...common, ...trouble, to: [], port, isKnown: true };
    }
  }
  const id = `Service ${service.namespace}/${service.name}`;
  const to = known === undefined
    ? assumedPods(network, from, service.namespace, workload)
    : [podWith(known, service.namespace, workload)];
  const note = known === undefined
    ? `only the namespace of ${id} is checked, not the labels of its pods: lake.pods in the ` +
      "project file can name them"
    : `the pods of ${id} are taken to have the labels of lake.pods: ${network.project.lake.pods}`;
  return { ...common, to, port, isKnown: false, note };
}

/** Returns whether a host name belongs to a private network: no public DNS server has the name. */
export function isPrivateName(host: string): boolean {
  return !host.replace(/\.$/, "").includes(".") ||
    /\.(internal|intranet|local|lan|localdomain|corp|home|private|home\.arpa)\.?$/.test(host);
}
