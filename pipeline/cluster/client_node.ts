import { Buffer } from "node:buffer";
import type { Access } from "./access.ts";
import { wrong } from "./kubeconfig.ts";

/** What a user of a kubeconfig shows to an API server, and what the server has to show. */
export interface Material {
  /** PEM certificates that the server's is checked with. */
  readonly ca: string | undefined;
  /** A PEM certificate. */
  readonly cert: string | undefined;
  /** Its key. */
  readonly key: string | undefined;
  /** The header of that name. */
  readonly authorization: string | undefined;
}

/** What we use of the library's options for `node:https`. */
interface HttpsOptions {
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
  readonly auth?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Gathers certificates, keys and tokens out of a kubeconfig and the files that it names, with
 * `@kubernetes/client-node`, which also knows the older ways to log in (`auth-provider`).
 *
 * The library takes half a second to load; hence it is loaded here, when a cluster is opened. Its own
 * HTTP is not used: under Deno that hangs when a connection drops. Nor does it read the kubeconfig or
 * run plugins: it does not know `tokenFile`, refuses to merge files that both say something of the same
 * user, quotes lines of a broken file, and waits for a plugin without an end.
 *
 * @param token a bearer token from elsewhere
 * @throws {Failure} configuration: a file cannot be read, or the library cannot log in
 */
export async function materialOf(access: Access, token: string | undefined): Promise<Material> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const { cluster, user, file, userName } = access;
  const [name, currentContext] = ["name", "name"];
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{
      ...{ name, server: access.server },
      caFile: cluster["certificate-authority"],
      caData: cluster["certificate-authority-data"],
    }],
    users: [{
      ...{ name, token, username: user.username, password: user.password },
      certFile: user["client-certificate"],
      certData: user["client-certificate-data"],
      keyFile: user["client-key"],
      keyData: user["client-key-data"],
      authProvider: user["auth-provider"],
    }],
    contexts: [{ name, cluster: name, user: name }],
    currentContext,
  });
  const options: HttpsOptions = {};
  await config.applyToHTTPSOptions(options).catch((error) => {
    const { code, path } = error as { code?: string; path?: string };
    if (path !== undefined) throw wrong(file, `its file ${path} cannot be read (${code})`);
    // Whatever it says may hold a secret.
    const provider = JSON.stringify(user["auth-provider"]?.name ?? "");
    throw wrong(
      file,
      `the auth-provider ${provider} of the user ${JSON.stringify(userName)} fails`,
    );
  });
  const text = (bytes?: Uint8Array) => bytes && Buffer.from(bytes).toString();
  const basic = options.auth && `Basic ${Buffer.from(options.auth).toString("base64")}`;
  return {
    ca: text(options.ca),
    cert: text(options.cert),
    key: text(options.key),
    authorization: options.headers?.Authorization ?? basic,
  };
}
