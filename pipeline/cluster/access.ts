import { type Entry, type Fields, isFields, type Kubeconfig, wrong } from "./kubeconfig.ts";

/** How to reach an API server, and as whom. Names of fields are those of a kubeconfig. */
export interface Access {
  /** The context's name. */
  readonly context: string;
  /** The user's name in the kubeconfig. */
  readonly userName: string;
  /** The kubeconfig that says so, for people. */
  readonly file: string;
  /** The context's namespace, else `default`. */
  readonly namespace: string;
  /** The server's address, without a slash at its end. */
  readonly server: string;
  /** How its certificate is checked, and the way to it. */
  readonly cluster: ClusterFields;
  /** How to log in there. */
  readonly user: UserFields;
  /** A command with which the operator can see whether the login works; none in a pod. */
  readonly whoami: string | undefined;
}

/** What a kubeconfig says of a cluster, beside its server. Paths are absolute. */
export interface ClusterFields {
  /** A file of PEM certificates. */
  readonly "certificate-authority"?: string | undefined;
  /** PEM certificates in base64. */
  readonly "certificate-authority-data"?: string | undefined;
  /** The name that the server's certificate has instead of its address. */
  readonly "tls-server-name"?: string | undefined;
  /** A proxy on the way. */
  readonly "proxy-url"?: string | undefined;
  /** Whether nobody looks at the server's certificate. */
  readonly "insecure-skip-tls-verify"?: boolean | undefined;
}

/** What a kubeconfig says of a user. Paths are absolute. */
export interface UserFields {
  /** A file of PEM certificates. */
  readonly "client-certificate"?: string | undefined;
  /** PEM certificates in base64. */
  readonly "client-certificate-data"?: string | undefined;
  /** A file with the certificate's key. */
  readonly "client-key"?: string | undefined;
  /** The certificate's key in base64. */
  readonly "client-key-data"?: string | undefined;
  /** A bearer token. */
  readonly token?: string | undefined;
  /** A file with a bearer token. It counts more than `token`. */
  readonly tokenFile?: string | undefined;
  /** For basic authentication. */
  readonly username?: string | undefined;
  /** For basic authentication. */
  readonly password?: string | undefined;
  /** Whom the user acts as. */
  readonly as?: string | undefined;
  /** The uid of whom the user acts as. */
  readonly "as-uid"?: string | undefined;
  /** The groups of whom the user acts as. */
  readonly "as-groups"?: readonly string[] | undefined;
  /** A program that logs in. */
  readonly exec?: ExecFields | undefined;
  /** A way to log in that is older than such programs. */
  readonly "auth-provider"?: Fields | undefined;
}

/** How a program that logs in is run. */
export interface ExecFields {
  /** The program: a name to look up, or an absolute path. */
  readonly command: string;
  /** Its arguments. They may hold secrets. */
  readonly args: readonly string[];
  /** What its environment has beside ours. It may hold secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Which version of credentials it is asked for. */
  readonly apiVersion: string;
  /** How to get the program, in the words of whoever wrote the kubeconfig. */
  readonly installHint?: string | undefined;
  /** Whether it cannot do without somebody at a terminal. */
  readonly interactive: boolean;
  /** Whether it wants to know the cluster. */
  readonly provideClusterInfo: boolean;
}

/**
 * What a kubeconfig says of one context.
 *
 * @param chosen the context's name; else the current one counts
 * @throws {Failure} configuration: there is no such context, or something is missing or wrong in it
 */
export function accessOf(config: Kubeconfig, chosen?: string): Access {
  const file = config.files.join(":");
  const name = chosen ?? config.current;
  if (name === undefined) {
    throw wrong(file, "it has no current context", choose(config));
  }
  const context = named(config.contexts, name);
  if (context === undefined) {
    throw wrong(file, `it has no context ${JSON.stringify(name)}`, choose(config));
  }
  const at = reader(context, "context");
  const cluster = referenced(config.clusters, context, "cluster");
  const user = at.text("user") === undefined ? NOBODY : referenced(config.users, context, "user");
  return {
    context: name,
    userName: user.name,
    file: context.file,
    namespace: at.text("namespace") ?? "default",
    server: serverOf(cluster),
    cluster: clusterFields(cluster),
    user: userFields(user),
    whoami: `kubectl --context ${inShell(name)} auth whoami`,
  };
}

/** An argument as a shell takes it. */
export function inShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

const NOBODY: Entry = { name: "", file: "", fields: {} };

function named(entries: readonly Entry[], name: string): Entry | undefined {
  return entries.find((entry) => entry.name === name);
}

function choose({ contexts }: Kubeconfig): string {
  if (contexts.length === 0) return "Give another one with --kubeconfig or KUBECONFIG.";
  const names = contexts.map(({ name }) => name).slice(0, 10).join(", ");
  return `Choose one with --context: ${names}.`;
}

function referenced(entries: readonly Entry[], context: Entry, key: "cluster" | "user"): Entry {
  const name = reader(context, "context").text(key);
  const place = `the context ${JSON.stringify(context.name)}`;
  if (name === undefined) throw wrong(context.file, `${place} names no ${key}`);
  const entry = named(entries, name);
  if (entry !== undefined) return entry;
  throw wrong(
    context.file,
    `${place} names the ${key} ${JSON.stringify(name)}, which is not there`,
  );
}

function serverOf(cluster: Entry): string {
  const place = `the cluster ${JSON.stringify(cluster.name)}`;
  const text = reader(cluster, "cluster").text("server");
  if (text === undefined) throw wrong(cluster.file, `${place} has no server`);
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  const isAddress = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.password === "" && url.search === "" && url.hash === "";
  if (isAddress) return url.href.replace(/\/+$/, "");
  throw wrong(
    cluster.file,
    `the server of ${place} is no address`,
    "Write it as in https://10.0.0.1:6443, without a user or a query.",
  );
}

function clusterFields(cluster: Entry): ClusterFields {
  const at = reader(cluster, "cluster");
  return {
    "certificate-authority": at.text("certificate-authority"),
    "certificate-authority-data": at.text("certificate-authority-data"),
    "tls-server-name": at.text("tls-server-name"),
    "proxy-url": at.text("proxy-url"),
    "insecure-skip-tls-verify": at.flag("insecure-skip-tls-verify"),
  };
}

function userFields(user: Entry): UserFields {
  const at = reader(user, "user");
  const exec = at.mapping("exec");
  return {
    "client-certificate": at.text("client-certificate"),
    "client-certificate-data": at.text("client-certificate-data"),
    "client-key": at.text("client-key"),
    "client-key-data": at.text("client-key-data"),
    token: at.text("token"),
    tokenFile: at.text("tokenFile"),
    username: at.text("username"),
    password: at.text("password"),
    as: at.text("as"),
    "as-uid": at.text("as-uid"),
    "as-groups": at.texts("as-groups"),
    exec: exec === undefined ? undefined : execFields({ ...user, fields: exec }),
    "auth-provider": at.mapping("auth-provider"),
  };
}

function execFields(exec: Entry): ExecFields {
  const at = reader(exec, "exec of the user");
  const command = at.text("command");
  if (command === undefined) {
    throw wrong(exec.file, `the exec of the user ${JSON.stringify(exec.name)} has no command`);
  }
  const env = at.list("env").map((item, i) => {
    const { name, value } = isFields(item) ? item : {};
    if (typeof name === "string" && typeof value === "string") return [name, value] as const;
    throw at.wrong(`env[${i}]`, "a name and a value");
  });
  return {
    command,
    args: at.texts("args") ?? [],
    env: Object.fromEntries(env),
    apiVersion: at.text("apiVersion") ?? "client.authentication.k8s.io/v1",
    installHint: at.text("installHint"),
    interactive: at.text("interactiveMode") === "Always",
    provideClusterInfo: at.flag("provideClusterInfo") ?? false,
  };
}

/** Reads the fields of an entry. What is empty there is as if it were not there, as for kubectl. */
function reader({ name, file, fields }: Entry, what: string) {
  const mistaken = (key: string, expected: string) =>
    wrong(file, `${key} of the ${what} ${JSON.stringify(name)} is not ${expected}`);
  const get = <T>(key: string, expected: string, is: (value: unknown) => value is T) => {
    const value = fields[key] ?? undefined;
    if (value === undefined || is(value)) return value;
    throw mistaken(key, expected);
  };
  const isList = (value: unknown): value is unknown[] => Array.isArray(value);
  const isText = (value: unknown) => typeof value === "string";
  const isTexts = (value: unknown): value is string[] => isList(value) && value.every(isText);
  return {
    text: (key: string) => get(key, "a text", isText) || undefined,
    texts: (key: string) => get(key, "a list of texts", isTexts),
    list: (key: string) => get(key, "a list", isList) ?? [],
    flag: (key: string) => get(key, "true or false", (value) => typeof value === "boolean"),
    mapping: (key: string) => get(key, "a mapping", isFields),
    wrong: mistaken,
  };
}
