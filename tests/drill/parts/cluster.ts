import { pathToFileURL } from "node:url";
import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { type ControlPlane, startControlPlane } from "../../cluster/control_plane.ts";
import { type PullSecret, theWholeSetup } from "../../cluster/setup.ts";
import { bringTo } from "../../cluster/state.ts";
import type { Part } from "./part.ts";

/** An object with fields that a drill may change freely. */
// deno-lint-ignore no-explicit-any
export type Changing = any;

/** The cluster, for drills to break. */
export interface ClusterPart extends Part {
  readonly kubeconfig: string;
  /** The control plane. */
  readonly plane: ControlPlane;
  /** Changes an object. Replaces an object that cannot be changed, such as a Job. */
  change(kind: string, name: string, how: (object: Changing) => void): Promise<void>;
  /** Deletes an object. */
  remove(kind: string, name: string): Promise<void>;
  /** Adds an object derived from a healthy one. */
  add(kind: string, name: string, how: (object: Changing) => Changing): Promise<void>;
}

/**
 * Values of the two Secrets. No check connects with them: their host names belong to the network of
 * a real cluster, which is unreachable from outside.
 */
const VALUES = {
  DJANGO_DB_PASSWORD: "pass!word",
  AWS_ACCESS_KEY_ID: "DRILLKEY",
  AWS_SECRET_ACCESS_KEY: "drill/secret+key",
};

/** Starts a control plane in the folder. The folder is removed when it stops. */
export function startCluster(folder: string): Promise<ControlPlane> {
  return startControlPlane(folder, "drill");
}

/**
 * Brings a cluster to its healthy state: the manifests of a folder, and the objects around them.
 */
export async function healthyCluster(
  plane: ControlPlane,
  { folder, pull }: { readonly folder: string; readonly pull: PullSecret },
): Promise<ClusterPart> {
  const manifests = pathToFileURL(`${folder}/`);
  const healthy = await theWholeSetup({ values: VALUES, pull, manifests });
  const become = (objects: readonly KubeObject[]) => bringTo(plane, objects);
  const is = (kind: string, name: string) => (object: KubeObject) =>
    object.kind === kind && object.metadata.name === name;
  const found = (kind: string, name: string): Changing => {
    const object = healthy.find(is(kind, name));
    if (object === undefined) throw new Error(`The healthy cluster has no ${kind} ${name}.`);
    return structuredClone(object);
  };
  await become(healthy);
  return {
    kubeconfig: `${plane.folder}/kubeconfig`,
    plane,
    async change(kind, name, how) {
      const object = found(kind, name);
      how(object);
      await become(healthy.map((each) => is(kind, name)(each) ? object : each));
    },
    remove: (kind, name) => become(healthy.filter((each) => !is(kind, name)(each))),
    add: (kind, name, how) => become([...healthy, how(found(kind, name))]),
    heal: () => become(healthy),
    stop: () => plane.stop(),
  };
}
