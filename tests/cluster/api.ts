import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import type { Access } from "./kubeconfig.ts";

// How the suite itself talks to an API server, so that a cluster is prepared by other code than that
// which is tested on it.

/** A connection to an API server. It ends with its block. */
export interface Api extends Disposable {
  /** Sends a request, and returns the answer whatever its status. */
  send(method: string, path: string, body?: object, contentType?: string): Promise<Response>;
  /** The JSON at a path. */
  // deno-lint-ignore no-explicit-any
  get(path: string): Promise<any>;
  /** Sends JSON, and returns the answer's. */
  // deno-lint-ignore no-explicit-any
  call(method: string, path: string, body?: object, contentType?: string): Promise<any>;
  /** Every kind that the server has, in the version that it prefers. */
  resources(): Promise<readonly Resource[]>;
}

/** A kind of objects, and where they are. */
export interface Resource {
  /** As in `networking.k8s.io/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Its name in a path, as in `networkpolicies`. */
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** What an API server refused. */
export class Refused extends Error {
  readonly status: number;

  constructor(request: string, status: number, answer: string) {
    super(`${request}: ${status} ${answer}`);
    this.status = status;
  }
}

/** Opens a connection for a user. */
export function openApi({ server, ca, login }: Access): Api {
  const certificate = "token" in login ? {} : { cert: login.certificate, key: login.key };
  const client = Deno.createHttpClient({ caCerts: [ca], ...certificate });
  const authorization: Record<string, string> = "token" in login
    ? { authorization: `Bearer ${login.token}` }
    : {};

  const send: Api["send"] = (method, path, body, contentType = "application/json") =>
    fetch(`${server}${path}`, {
      client,
      method,
      headers: { ...authorization, ...(body === undefined ? {} : { "content-type": contentType }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const call: Api["call"] = async (method, path, body, contentType) => {
    const response = await send(method, path, body, contentType);
    const text = await response.text();
    if (!response.ok) throw new Refused(`${method} ${path}`, response.status, messageOf(text));
    return JSON.parse(text);
  };
  const get = (path: string) => call("GET", path);
  return {
    send,
    call,
    get,
    resources: () => discover(get),
    [Symbol.dispose]: () => client.close(),
  };
}

/** Where an object is, or with no name all of its kind. */
export function pathOf(
  { apiVersion, plural, namespaced }: Resource,
  namespace?: string,
  name?: string,
): string {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespaced && namespace !== undefined ? `/namespaces/${namespace}` : "";
  return `${group}${within}/${plural}${name === undefined ? "" : `/${name}`}`;
}

/** The kind of an object among those that a server has. */
export function resourceOf(
  resources: readonly Resource[],
  { apiVersion, kind }: Pick<KubeObject, "apiVersion" | "kind">,
): Resource {
  const found = resources.find((each) => each.apiVersion === apiVersion && each.kind === kind);
  if (found === undefined) throw new Error(`The API server has no ${kind} of ${apiVersion}.`);
  return found;
}

async function discover(get: Api["get"]): Promise<Resource[]> {
  const { groups }: { groups: Group[] } = await get("/apis");
  const versions = ["v1", ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const lists = await Promise.all(versions.map(async (apiVersion) => {
    const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { resources }: { resources: Listed[] } = await get(group);
    return resources
      .filter(({ name }) => !name.includes("/")) // parts of others, such as pods/status
      .map(({ name, kind, namespaced, verbs }) => (
        { apiVersion, kind, plural: name, namespaced, verbs }
      ));
  }));
  return lists.flat();
}

interface Group {
  readonly preferredVersion: { readonly groupVersion: string };
}

interface Listed extends Pick<Resource, "kind" | "namespaced" | "verbs"> {
  readonly name: string;
}

function messageOf(text: string): string {
  try {
    return JSON.parse(text).message;
  } catch {
    return text;
  }
}
