import { dirname, isAbsolute, join } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { Failure } from "../errors.ts";

/** A mapping of a kubeconfig. */
export type Fields = Readonly<Record<string, unknown>>;

/** A cluster, a user or a context. */
export interface Entry {
  /** What others call it by. */
  readonly name: string;
  /** The file that it stands in. */
  readonly file: string;
  /** What it says; paths are absolute. */
  readonly fields: Fields;
}

/** What one kubeconfig says, or several of them merged. */
export interface Kubeconfig {
  /** Its files, for people. */
  readonly files: readonly string[];
  /** The context that counts where nobody chooses another one. */
  readonly current: string | undefined;
  /** Which cluster is used as which user. */
  readonly contexts: readonly Entry[];
  /** Where API servers are. */
  readonly clusters: readonly Entry[];
  /** How to log in. */
  readonly users: readonly Entry[];
}

/** Fields of clusters and users that name a file, relative to their kubeconfig. */
const PATHS = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/**
 * Reads one kubeconfig. An empty one is one that says nothing.
 *
 * @param file its path
 * @throws {Failure} configuration: it is no YAML, or none of a kubeconfig. No value is quoted, for any
 *   of them may be a secret that stands in the wrong place
 */
export function parseKubeconfig(text: string, file: string): Kubeconfig {
  const root = rootOf(text, file) ?? {};
  if (!isFields(root)) throw wrong(file, "it is no mapping of clusters, contexts and users");
  const current = root["current-context"] ?? undefined;
  if (current !== undefined && typeof current !== "string") {
    throw wrong(file, "its current-context is no text");
  }
  return {
    files: [file],
    current: current || undefined,
    contexts: entries(root, "contexts", "context", file),
    clusters: entries(root, "clusters", "cluster", file),
    users: entries(root, "users", "user", file),
  };
}

/** Merges kubeconfigs as kubectl does: whoever says something first, says it. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  return {
    files: configs.flatMap(({ files }) => files),
    current: configs.find(({ current }) => current !== undefined)?.current,
    contexts: firstOfEach(configs.flatMap(({ contexts }) => contexts)),
    clusters: firstOfEach(configs.flatMap(({ clusters }) => clusters)),
    users: firstOfEach(configs.flatMap(({ users }) => users)),
  };
}

/** A failure of a kubeconfig, for an operator to read. */
export function wrong(file: string, problem: string, remedy?: string): Failure {
  const next = remedy ?? "Compare it with what kubectl config view shows, and mend it.";
  return new Failure({
    kind: "configuration",
    task: `use the kubeconfig ${file}`,
    problem,
    remedy: next,
  });
}

/** Whether a value is a mapping. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function rootOf(text: string, file: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    throw wrong(file, `line ${lines.linePos(error.pos[0]).line} is no valid YAML (${error.code})`);
  }
  try {
    return document.toJS();
  } catch {
    throw wrong(file, "it is no valid YAML, for an alias in it leads nowhere");
  }
}

function entries(root: Fields, list: string, key: string, file: string): Entry[] {
  const found = root[list] ?? [];
  if (!Array.isArray(found)) throw wrong(file, `its ${list} are no list`);
  const names = new Set<string>();
  return found.map((item: unknown, i) => {
    const name = isFields(item) ? item.name : undefined;
    if (!isFields(item) || typeof name !== "string" || name === "") {
      throw wrong(file, `${list}[${i}] has no name`);
    }
    if (names.has(name)) {
      throw wrong(file, `its ${list} have the name ${JSON.stringify(name)} twice`);
    }
    names.add(name);
    const fields = item[key] ?? {};
    if (!isFields(fields)) throw wrong(file, `the ${key} ${JSON.stringify(name)} is no mapping`);
    return { name, file, fields: withAbsolutePaths(fields, dirname(file)) };
  });
}

function withAbsolutePaths(fields: Fields, folder: string): Fields {
  const absolute = (path: unknown) =>
    typeof path === "string" && path !== "" && !isAbsolute(path) ? join(folder, path) : path;
  const paths = PATHS.filter((name) => name in fields).map((
    name,
  ) => [name, absolute(fields[name])]);
  const { exec } = fields;
  // A command without a slash is looked up in PATH.
  const isPath = isFields(exec) && typeof exec.command === "string" && exec.command.includes("/");
  return {
    ...fields,
    ...Object.fromEntries(paths),
    ...(isPath ? { exec: { ...exec, command: absolute(exec.command) } } : {}),
  };
}

function firstOfEach(entries: readonly Entry[]): Entry[] {
  const first = new Map<string, Entry>();
  for (const entry of entries) if (!first.has(entry.name)) first.set(entry.name, entry);
  return [...first.values()];
}
