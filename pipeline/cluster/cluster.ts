import { Failure, type FailureParts } from "../errors.ts";

/** A mapping from JSON or YAML with unchecked values. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Returns whether a value is a mapping.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isFields } from "./cluster.ts";
 * assertEquals([isFields({ a: 1 }), isFields([1]), isFields(null)], [true, false, false]);
 * ```
 */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A Kubernetes object as returned by the API server. */
export interface KubeObject {
  /** For example `networking.k8s.io/v1`. */
  readonly apiVersion: string;
  /** For example `NetworkPolicy`. */
  readonly kind: string;
  /** Name, namespace, labels, and the fields that the server adds. */
  readonly metadata: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly namespace?: string;
  };
  /** The other fields of the kind, such as `spec`. */
  readonly [field: string]: unknown;
}

/** An API version and a kind. */
export interface Kind {
  /** For example `networking.k8s.io/v1`. */
  readonly apiVersion: string;
  /** For example `NetworkPolicy`. */
  readonly kind: string;
}

/** Options of every request. */
export interface RequestOptions {
  /** Cancels the request when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** Options for applying an object. */
export interface ApplyOptions extends RequestOptions {
  /** True if the server only returns the result, without storing the object. */
  readonly dryRun: boolean;
  /** True to take over fields that another field manager owns. */
  readonly force?: boolean;
  /** The field manager. Apply removes only fields that the same manager has applied before. */
  readonly manager?: string;
}

/** Options for deleting an object. */
export interface RemoveOptions extends RequestOptions {
  /** The version that the object must have for the deletion. */
  readonly resourceVersion?: string | undefined;
}

/** How to watch the objects of a kind. */
export interface Watching {
  /** Ends the watch when it aborts. */
  readonly signal: AbortSignal;
  /** Receives all objects by UID, first as they are, and then after each change. */
  readonly onChange: (objects: ReadonlyMap<string, KubeObject>) => void;
  /**
   * Receives each failure after which the watch begins again, for example while the server
   * restarts. The next call of `onChange` means that the watch works again.
   */
  readonly onTrouble: (failure: Failure) => void;
}

/** A local port that is forwarded to a port of a pod until the port is closed. */
export interface PortForward {
  /** The port on 127.0.0.1. */
  readonly port: number;
  /**
   * Returns the last failure of a connection. The local side only sees that the connection was
   * closed.
   */
  problem(): Failure | undefined;
  /** Closes the port and every connection through it. */
  close(): Promise<void>;
}

/**
 * An API server with the permissions of the kubeconfig's user. Each method throws an {@linkcode
 * ApiError} if the server refuses the request, and a Failure (unreachable) if the server does not
 * answer.
 */
export interface Cluster {
  /** The kubeconfig's context, or `in-cluster`. */
  readonly context: string;
  /** The API server's address. */
  readonly server: string;
  /**
   * The namespace of objects that do not set one: `--namespace`, the context's namespace, or
   * `default`.
   */
  readonly namespace: string;
  /** Returns the server's version, for example `v1.34.2`. */
  version(options?: RequestOptions): Promise<string>;
  /** Returns the server's API groups, each with its API versions, the preferred one first. */
  apiGroups(options?: RequestOptions): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Returns whether a kind is namespaced, or undefined if the server does not know the kind. */
  isNamespaced(kind: Kind, options?: RequestOptions): Promise<boolean | undefined>;
  /** Lists all objects of a kind, in one namespace or (undefined) in all namespaces. */
  list(kind: Kind, namespace: string | undefined, options?: RequestOptions): Promise<KubeObject[]>;
  /** Reads an object. Returns undefined if the object does not exist. */
  get(
    kind: Kind,
    name: string,
    namespace: string | undefined,
    options?: RequestOptions,
  ): Promise<KubeObject | undefined>;
  /** Creates an object, such as an access review, and returns the server's answer. */
  create(object: object, options?: RequestOptions): Promise<KubeObject>;
  /** Applies an object server-side, and returns the result (or the result of the dry run). */
  apply(object: object, options: ApplyOptions): Promise<KubeObject>;
  /** Deletes an object. An object that does not exist is not an error. */
  remove(
    kind: Kind,
    name: string,
    namespace: string | undefined,
    options?: RemoveOptions,
  ): Promise<void>;
  /**
   * Watches all objects of a kind in a namespace until the signal aborts. Survives dropped
   * connections, an expired version, and restarts of the server. Throws if the server refuses the
   * first list.
   */
  watch(kind: Kind, namespace: string, watching: Watching): Promise<void>;
  /**
   * Yields the lines of a container's log, from the first line to the end of the container. The
   * sequence also ends without an error if the connection drops.
   */
  log(
    namespace: string,
    pod: string,
    container: string,
    options?: RequestOptions,
  ): AsyncIterable<string>;
  /** Forwards a free port of 127.0.0.1 to a port of a pod. */
  forward(
    namespace: string,
    pod: string,
    port: number,
    options?: RequestOptions,
  ): Promise<PortForward>;
  /** Closes all connections, and cancels pending requests. */
  close(): void;
}

/** One reason for a refused request. */
export interface Cause {
  /** The field, for example `.spec.replicas`, or an empty string. */
  readonly field: string;
  /** The server's message about the field. */
  readonly message: string;
}

/** A request that the API server refused. */
export class ApiError extends Failure {
  /** The HTTP status, for example 403. */
  readonly status: number;
  /** The server's reason, for example `Forbidden`, or an empty string. */
  readonly reason: string;
  /** The server's message. It can quote fields of the object, but no values of a Secret. */
  readonly serverMessage: string;
  /** The reasons in detail. They quote no values of a Secret. */
  readonly causes: readonly Cause[];

  /** Creates a failure with the fields of the server's response. */
  constructor(
    parts: FailureParts,
    refused: {
      readonly status: number;
      readonly reason: string;
      readonly serverMessage: string;
      readonly causes?: readonly Cause[];
    },
  ) {
    super(parts);
    this.status = refused.status;
    this.reason = refused.reason;
    this.serverMessage = refused.serverMessage;
    this.causes = refused.causes ?? [];
  }
}
