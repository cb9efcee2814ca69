import pg from "pg";
import { type DatabaseConfig, databaseName } from "../config.ts";
import { Failure, interruption } from "../errors.ts";
import { idleFailure, isAnswer, type PostgresError, postgresFailure } from "./postgres_errors.ts";
import { type CopySource, createCopy } from "./copy_out.ts";
import { type CopyBlock, type CopyTap, type Socket, tapSocket } from "./copy_tap.ts";
import { type Patience, waitFor } from "./idle_timeout.ts";
import {
  cleartextRefused,
  type Encryption,
  encryptions,
  handshakeFailed,
  mayShowPassword,
  noTls,
} from "./tls.ts";
import { firstWords, withRequest } from "../server_requests.ts";

/** A row of a query's result. Every value is the text of Postgres. */
export type TextRow = Readonly<Record<string, string | null>>;

/** The options of a connection. */
export interface ConnectOptions {
  /** Closes the connection on abort; pending operations then fail. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that the server may send nothing while a response is pending. The default is 300,000. */
  readonly silence?: number | undefined;
  /** Milliseconds to wait for a lock. The default is 30,000. */
  readonly lockTimeout?: number | undefined;
  /** Receives a message that says what the connection is waiting for. */
  readonly onWait?: ((text: string) => void) | undefined;
}

/**
 * A session that sends any statement unchanged; a {@linkcode Connection} only reads. Errors are
 * thrown as a {@linkcode Failure}.
 */
export interface Client {
  /** The name in messages: `robson@paradedb.robson.svc.cluster.local:5432/rbsdb`. */
  readonly name: string;
  /** The server's major version. */
  readonly version: number;
  /** Sends statements in one message, and returns the rows of each. */
  send(statements: string): Promise<TextRow[][]>;
  /**
   * Sends statements in one message and streams the messages of the COPY TO STDOUT among them. A
   * block is valid until the next one is requested.
   */
  copy(statements: string): AsyncGenerator<CopyBlock>;
  /** Ends the session. Aborts a running copy immediately. */
  end(): Promise<void>;
}

/** The part of the library's client that is used here. The library has no types. */
interface PgClient {
  connect(): Promise<void>;
  query(sql: string): Promise<PgResult | PgResult[]>;
  query(source: CopySource): CopySource;
  end(): Promise<void>;
  on(event: "error" | "notice", listener: (message: PostgresError) => void): void;
  readonly connection: Wire;
}

interface PgResult {
  readonly rows: TextRow[];
}

/**
 * The part of the inner connection that is used here. Its stream changes when the connection is
 * encrypted.
 */
interface Wire {
  readonly stream: Socket & {
    readonly bytesRead: number;
    destroy(error?: Error): void;
    once(event: "secureConnect", listener: () => void): void;
  };
  on(event: "parameterStatus", listener: (parameter: Parameter) => void): void;
  on(event: "connect" | "sslconnect", listener: () => void): void;
  prependListener(event: "authenticationCleartextPassword", listener: () => void): void;
}

/** A setting that the server reports on its own initiative. */
interface Parameter {
  readonly parameterName: string;
  readonly parameterValue: string;
}

const asText = { getTypeParser: () => (text: string) => text };

const CONNECT_WITHIN_MS = 10_000;
const END_WITHIN_MS = 5_000;
const SILENCE_MS = 300_000;
const KEEPALIVE_AFTER_MS = 30_000;

/** The library's message if the server does not support TLS. */
const NO_TLS = "The server does not support SSL connections";

/**
 * Logs in, with TLS as configured.
 *
 * @throws {Failure} configuration: the server refuses the login or the encryption; unreachable: there
 *   is no server
 */
export async function logIn(config: DatabaseConfig, options: ConnectOptions = {}): Promise<Client> {
  const [encryption, otherwise] = encryptions(config);
  const client = await open(config, encryption, options);
  if ("name" in client) return client;
  if (otherwise === undefined) throw client.without;
  const second = await open(config, otherwise, options);
  if ("name" in second) return second;
  throw second.without;
}

/** A login that failed, perhaps because of the encryption. */
interface WithoutTls {
  readonly without: Failure;
}

async function open(
  config: DatabaseConfig,
  encryption: Encryption,
  options: ConnectOptions,
): Promise<Client | WithoutTls> {
  const { host, port, name: database, user, password } = config;
  const { signal, silence = SILENCE_MS, onWait } = options;
  const name = databaseName(config);
  const connecting = `connect to Postgres as ${name}`;
  const reading = `read from ${name}`;
  const client: PgClient = new pg.Client({
    host,
    port,
    database,
    user,
    password,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    ssl: encryption,
    types: asText,
  });
  const wire = client.connection;

  // Errors between statements and notices before a disconnect, such as a crash of another server
  // process, are the only information about why a session ended.
  let serverError: PostgresError | undefined;
  client.on("error", (error) => serverError ??= error);
  client.on("notice", (notice) => {
    if (notice.code?.startsWith("57")) serverError ??= notice;
  });
  let version = 0;
  wire.on("parameterStatus", ({ parameterName, parameterValue }) => {
    if (parameterName === "server_version") version = parseInt(parameterValue);
  });
  // The driver begins to read the stream just before these events.
  let tap: CopyTap;
  wire.on(encryption ? "sslconnect" : "connect", () => tap = tapSocket(wire.stream));
  let shakingHands = false;
  wire.on("sslconnect", () => {
    shakingHands = true;
    wire.stream.once("secureConnect", () => shakingHands = false);
  });
  if (!mayShowPassword(config, encryption)) {
    const refuse = () => wire.stream.destroy(cleartextRefused(connecting, config));
    wire.prependListener("authenticationCleartextPassword", refuse);
  }

  const failure = (error: PostgresError, task: string): Failure => {
    if (error instanceof Failure) return error;
    if (serverError instanceof Failure) return serverError;
    if (signal?.aborted) return interruption(task, signal);
    const reported = isAnswer(error) ? error : serverError ?? error;
    return postgresFailure(reported, { task, config, encryption });
  };
  const patience: Patience = {
    received: () => wire.stream.bytesRead,
    silence,
    giveUp: () => wire.stream.destroy(idleFailure(reading, silence)),
    tell: () => onWait?.(WAITING),
  };

  let copying = false;
  const end = async () => {
    signal?.removeEventListener("abort", abort);
    if (copying) return wire.stream.destroy();
    const late = setTimeout(abort, END_WITHIN_MS);
    await client.end().catch(() => {});
    clearTimeout(late);
  };
  const abort = () => wire.stream.destroy();
  signal?.addEventListener("abort", abort);
  try {
    signal?.throwIfAborted();
    await withRequest("postgres", `log in as ${name}`, () => client.connect());
  } catch (error) {
    await end();
    const { code, message } = error as PostgresError;
    if (signal?.aborted) throw failure(error as PostgresError, connecting);
    if (message === NO_TLS) return { without: noTls(connecting, config) };
    if (shakingHands) return { without: handshakeFailed(connecting, config, error as Error) };
    if (encryption && code === "28000") return { without: failure(error as Error, connecting) };
    throw failure(error as PostgresError, connecting);
  }
  return {
    name,
    version,
    async send(statements) {
      try {
        const results = await withRequest(
          "postgres",
          firstWords(statements),
          () => waitFor(client.query(statements), patience),
        );
        return [results].flat().map(({ rows }) => rows);
      } catch (error) {
        throw failure(error as PostgresError, reading);
      }
    },
    async *copy(statements) {
      copying = true;
      try {
        const blocks = client.query(createCopy(statements, tap)).blocks()[Symbol.asyncIterator]();
        // The idle timeout runs only while this loop waits for a block.
        const next = () => waitFor(blocks.next(), patience);
        for (let isFirst = true;; isFirst = false) {
          const { done, value } =
            await (isFirst ? withRequest("postgres", firstWords(statements), next) : next());
          if (done) break;
          yield value;
        }
        copying = false;
      } catch (error) {
        copying = false;
        throw failure(error as PostgresError, reading);
      }
    },
    end,
  };
}

const WAITING =
  "Postgres has not responded yet: it is busy, or waits for a lock, such as the lock of a " +
  "migration";
