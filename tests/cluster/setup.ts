import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../pipeline/cluster/cluster.ts";

// The objects of a healthy cluster: Robson, DNS, the nodes, manifests/ and the two Secrets.

const HERE = new URL("setup/", import.meta.url);
const MANIFESTS = new URL("../../manifests/", import.meta.url);
const TEMPLATE = new URL("templates/secrets.yaml.example", MANIFESTS);

/** Options of a setup. */
export interface SetupOptions {
  /**
   * Values of the two Secrets by key, for example DJANGO_DB_PASSWORD. Defaults to the template's
   * values.
   */
  readonly values?: Readonly<Record<string, string>>;
  /** Credentials to pull the image. If absent, there is no pull secret. */
  readonly pull?: PullSecret;
  /** Folder of other manifests. The URL ends with a slash. */
  readonly manifests?: URL;
}

/** Credentials for an image registry. The service account `spark-jobs` uses them. */
export interface PullSecret {
  readonly name: string;
  /** Host and port, as in the first part of an image's name. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/** Returns the keys of the two Secrets, which are also names of environment variables. */
export async function secretKeys(): Promise<string[]> {
  const secrets = await objectsIn(TEMPLATE);
  return secrets.flatMap(({ stringData }) => Object.keys(stringData as object));
}

/** Returns the two nodes. */
export function theNodes(): Promise<KubeObject[]> {
  return objectsIn(new URL("nodes.yaml", HERE));
}

/** Returns all objects of a healthy cluster. */
export async function theWholeSetup(
  { values = {}, pull, manifests = MANIFESTS }: SetupOptions = {},
) {
  const files = await Array.fromAsync(Deno.readDir(manifests));
  const names = files.map(({ name }) => name).filter((name) => /\.ya?ml$/.test(name)).sort();
  const [nodes, dns, robson, secrets, ...ours] = await Promise.all([
    theNodes(),
    objectsIn(new URL("kube-dns.yaml", HERE)),
    objectsIn(new URL("robson.yaml", HERE)),
    objectsIn(TEMPLATE),
    ...names.map((name) => objectsIn(new URL(name, manifests))),
  ]);
  return [
    ...nodes!,
    ...dns!,
    ...robson!,
    ...ours.flat().map((object) => pull === undefined ? object : pulling(object, pull)),
    ...secrets!.map((secret) => withValues(secret, values)),
    ...(pull === undefined ? [] : [pullSecret(pull)]),
  ];
}

function withValues(secret: KubeObject, values: Readonly<Record<string, string>>): KubeObject {
  const own = Object.entries(secret.stringData as Record<string, string>);
  const stringData = Object.fromEntries(own.map(([key, value]) => [key, values[key] ?? value]));
  return { ...secret, stringData };
}

function pulling(object: KubeObject, { name }: PullSecret): KubeObject {
  const isOurs = object.kind === "ServiceAccount" && object.metadata.name === "spark-jobs";
  return isOurs ? { ...object, imagePullSecrets: [{ name }] } : object;
}

function pullSecret({ name, registry, username, password }: PullSecret): KubeObject {
  const auths = { [registry]: { username, password, auth: btoa(`${username}:${password}`) } };
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/dockerconfigjson",
    metadata: { name, namespace: "analytics-jobs" },
    stringData: { ".dockerconfigjson": JSON.stringify({ auths }) },
  };
}

async function objectsIn(file: URL): Promise<KubeObject[]> {
  return parseAllDocuments(await Deno.readTextFile(file)).map((document) => document.toJS());
}
