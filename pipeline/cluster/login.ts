import { X509Certificate } from "node:crypto";
import type { Access, UserFields } from "./access.ts";
import { materialOf } from "./client_node.ts";
import { runExecPlugin } from "./exec_plugin.ts";
import { wrong } from "./kubeconfig.ts";

/** What makes a connection the user's. */
export interface Login {
  /** What each request carries. */
  readonly headers: readonly [name: string, value: string][];
  /** PEM certificates that the server's is checked with, beside those that Deno knows. */
  readonly ca: string | undefined;
  /** A PEM certificate. */
  readonly cert: string | undefined;
  /** Its key. */
  readonly key: string | undefined;
  /** When to log in again, in milliseconds since 1970. */
  readonly renew: number;
  /** When the credentials end, as far as they say so themselves, in milliseconds since 1970. */
  readonly ends: number | undefined;
  /** What must never be told. */
  readonly secrets: readonly string[];
}

/** Milliseconds after which a file with a token is read again, since kubelets replace it. */
const FILE_AGE = 60_000;

/**
 * Turns what a kubeconfig says into what goes over the wire: certificates and headers.
 *
 * @param signal ends it when it aborts
 * @throws {Failure} configuration: a file is missing or holds something else, or a plugin does not log
 *   in; unreachable: the plugin hangs
 */
export async function logIn(access: Access, signal: AbortSignal): Promise<Login> {
  // As with kubectl, nobody logs in over a connection that others can read along.
  if (!access.server.startsWith("https:")) return NOBODY;
  const { user, file, userName } = access;
  const plugin = user.exec && await runExecPlugin(user.exec, access, signal);
  const fromFile = user.tokenFile && await tokenIn(user.tokenFile, access);
  const token = fromFile ?? user.token ?? plugin?.token;
  const found = await materialOf(access, token);
  const ca = certificate(found.ca, "certificate-authority", access);
  const cert = certificate(plugin?.certificate ?? found.cert, "client-certificate", access);
  const key = plugin?.key ?? found.key;
  if ((cert === undefined) !== (key === undefined)) {
    const who = `the user ${JSON.stringify(userName)}`;
    throw wrong(file, `${who} has one of client-certificate and client-key without the other`);
  }
  const { authorization } = found;
  const headers = impersonation(user);
  if (authorization !== undefined) headers.push(["authorization", authorization]);
  for (const [name, value] of headers) {
    if (/^[\x20-\x7e]+$/.test(value)) continue;
    const field = name === "authorization" ? "token" : name;
    const whose = `the user ${JSON.stringify(userName)}`;
    throw wrong(file, `the ${field} of ${whose} has characters that cannot be sent`);
  }
  return {
    headers,
    ...{ ca, cert, key },
    renew: Math.min(plugin?.expires ?? Infinity, fromFile ? Date.now() + FILE_AGE : Infinity),
    ends: endOf(cert, authorization),
    secrets: [key, authorization?.replace(/^\w+ /, ""), user.password].filter(isText),
  };
}

const NOBODY: Login = {
  headers: [],
  ...{ ca: undefined, cert: undefined, key: undefined, renew: Infinity, ends: undefined },
  secrets: [],
};

async function tokenIn(path: string, { file }: Access): Promise<string> {
  const text = await Deno.readTextFile(path).catch(({ name }) => {
    throw wrong(file, `its tokenFile ${path} cannot be read (${name})`);
  });
  if (text.trim() === "") throw wrong(file, `its tokenFile ${path} is empty`);
  return text.trim();
}

/** @returns the PEM text, once it is seen that there is a certificate in it */
function certificate(text: string | undefined, field: string, access: Access): string | undefined {
  if (text === undefined) return undefined;
  try {
    new X509Certificate(text);
    return text;
  } catch {
    const whose = `${field} of the context ${JSON.stringify(access.context)}`;
    throw wrong(
      access.file,
      `the ${whose} is no certificate (PEM, and in base64 where it is data)`,
    );
  }
}

function impersonation(user: UserFields): [string, string][] {
  const headers: [string, string][] = [];
  if (user.as !== undefined) headers.push(["impersonate-user", user.as]);
  if (user["as-uid"] !== undefined) headers.push(["impersonate-uid", user["as-uid"]]);
  for (const group of user["as-groups"] ?? []) headers.push(["impersonate-group", group]);
  return headers;
}

function endOf(cert: string | undefined, authorization: string | undefined): number | undefined {
  if (authorization === undefined) {
    return cert === undefined ? undefined : Date.parse(new X509Certificate(cert).validTo);
  }
  try {
    const claims = authorization.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(claims));
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined; // not every token is a JWT
  }
}

function isText(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
