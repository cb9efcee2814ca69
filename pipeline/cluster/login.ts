import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { isFields } from "./cluster.ts";
import { runExecPlugin } from "./exec_plugin.ts";
import { type Access, formatTime, invalidKubeconfig, type UserFields } from "./kubeconfig.ts";

// Turns the fields of a kubeconfig into certificates and headers.
// docs/decisions/kubernetes-client.md explains what the library does.

/** The credentials for a connection. */
export interface Login {
  /** The headers of each request. */
  readonly headers: readonly [name: string, value: string][];
  /** PEM certificates to verify the server with, in addition to those that Deno trusts. */
  readonly ca: string | undefined;
  /** The PEM client certificate. */
  readonly cert: string | undefined;
  /** The key of the client certificate. */
  readonly key: string | undefined;
  /** The time of the next login, in milliseconds since 1970. */
  readonly renew: number;
  /** The time at which the credentials expire, in milliseconds since 1970, if known. */
  readonly expires: number | undefined;
  /** The secrets, which no message may contain. */
  readonly secrets: readonly string[];
}

/**
 * Milliseconds until a token file is read again. The kubelet replaces the file from time to time.
 */
const TOKEN_FILE_AGE = 60_000;

/**
 * Reads the credentials of a kubeconfig's user, and runs the user's exec plugin.
 *
 * @param signal kills the plugin when it aborts
 * @throws {Failure} configuration: a file is missing or invalid, or the plugin fails; unreachable:
 *   the plugin does not finish in time
 */
export async function logIn(access: Access, signal: AbortSignal): Promise<Login> {
  // Like kubectl, send no credentials over an unencrypted connection.
  if (!access.server.startsWith("https:")) return ANONYMOUS;
  const { user, file, userName } = access;
  const name = JSON.stringify(userName);
  const plugin = user.exec && await runExecPlugin(user.exec, access, signal);
  const fromFile = user.tokenFile && await readToken(user.tokenFile, access);
  const found = await readCredentials(access, fromFile ?? user.token ?? plugin?.token);
  const ca = checkedCertificate(found.ca, "certificate-authority", access);
  const cert = checkedCertificate(plugin?.certificate ?? found.cert, "client-certificate", access);
  const key = plugin?.key ?? found.key;
  if ((cert === undefined) !== (key === undefined)) {
    const problem = `the user ${name} has only one of client-certificate and client-key`;
    throw invalidKubeconfig(file, problem);
  }
  const { authorization } = found;
  const headers = impersonationHeaders(user);
  if (authorization !== undefined) headers.push(["authorization", authorization]);
  for (const [header, value] of headers) {
    if (/^[\x20-\x7e]+$/.test(value)) continue;
    const field = header === "authorization" ? "token" : header;
    const problem = `the ${field} of the user ${name} has characters that HTTP does not allow`;
    throw invalidKubeconfig(file, problem);
  }
  return {
    headers,
    ca,
    cert,
    key,
    renew: Math.min(plugin?.expires ?? Infinity, fromFile ? Date.now() + TOKEN_FILE_AGE : Infinity),
    expires: expiryOf(cert, authorization),
    secrets: [key, authorization?.replace(/^\w+ /, ""), user.password]
      .filter((secret) => secret !== undefined),
  };
}

const ANONYMOUS: Login = {
  headers: [],
  ca: undefined,
  cert: undefined,
  key: undefined,
  renew: Infinity,
  expires: undefined,
  secrets: [],
};

async function readToken(path: string, { file }: Access): Promise<string> {
  const text = await Deno.readTextFile(path).catch(({ name }) => {
    throw invalidKubeconfig(file, `its tokenFile ${path} cannot be read (${name})`);
  });
  if (text.trim() === "") throw invalidKubeconfig(file, `its tokenFile ${path} is empty`);
  return text.trim();
}

/** The credentials in the fields and files of a kubeconfig. */
interface Credentials {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The value of the header `authorization`. */
  readonly authorization: string | undefined;
}

/** Reads certificates, keys and tokens. */
async function readCredentials(access: Access, token: string | undefined): Promise<Credentials> {
  const { cluster, user, file } = access;
  refuseExpiredOidc(access);
  const read = (path: string | undefined, data: string | undefined) => {
    if (path) return readPem(path, file);
    return data ? Buffer.from(data, "base64").toString() : undefined;
  };
  const ca = await read(cluster["certificate-authority"], cluster["certificate-authority-data"]);
  const cert = await read(user["client-certificate"], user["client-certificate-data"]);
  const key = await read(user["client-key"], user["client-key-data"]);
  return { ca, cert, key, authorization: await authorizationOf(access, token) };
}

/** Reads a file with PEM certificates or a key. */
async function readPem(path: string, file: string): Promise<string> {
  try {
    return Buffer.from(await Deno.readFile(path)).toString();
  } catch (error) {
    const { name, code = name } = error as Error & { code?: string };
    throw unreadable(path, code, file);
  }
}

/** Returns the value of the header `authorization`: a bearer token, or basic authentication. */
async function authorizationOf(
  access: Access,
  token: string | undefined,
): Promise<string | undefined> {
  const { username, password } = access.user;
  const provided = access.user["auth-provider"] && await askProvider(access);
  if (token) return `Bearer ${token}`;
  if (provided !== undefined) return provided;
  return username
    ? `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
    : undefined;
}

/** The options for `node:https` that the library sets and this module uses. */
interface HttpsOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Reads the token of an auth provider with `@kubernetes/client-node`. The library takes half a second
 * to load, so it is imported here, for the kubeconfigs that need it.
 */
async function askProvider(access: Access): Promise<string | undefined> {
  const { user, file, userName } = access;
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "cluster", server: access.server, skipTLSVerify: false },
    { name: "user", authProvider: user["auth-provider"] },
  );
  const options: HttpsOptions = {};
  await config.applyToHTTPSOptions(options).catch((error) => {
    const { code, path } = error as { code?: string; path?: string };
    if (path !== undefined) throw unreadable(path, code, file);
    // The library's own message can hold a secret.
    const provider = JSON.stringify(user["auth-provider"]?.name ?? "");
    throw invalidKubeconfig(
      file,
      `auth provider ${provider} for user ${JSON.stringify(userName)} failed`,
      "Log in again with the provider's own tool, or replace auth-provider with an exec plugin.",
    );
  });
  return options.headers?.Authorization;
}

function unreadable(path: string, code: string | undefined, file: string): Error {
  return invalidKubeconfig(file, `its file ${path} cannot be read (${code})`);
}

/**
 * Throws if an OIDC token has expired. The library cannot renew it, but kubectl renews the token
 * and stores it in the kubeconfig.
 */
function refuseExpiredOidc({ user, file, userName, whoami }: Access): void {
  const { name, config } = user["auth-provider"] ?? {};
  const token = name === "oidc" && isFields(config) ? config["id-token"] : undefined;
  const expires = typeof token === "string" ? tokenExpiry(token) : undefined;
  if (expires === undefined || expires > Date.now()) return;
  throw invalidKubeconfig(
    file,
    `the id-token of user ${JSON.stringify(userName)} expired on ${formatTime(expires)}`,
    `Run ${whoami} so that kubectl renews it, and run again.`,
  );
}

/** Checks that a PEM text begins with a certificate, and returns the text. */
function checkedCertificate(
  text: string | undefined,
  field: string,
  { file, context }: Access,
): string | undefined {
  if (text === undefined) return undefined;
  try {
    new X509Certificate(text);
    return text;
  } catch {
    const place = `${field} of the context ${JSON.stringify(context)}`;
    const problem = `the ${place} is not a certificate (PEM; for …-data, PEM encoded in base64)`;
    throw invalidKubeconfig(file, problem);
  }
}

function impersonationHeaders(user: UserFields): [string, string][] {
  const headers: [string, string][] = [];
  if (user.as !== undefined) headers.push(["impersonate-user", user.as]);
  if (user["as-uid"] !== undefined) headers.push(["impersonate-uid", user["as-uid"]]);
  for (const group of user["as-groups"] ?? []) headers.push(["impersonate-group", group]);
  return headers;
}

function expiryOf(cert: string | undefined, authorization: string | undefined) {
  if (authorization !== undefined) return tokenExpiry(authorization);
  return cert === undefined ? undefined : Date.parse(new X509Certificate(cert).validTo);
}

/** Returns when a JWT expires, in milliseconds since 1970; undefined for any other token. */
function tokenExpiry(token: string): number | undefined {
  try {
    const claims = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(claims));
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
