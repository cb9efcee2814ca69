import { Failure, type FailureParts } from "../errors.ts";

/** An object of Kubernetes as the API server says it, unread. */
export interface KubeObject {
  /** As in `networking.k8s.io/v1`. */
  readonly apiVersion: string;
  /** As in `NetworkPolicy`. */
  readonly kind: string;
  /** Name, namespace, labels and what the server adds. */
  readonly metadata: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly namespace?: string;
  };
  /** Whatever else its kind has. */
  readonly [field: string]: unknown;
}

/** A kind of objects. */
export interface Kind {
  /** As in `networking.k8s.io/v1`. */
  readonly apiVersion: string;
  /** As in `NetworkPolicy`. */
  readonly kind: string;
}

/** What a request may be told. */
export interface RequestOptions {
  /** Ends the request when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** How an object is applied. */
export interface ApplyOptions extends RequestOptions {
  /** Whether the server only says what would become of it. */
  readonly dryRun: boolean;
  /** Whether fields that another manager owns are taken over. */
  readonly force?: boolean;
}

/** How an object is removed. */
export interface RemoveOptions extends RequestOptions {
  /** The version that it has to have still, so that nothing is removed that has become another. */
  readonly resourceVersion?: string | undefined;
}

/** A connection of this machine to a pod. It ends when it is closed. */
export interface PortForward {
  /** The port on 127.0.0.1 that leads there. */
  readonly port: number;
  /** What went wrong last with a connection, where something did: here it was only cut. */
  problem(): Failure | undefined;
  /** Ends it, and every connection through it. */
  close(): Promise<void>;
}

/**
 * An API server, as its kubeconfig's user sees it. Each method throws an {@linkcode ApiError} for what
 * the server refuses, and a Failure (unreachable) where it does not answer.
 */
export interface Cluster {
  /** The kubeconfig's context, or `in-cluster`. */
  readonly context: string;
  /** The API server's address. */
  readonly server: string;
  /** Where objects are that name no namespace: `--namespace`, else the context's, else `default`. */
  readonly namespace: string;
  /** The server's version, as in `v1.34.2`. */
  version(options?: RequestOptions): Promise<string>;
  /** Whether a kind lives in namespaces; undefined where the server does not know the kind. */
  isNamespaced(kind: Kind, options?: RequestOptions): Promise<boolean | undefined>;
  /** All objects of a kind, in a namespace or in all of them. */
  list(kind: Kind, namespace: string | undefined, options?: RequestOptions): Promise<KubeObject[]>;
  /** One object; undefined where it is not there. */
  get(
    kind: Kind,
    name: string,
    namespace: string | undefined,
    options?: RequestOptions,
  ): Promise<KubeObject | undefined>;
  /** Makes an object, as in an access review, and returns the server's answer. */
  create(object: object, options?: RequestOptions): Promise<KubeObject>;
  /** Applies an object server-side, and returns what it is then, or would be. */
  apply(object: object, options: ApplyOptions): Promise<KubeObject>;
  /** Removes an object; one that is not there is removed already. */
  remove(
    kind: Kind,
    name: string,
    namespace: string | undefined,
    options?: RemoveOptions,
  ): Promise<void>;
  /** Leads a free port of 127.0.0.1 to a port of a pod. */
  forward(
    namespace: string,
    pod: string,
    port: number,
    options?: RequestOptions,
  ): Promise<PortForward>;
  /** Ends all connections. */
  close(): void;
}

/** One thing that a server has against a request. */
export interface Cause {
  /** The field that it is about, as in `.spec.replicas`; empty where it is about none. */
  readonly field: string;
  /** What is wrong with it, in the server's words. */
  readonly message: string;
}

/** What an API server refused. */
export class ApiError extends Failure {
  /** The HTTP status, such as 403. */
  readonly status: number;
  /** The server's word for it, such as `Forbidden`; empty where it has none. */
  readonly reason: string;
  /** The server's own sentence. It can quote fields of the object, but no values of a Secret. */
  readonly says: string;
  /** What it has against the request in detail. What holds for `says` holds for it too. */
  readonly causes: readonly Cause[];

  /** A failure with the server's answer. */
  constructor(
    parts: FailureParts,
    refused: {
      readonly status: number;
      readonly reason: string;
      readonly says: string;
      readonly causes?: readonly Cause[];
    },
  ) {
    super(parts);
    this.status = refused.status;
    this.reason = refused.reason;
    this.says = refused.says;
    this.causes = refused.causes ?? [];
  }
}
