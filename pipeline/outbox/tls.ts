import type { DatabaseConfig } from "../config.ts";
import { Failure, type FailureKind } from "../errors.ts";

/** The encryption of a connection, as options of `node:tls`; false without encryption. */
export type Encryption = false | {
  /** True if a trusted CA must have signed the certificate. */
  readonly rejectUnauthorized: boolean;
  /** The CAs, as PEM, in place of the system's. */
  readonly ca?: string;
  /** Replaces the check that the certificate matches the host. */
  readonly checkServerIdentity?: () => undefined;
};

/**
 * Returns the encryptions to try, in this order. The modes have the same meaning as in libpq. The
 * default mode is `prefer`, and `disable` for a server on this machine.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { databaseConfig } from "../config.ts";
 * import { encryptions } from "./tls.ts";
 * const config = databaseConfig(new Map([["DJANGO_DB_PASSWORD", "x"], ["PGSSLMODE", "verify-full"]]));
 * assertEquals(encryptions(config), [{ rejectUnauthorized: true }]);
 * ```
 */
export function encryptions({ host, tls }: DatabaseConfig): [Encryption, ...Encryption[]] {
  const { mode, ca } = { mode: isLoopback(host) ? "disable" : "prefer", ...tls };
  const trust = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
  const unverified = { rejectUnauthorized: false };
  const anyHost = { ...trust, checkServerIdentity: () => undefined };
  switch (mode) {
    case "verify-full":
      return [trust];
    case "verify-ca":
      return [anyHost];
    case "require":
      return [unverified];
    case "prefer":
      return [unverified, false];
    default:
      return [false];
  }
}

/** Returns whether the password may be sent in clear text if the server asks for it. */
export function mayShowPassword({ host, tls }: DatabaseConfig, encryption: Encryption): boolean {
  return encryption !== false || isLoopback(host) || tls?.mode === "disable" && tls.asked;
}

/** The failure of a server that asks for the password in clear text without TLS. */
export function cleartextRefused(task: string, { host }: DatabaseConfig): Failure {
  return new Failure({
    kind: "configuration",
    task,
    problem: `${host} asks for the password in clear text, and the connection has no TLS, so ` +
      "anyone on the network path could read it",
    remedy: "Set PGSSLMODE=verify-full (and PGSSLROOTCERT), or let the server ask for " +
      "scram-sha-256. On a network that you trust, set PGSSLMODE=disable.",
  });
}

/** Creates the failure for a server without TLS if the configuration requires TLS. */
export function noTls(task: string, { tls }: DatabaseConfig): Failure {
  return new Failure({
    kind: "configuration",
    task,
    problem: `the server has no TLS, and PGSSLMODE=${tls?.mode} requires it`,
    remedy: "Turn on ssl on the server. On a network that you trust, set PGSSLMODE=prefer.",
  });
}

/**
 * Converts an error of the TLS handshake to a failure.
 *
 * @param error from `node:tls`
 */
export function handshakeFailed(
  task: string,
  { host, tls }: DatabaseConfig,
  error: Error & { code?: string },
): Failure {
  const { code = "", message } = error;
  const failure = (kind: FailureKind, problem: string, remedy: string) =>
    new Failure({ kind, task, problem, remedy, cause: error });
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return failure(
      "configuration",
      `the server's certificate is not for ${host} (${message})`,
      "Set DJANGO_DB_HOST to a name in the certificate, or PGSSLMODE=verify-ca to check the " +
        "CA only.",
    );
  }
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) {
    return failure(
      "configuration",
      `the server's certificate is not valid today (${message})`,
      "Renew the certificate, or correct this machine's clock.",
    );
  }
  if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT/.test(code)) {
    const ca = tls?.ca === undefined
      ? "any CA of the system, and PGSSLROOTCERT is not set"
      : "any CA in PGSSLROOTCERT";
    return failure(
      "configuration",
      `the server's certificate is not signed by ${ca} (${message})`,
      "Set PGSSLROOTCERT to the file with the CA that signed it.",
    );
  }
  return failure(
    "unreachable",
    `the TLS handshake failed (${message || code})`,
    "Check the server's certificate and its supported TLS versions, then run again.",
  );
}

function isLoopback(host: string): boolean {
  return /^(localhost\.?|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
