import { dirname, isAbsolute, join } from "node:path";
// See checks/kubernetes/yaml.ts for the choice of the module.
// @ts-types="yaml"
import { LineCounter, parseDocument } from "yaml/esm";
import { Failure } from "../errors.ts";
import { shellQuote } from "../shell.ts";
import { type Fields, isFields } from "./cluster.ts";

// Parses and merges kubeconfigs as kubectl does, and reads one context of them. Messages never
// quote values, because any value can be a misplaced secret. docs/decisions/kubernetes-client.md
// explains why @kubernetes/client-node is not used for this.

/** A cluster, a user or a context. */
export interface Entry {
  /** The name that other entries refer to. */
  readonly name: string;
  /** The path of the kubeconfig with this entry. */
  readonly file: string;
  /** The entry's fields. Paths are absolute. */
  readonly fields: Fields;
}

/** One kubeconfig, or several merged ones. */
export interface Kubeconfig {
  /** The paths of the files, for messages. */
  readonly files: readonly string[];
  /** The `current-context`. */
  readonly current: string | undefined;
  /** The contexts. Each refers to a cluster and a user. */
  readonly contexts: readonly Entry[];
  /** The addresses of API servers. */
  readonly clusters: readonly Entry[];
  /** The credentials. */
  readonly users: readonly Entry[];
}

/** An API server, and the credentials for it. Field names are those of a kubeconfig. */
export interface Access {
  /** The context's name. */
  readonly context: string;
  /** The user's name in the kubeconfig. */
  readonly userName: string;
  /** The path of the kubeconfig, for messages. */
  readonly file: string;
  /** The context's namespace, or `default`. */
  readonly namespace: string;
  /** The server's address, without a trailing slash. */
  readonly server: string;
  /** The fields of the cluster. */
  readonly cluster: ClusterFields;
  /** The fields of the user. */
  readonly user: UserFields;
  /** A command that shows whether the credentials work. Undefined in a pod. */
  readonly whoami: string | undefined;
}

/** The fields of a cluster, except its server. Paths are absolute. */
export interface ClusterFields {
  /** The path of a file with PEM certificates. */
  readonly "certificate-authority"?: string | undefined;
  /** PEM certificates, encoded in base64. */
  readonly "certificate-authority-data"?: string | undefined;
  /** The name in the server's certificate, if it is not the server's address. */
  readonly "tls-server-name"?: string | undefined;
  /** The address of a proxy. */
  readonly "proxy-url"?: string | undefined;
  /** True if the server's certificate is not verified. */
  readonly "insecure-skip-tls-verify"?: boolean | undefined;
}

/** The fields of a user. Paths are absolute. */
export interface UserFields {
  /** The path of a file with PEM certificates. */
  readonly "client-certificate"?: string | undefined;
  /** PEM certificates, encoded in base64. */
  readonly "client-certificate-data"?: string | undefined;
  /** The path of a file with the certificate's key. */
  readonly "client-key"?: string | undefined;
  /** The certificate's key, encoded in base64. */
  readonly "client-key-data"?: string | undefined;
  /** A bearer token. */
  readonly token?: string | undefined;
  /** The path of a file with a bearer token, which takes precedence over `token`. */
  readonly tokenFile?: string | undefined;
  /** The name for basic authentication. */
  readonly username?: string | undefined;
  /** The password for basic authentication. */
  readonly password?: string | undefined;
  /** The name of the user to impersonate. */
  readonly as?: string | undefined;
  /** The UID of the user to impersonate. */
  readonly "as-uid"?: string | undefined;
  /** The groups of the user to impersonate. */
  readonly "as-groups"?: readonly string[] | undefined;
  /** A program that prints credentials. */
  readonly exec?: ExecFields | undefined;
  /** An auth provider. Newer kubeconfigs use `exec` instead. */
  readonly "auth-provider"?: Fields | undefined;
}

/** An exec plugin: a program that prints credentials. */
export interface ExecFields {
  /** The program: a name to look up in `PATH`, or an absolute path. */
  readonly command: string;
  /** The arguments. They can hold secrets. */
  readonly args: readonly string[];
  /** Environment variables in addition to those of this process. They can hold secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** The version of `ExecCredential` that the program has to print. */
  readonly apiVersion: string;
  /** Installation instructions from the kubeconfig. */
  readonly installHint?: string | undefined;
  /** True if the program needs a terminal to ask questions. */
  readonly interactive: boolean;
  /** True if the program receives the cluster's address and CA. */
  readonly provideClusterInfo: boolean;
}

/** The fields of clusters and users that hold a path, relative to the kubeconfig. */
const PATH_FIELDS = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/**
 * Parses one kubeconfig. An empty file is a kubeconfig without entries.
 *
 * @param file the path of the kubeconfig, for messages
 * @throws {Failure} configuration: the text is not YAML, or not a kubeconfig
 */
export function parseKubeconfig(text: string, file: string): Kubeconfig {
  const root = parseYaml(text, file) ?? {};
  if (!isFields(root)) {
    throw invalidKubeconfig(file, "it is not a mapping of clusters, contexts and users");
  }
  const current = root["current-context"] ?? undefined;
  if (current !== undefined && typeof current !== "string") {
    throw invalidKubeconfig(file, "its current-context is not a string");
  }
  return {
    files: [file],
    current: current || undefined,
    contexts: entriesOf(root, "contexts", "context", file),
    clusters: entriesOf(root, "clusters", "cluster", file),
    users: entriesOf(root, "users", "user", file),
  };
}

/** Merges kubeconfigs as kubectl does: the first file that defines a name wins. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  return {
    files: configs.flatMap(({ files }) => files),
    current: configs.find(({ current }) => current !== undefined)?.current,
    contexts: firstOfEachName(configs.flatMap(({ contexts }) => contexts)),
    clusters: firstOfEachName(configs.flatMap(({ clusters }) => clusters)),
    users: firstOfEachName(configs.flatMap(({ users }) => users)),
  };
}

/**
 * Reads one context of a kubeconfig, with its cluster and its user.
 *
 * @param chosen the context's name; undefined for the current context
 * @throws {Failure} configuration: the context does not exist, or is incomplete or invalid
 */
export function accessOf(config: Kubeconfig, chosen?: string): Access {
  const file = config.files.join(":");
  const name = chosen ?? config.current;
  if (name === undefined) {
    throw invalidKubeconfig(file, "it has no current context", chooseContext(config));
  }
  const context = entryNamed(config.contexts, name);
  if (context === undefined) {
    throw invalidKubeconfig(file, `it has no context ${quote(name)}`, chooseContext(config));
  }
  const at = fieldReader(context, "context");
  const cluster = referencedEntry(config.clusters, context, "cluster");
  const user = at.string("user") === undefined
    ? ANONYMOUS
    : referencedEntry(config.users, context, "user");
  return {
    context: name,
    userName: user.name,
    file: context.file,
    namespace: at.string("namespace") ?? "default",
    server: serverOf(cluster),
    cluster: clusterFields(cluster),
    user: userFields(user),
    whoami: `kubectl --context ${shellQuote(name)} auth whoami`,
  };
}

/** Returns a failure for an invalid kubeconfig. */
export function invalidKubeconfig(file: string, problem: string, remedy?: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use the kubeconfig ${file}`,
    problem,
    remedy: remedy ?? "Check the file with kubectl config view, and correct it.",
  });
}

/** Formats a time for messages, for example `2026-01-02T03:04:05Z`. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(".000", "");
}

const ANONYMOUS: Entry = { name: "", file: "", fields: {} };

const quote = (name: string) => JSON.stringify(name);

function parseYaml(text: string, file: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw invalidKubeconfig(file, `line ${line} is not valid YAML (${error.code})`);
  }
  try {
    return document.toJS();
  } catch {
    throw invalidKubeconfig(file, "it is not valid YAML: an alias refers to a missing anchor");
  }
}

function entriesOf(root: Fields, list: string, key: string, file: string): Entry[] {
  const items = root[list] ?? [];
  if (!Array.isArray(items)) throw invalidKubeconfig(file, `its ${list} are not a list`);
  const names = new Set<string>();
  return items.map((item: unknown, i) => {
    const name = isFields(item) ? item.name : undefined;
    if (!isFields(item) || typeof name !== "string" || name === "") {
      throw invalidKubeconfig(file, `${list}[${i}] has no name`);
    }
    if (names.has(name)) {
      throw invalidKubeconfig(file, `its ${list} have two entries with the name ${quote(name)}`);
    }
    names.add(name);
    const fields = item[key] ?? {};
    if (!isFields(fields)) {
      throw invalidKubeconfig(file, `the ${key} ${quote(name)} is not a mapping`);
    }
    return { name, file, fields: withAbsolutePaths(fields, dirname(file)) };
  });
}

function withAbsolutePaths(fields: Fields, folder: string): Fields {
  const absolute = (path: unknown) =>
    typeof path === "string" && path !== "" && !isAbsolute(path) ? join(folder, path) : path;
  const paths = PATH_FIELDS.filter((name) => name in fields)
    .map((name) => [name, absolute(fields[name])]);
  const { exec } = fields;
  // A command without a slash is looked up in PATH.
  const isPath = isFields(exec) && typeof exec.command === "string" && exec.command.includes("/");
  return {
    ...fields,
    ...Object.fromEntries(paths),
    ...(isPath ? { exec: { ...exec, command: absolute(exec.command) } } : {}),
  };
}

function firstOfEachName(entries: readonly Entry[]): Entry[] {
  const first = new Map<string, Entry>();
  for (const entry of entries) if (!first.has(entry.name)) first.set(entry.name, entry);
  return [...first.values()];
}

function entryNamed(entries: readonly Entry[], name: string): Entry | undefined {
  return entries.find((entry) => entry.name === name);
}

function chooseContext({ contexts }: Kubeconfig): string {
  if (contexts.length === 0) return "Use another kubeconfig with --kubeconfig or KUBECONFIG.";
  const names = contexts.map(({ name }) => name).slice(0, 10).join(", ");
  return `Choose one with --context: ${names}.`;
}

function referencedEntry(
  entries: readonly Entry[],
  context: Entry,
  key: "cluster" | "user",
): Entry {
  const name = fieldReader(context, "context").string(key);
  const place = `the context ${quote(context.name)}`;
  if (name === undefined) throw invalidKubeconfig(context.file, `${place} names no ${key}`);
  const entry = entryNamed(entries, name);
  if (entry !== undefined) return entry;
  throw invalidKubeconfig(
    context.file,
    `${place} names the ${key} ${quote(name)}, which does not exist`,
  );
}

function serverOf(cluster: Entry): string {
  const place = `the cluster ${quote(cluster.name)}`;
  const text = fieldReader(cluster, "cluster").string("server");
  if (text === undefined) throw invalidKubeconfig(cluster.file, `${place} has no server`);
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  const isAddress = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.password === "" && url.search === "" && url.hash === "";
  if (isAddress) return url.href.replace(/\/+$/, "");
  throw invalidKubeconfig(
    cluster.file,
    `the server of ${place} is not an address`,
    "Use an address such as https://10.0.0.1:6443, without a user or a query.",
  );
}

function clusterFields(cluster: Entry): ClusterFields {
  const at = fieldReader(cluster, "cluster");
  return {
    "certificate-authority": at.string("certificate-authority"),
    "certificate-authority-data": at.string("certificate-authority-data"),
    "tls-server-name": at.string("tls-server-name"),
    "proxy-url": at.string("proxy-url"),
    "insecure-skip-tls-verify": at.boolean("insecure-skip-tls-verify"),
  };
}

function userFields(user: Entry): UserFields {
  const at = fieldReader(user, "user");
  const exec = at.mapping("exec");
  return {
    "client-certificate": at.string("client-certificate"),
    "client-certificate-data": at.string("client-certificate-data"),
    "client-key": at.string("client-key"),
    "client-key-data": at.string("client-key-data"),
    token: at.string("token"),
    tokenFile: at.string("tokenFile"),
    username: at.string("username"),
    password: at.string("password"),
    as: at.string("as"),
    "as-uid": at.string("as-uid"),
    "as-groups": at.strings("as-groups"),
    exec: exec === undefined ? undefined : execFields({ ...user, fields: exec }),
    "auth-provider": at.mapping("auth-provider"),
  };
}

function execFields(exec: Entry): ExecFields {
  const at = fieldReader(exec, "exec of the user");
  const command = at.string("command");
  if (command === undefined) {
    throw invalidKubeconfig(exec.file, `the exec of the user ${quote(exec.name)} has no command`);
  }
  const env = at.list("env").map((item, i) => {
    const { name, value } = isFields(item) ? item : {};
    if (typeof name === "string" && typeof value === "string") return [name, value] as const;
    throw at.invalid(`env[${i}]`, "a name and a value");
  });
  return {
    command,
    args: at.strings("args") ?? [],
    env: Object.fromEntries(env),
    apiVersion: at.string("apiVersion") ?? "client.authentication.k8s.io/v1",
    installHint: at.string("installHint"),
    interactive: at.string("interactiveMode") === "Always",
    provideClusterInfo: at.boolean("provideClusterInfo") ?? false,
  };
}

/** Reads the fields of an entry. As for kubectl, an empty string is the same as no field. */
function fieldReader({ name, file, fields }: Entry, what: string) {
  const invalid = (key: string, expected: string) =>
    invalidKubeconfig(file, `${key} of the ${what} ${quote(name)} is not ${expected}`);
  const get = <T>(key: string, expected: string, is: (value: unknown) => value is T) => {
    const value = fields[key] ?? undefined;
    if (value === undefined || is(value)) return value;
    throw invalid(key, expected);
  };
  const isList = (value: unknown): value is unknown[] => Array.isArray(value);
  const isString = (value: unknown) => typeof value === "string";
  const isStrings = (value: unknown): value is string[] => isList(value) && value.every(isString);
  return {
    string: (key: string) => get(key, "a string", isString) || undefined,
    strings: (key: string) => get(key, "a list of strings", isStrings),
    list: (key: string) => get(key, "a list", isList) ?? [],
    boolean: (key: string) => get(key, "true or false", (value) => typeof value === "boolean"),
    mapping: (key: string) => get(key, "a mapping", isFields),
    invalid,
  };
}
