import { Failure } from "../../pipeline/errors.ts";
import type { ImageAddress } from "./reference.ts";

/** A login to a registry. */
export interface Login {
  /** The user's name. */
  readonly user: string;
  /** The password or token. Never print it. */
  readonly password: string;
}

/**
 * Returns the logins in a Docker configuration for an image, the most specific first. Entries match
 * as in the kubelet (`pkg/credentialprovider/keyring.go`): the scheme, `/v1/` and `/v2/` are
 * ignored, the port must be equal, `*` matches a part of a host name, and a path matches as a
 * prefix. Entries without a password, such as those of credential helpers, are ignored.
 *
 * @param config the bytes of a `.dockerconfigjson`, `.dockercfg` or `config.json`
 * @throws {Failure} configuration: the bytes are not a Docker configuration
 */
export function loginsFor(config: Uint8Array, { registry, path }: ImageAddress): Login[] {
  const entries = entriesOf(config)
    .map(([name, entry]) => ({ ...placeOf(name), login: loginOf(entry) }))
    .sort((a, b) => (`${a.host}${a.path}` < `${b.host}${b.path}` ? 1 : -1));
  const fitting = (host: string) =>
    entries.filter((entry) => isLike(entry.host, host) && `/${path}`.startsWith(entry.path));
  const found = fitting(registry);
  const all = found.length === 0 && registry === "docker.io" ? fitting("index.docker.io") : found;
  return all.flatMap(({ login }) => login ?? []);
}

/** Returns whether bytes are a Docker configuration. */
export function isDockerConfig(config: Uint8Array): boolean {
  return authsIn(config) !== undefined;
}

function entriesOf(config: Uint8Array): [string, unknown][] {
  const auths = authsIn(config);
  if (auths !== undefined) return Object.entries(auths).filter(([, entry]) => isObject(entry));
  // No cause: the parser's message would quote the file.
  throw new Failure({
    kind: "configuration",
    task: "use a Docker configuration",
    problem: "it is not a JSON object with the field `auths`",
    remedy: "Create it again with docker login or kubectl create secret docker-registry.",
  });
}

/** Returns the entries by name. The old format has no `auths` field around the entries. */
function authsIn(config: Uint8Array): Record<string, unknown> | undefined {
  const value = parsed(new TextDecoder().decode(config));
  if (!isObject(value)) return undefined;
  const auths = "auths" in value ? value.auths ?? {} : value;
  return isObject(auths) ? auths : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the host and the path prefix of an entry. */
function placeOf(name: string): { readonly host: string; readonly path: string } {
  const [, host = "", rest = ""] = /^(?:https?:\/\/)?([^/]*)(.*)$/s.exec(name) ?? [];
  const path = rest.replace(/^\/v[12](?=\/)/, "");
  return { host, path: path === "/" ? "" : path };
}

function isLike(pattern: string, host: string): boolean {
  const [want = "", port = ""] = pattern.split(":");
  const [have = "", ...rest] = host.split(":");
  const parts = want.split(".");
  const hostParts = have.split(".");
  return port === rest.join(":") && parts.length === hostParts.length &&
    parts.every((part, i) => matches(part, hostParts[i]!));
}

function matches(glob: string, text: string): boolean {
  const pattern = glob.replace(/[^*]+/g, (plain) => RegExp.escape(plain)).replace(/\*+/g, ".*");
  return new RegExp(`^${pattern}$`).test(text);
}

function loginOf(entry: unknown): Login | undefined {
  const { auth, username, password } = entry as Record<string, unknown>;
  if (typeof auth === "string" && auth !== "") {
    const text = decoded(auth) ?? "";
    const colon = text.indexOf(":");
    return colon < 0
      ? undefined
      : { user: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
  }
  const isOne = typeof username === "string" && typeof password === "string" && username !== "";
  return isOne ? { user: username, password } : undefined;
}

function decoded(base64: string): string | undefined {
  try {
    return new TextDecoder().decode(
      Uint8Array.from(atob(base64.trim()), (character) => character.charCodeAt(0)),
    );
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
