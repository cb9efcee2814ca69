import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../pipeline/cluster/cluster.ts";

// The healthy cluster, as a list of objects: Robson, DNS, the nodes, manifests/ and the two Secrets.

const HERE = new URL("setup/", import.meta.url);
const MANIFESTS = new URL("../../manifests/", import.meta.url);
const TEMPLATE = new URL("templates/secrets.yaml.example", MANIFESTS);

/** What differs from one setup to the next. */
export interface SetupOptions {
  /** Values of the two Secrets by their keys, such as DJANGO_DB_PASSWORD; else the template's own. */
  readonly values?: Readonly<Record<string, string>>;
  /** What the image is pulled with; without it there is no such Secret. */
  readonly pull?: PullSecret;
  /** Another folder of manifests, which ends with a slash. */
  readonly manifests?: URL;
}

/** A login at an image registry. The service account `spark-jobs` uses it. */
export interface PullSecret {
  readonly name: string;
  /** Host and port, as an image's name begins. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/** The keys of the two Secrets, which are the names of variables too. */
export async function secretKeys(): Promise<string[]> {
  const secrets = await objectsIn(TEMPLATE);
  return secrets.flatMap(({ stringData }) => Object.keys(stringData as object));
}

/** The two nodes. */
export function theNodes(): Promise<KubeObject[]> {
  return objectsIn(new URL("nodes.yaml", HERE));
}

/** Everything that a healthy cluster has. */
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
    ...{ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/dockerconfigjson" },
    metadata: { name, namespace: "analytics-jobs" },
    stringData: { ".dockerconfigjson": JSON.stringify({ auths }) },
  };
}

async function objectsIn(file: URL): Promise<KubeObject[]> {
  return parseAllDocuments(await Deno.readTextFile(file)).map((document) => document.toJS());
}
