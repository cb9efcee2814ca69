import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import type { Access } from "./kubeconfig.ts";

// The API client of the suite. The suite prepares a cluster with different code than it tests.

/** A connection to an API server. Closed on disposal. */
export interface Api extends Disposable {
  /** Sends a request, and returns the response with any status. */
  send(method: string, path: string, body?: object, contentType?: string): Promise<Response>;
  /** Returns the JSON at a path. */
  // deno-lint-ignore no-explicit-any
  get(path: string): Promise<any>;
  /** Sends JSON, and returns the JSON of the response. */
  // deno-lint-ignore no-explicit-any
  call(method: string, path: string, body?: object, contentType?: string): Promise<any>;
  /** Returns every resource of the server, in its preferred version. */
  resources(): Promise<readonly Resource[]>;
}

/** A kind of object and its path. */
export interface Resource {
  /** API version, for example `networking.k8s.io/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Name in a path, for example `networkpolicies`. */
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** Thrown when the API server refuses a request. */
export class Refused extends Error {
  readonly status: number;

  constructor(request: string, status: number, answer: string) {
    super(`${request}: ${status} ${answer}`);
    this.status = status;
  }
}

/** Opens a connection with a user's credentials. */
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

/** Returns the path of an object, or of all objects of its kind if there is no name. */
export function pathOf(
  { apiVersion, plural, namespaced }: Resource,
  namespace?: string,
  name?: string,
): string {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespaced && namespace !== undefined ? `/namespaces/${namespace}` : "";
  return `${group}${within}/${plural}${name === undefined ? "" : `/${name}`}`;
}

/** Returns the resource of an object's kind. */
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
      .filter(({ name }) => !name.includes("/")) // subresources, such as pods/status
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
