import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import { type Api, openApi, pathOf, Refused, type Resource, resourceOf } from "./api.ts";
import type { Access } from "./kubeconfig.ts";
import { until } from "./until.ts";
import { OF_A_USER } from "./users.ts";

// Brings a cluster back to a state after a test. Starting a new cluster would take seconds.

/** A cluster that can be brought to a state. */
export interface Changeable {
  /** Credentials of the administrator. */
  readonly admin: Access;
  /** The control plane's own folder, which also records the objects that it began with. */
  readonly folder: string;
}

/** An object as the API server returns it. */
interface Live extends KubeObject {
  readonly metadata: KubeObject["metadata"] & {
    readonly resourceVersion: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly unknown[];
    readonly deletionTimestamp?: string;
  };
}

const BORN_WITH = "born_with.json";

/** Kinds that controllers create and that do not affect the state. */
const ASIDE = ["Event", "Lease", "Endpoints", "EndpointSlice", "IPAddress"];

/** Records the initial objects of a new control plane. */
export async function rememberOwn({ admin, folder }: Changeable): Promise<void> {
  using api = openApi(admin);
  const found = await everything(api, await api.resources());
  await Deno.writeTextFile(`${folder}/${BORN_WITH}`, JSON.stringify(found.map(idOf)));
}

/**
 * Brings a cluster to a state: removes other objects, replaces missing or different ones, and waits
 * until everything has settled. The control plane's own objects and the suite's users stay.
 *
 * @param objects the state
 * @throws {Error} the deadline passed, or the API server refused an object
 */
export async function bringTo(cluster: Changeable, objects: readonly KubeObject[]): Promise<void> {
  using api = openApi(cluster.admin);
  const own = JSON.parse(await Deno.readTextFile(`${cluster.folder}/${BORN_WITH}`));
  const wanted = new Set<string>([...own, ...objects.map(idOf)]);
  const resources = await api.resources();
  await until("other objects are gone", async () => {
    const found = await everything(api, resources);
    const going = found.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    const extra = found.filter((object) => !wanted.has(idOf(object)) && !going.includes(object));
    await Promise.all(extra.map((object) => remove(api, resources, object)));
    return going.length + extra.length === 0;
  });
  const each =
    (work: (api: Api, resource: Resource, object: KubeObject) => Promise<void>) =>
    async (some: readonly KubeObject[]) => {
      await Promise.all(some.map((object) => work(api, resourceOf(resources, object), object)));
    };
  const isPlace = ({ kind }: KubeObject) => kind === "Namespace";
  await each(put)(objects.filter(isPlace));
  await each(put)(objects.filter((object) => !isPlace(object)));
  await each((...args) => until(`${idOf(args[2])} has settled`, () => isSettled(...args)))(objects);
}

/** Returns all objects that no other object owns. */
async function everything(api: Api, resources: readonly Resource[]): Promise<Live[]> {
  const kinds = resources.filter(({ kind, verbs }) =>
    verbs.includes("list") && verbs.includes("delete") && !ASIDE.includes(kind)
  );
  const lists = await Promise.all(kinds.map(async (resource) => {
    const { apiVersion, kind } = resource;
    const list = await find(api, pathOf(resource)); // a kind may disappear with its definition
    const items = (list?.items ?? []) as Live[];
    return items.map((item) => ({ ...item, apiVersion, kind }));
  }));
  return lists.flat().filter((object) => !hasOwner(object));
}

/** Returns true if an object belongs to another object, to every namespace, or to a user. */
function hasOwner({ kind, metadata }: Live): boolean {
  return (metadata.ownerReferences ?? []).length > 0 ||
    kind === "ServiceAccount" && metadata.name === "default" ||
    kind === "ConfigMap" && metadata.name === "kube-root-ca.crt" ||
    metadata.labels?.[OF_A_USER] !== undefined;
}

async function put(api: Api, resource: Resource, object: KubeObject): Promise<void> {
  const { name, namespace } = object.metadata;
  const path = pathOf(resource, namespace, name);
  const live = await find(api, path);
  if (live === undefined) return await create(api, resource, object);
  const { resourceVersion } = live.metadata;
  const body = { ...object, metadata: { ...object.metadata, resourceVersion } };
  try {
    const now: Live = await api.call("PUT", `${path}?fieldManager=suite`, body);
    if (object.kind === "Node") await putStatus(api, path, object, now);
    return;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // A controller changed the object after it was read.
    if (error.status === 409) return await put(api, resource, object);
    if (error.status !== 422) throw error;
  }
  // Replace an object that cannot be changed, such as a Job: the server has added labels.
  await remove(api, [resource], live);
  await until(`${name} is gone`, async () => (await find(api, path)) === undefined);
  await create(api, resource, object);
}

async function create(api: Api, resource: Resource, object: KubeObject): Promise<void> {
  const path = pathOf(resource, object.metadata.namespace);
  await api.call("POST", `${path}?fieldManager=suite`, object);
}

async function putStatus(api: Api, path: string, object: KubeObject, now: Live): Promise<void> {
  const { resourceVersion } = now.metadata;
  const body = { ...object, metadata: { ...object.metadata, resourceVersion } };
  await api.call("PUT", `${path}/status?fieldManager=suite`, body);
}

async function remove(api: Api, resources: readonly Resource[], object: Live): Promise<void> {
  const { name, namespace } = object.metadata;
  const path = pathOf(resourceOf(resources, object), namespace, name);
  const how = { propagationPolicy: "Background", gracePeriodSeconds: 0 };
  const response = await api.send("DELETE", path, how);
  const text = await response.text();
  if (!response.ok && response.status !== 404) throw new Error(`DELETE ${path}: ${text}`);
}

/** Returns true if the controllers have seen the current version of an object. */
async function isSettled(api: Api, resource: Resource, object: KubeObject): Promise<boolean> {
  const { name, namespace } = object.metadata;
  // deno-lint-ignore no-explicit-any
  const { metadata, spec, status }: any = await api.get(pathOf(resource, namespace, name));
  if (resource.kind === "Deployment" || resource.kind === "StatefulSet") {
    return status.observedGeneration === metadata.generation &&
      status.readyReplicas === spec.replicas && status.updatedReplicas === spec.replicas;
  }
  if (resource.kind === "Job") return status.conditions !== undefined; // the Job is suspended
  if (resource.kind === "ResourceQuota") {
    return status.used?.pods === "0" && JSON.stringify(status.hard) === JSON.stringify(spec.hard);
  }
  return true;
}

async function find(api: Api, path: string): Promise<Live | undefined> {
  const response = await api.send("GET", path);
  const text = await response.text();
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

function idOf({ apiVersion, kind, metadata }: KubeObject): string {
  return [apiVersion, kind, metadata.namespace ?? "", metadata.name].join(" ");
}
