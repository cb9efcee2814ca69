import { Failure } from "../errors.ts";
import { type Environment, PROCESS } from "./environment.ts";
import { type Rule, validated } from "./validate.ts";

/** The mode of encryption for a connection to Postgres, with the names of libpq. */
export type TlsMode = "disable" | "prefer" | "require" | "verify-ca" | "verify-full";

const MODES: readonly TlsMode[] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/** The encryption of the connection to Postgres. */
export interface TlsConfig {
  /**
   * - `disable`: never
   * - `prefer`: where the server can
   * - `require`: always, with whatever certificate
   * - `verify-ca`: always, with a certificate of a known authority
   * - `verify-full`: the same, and it is the host's own
   */
  readonly mode: TlsMode;
  /** True if a variable sets the mode. */
  readonly asked: boolean;
  /** The authorities that count instead of the system's, in PEM. */
  readonly ca?: string;
}

const MODE_NAMES = ["DJANGO_DB_SSLMODE", "PGSSLMODE"] as const;

const MODE: Rule = {
  fault: (mode) => modeOf(mode) === undefined ? "it is not a TLS mode" : undefined,
  remedy: `Set it to one of ${MODES.join(", ")}; verify-full is the safest.`,
};

const ROOT: Rule = {
  blanks: true,
  remedy: "Set it to a file with PEM certificates, or to system for the certificates of this " +
    "machine.",
};

/**
 * Reads `PGSSLMODE` (also as `DJANGO_DB_SSLMODE`) and `PGSSLROOTCERT`. They have the same meaning
 * as in libpq, with one exception: a certificate without a mode means `verify-full`.
 *
 * @param read reads a file of text
 * @returns undefined if none of them is set
 * @throws {Failure} configuration: a value cannot be used, they contradict each other, or the file
 *   has no certificate
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tlsConfig } from "./tls.ts";
 * assertEquals(tlsConfig(new Map([["PGSSLMODE", "require"]])), { mode: "require", asked: true });
 * ```
 */
export function tlsConfig(
  env: Environment = PROCESS,
  read: (path: string) => string = Deno.readTextFileSync,
): TlsConfig | undefined {
  const modes = MODE_NAMES.flatMap((name) => {
    const text = validated(env, name, MODE);
    return text === undefined ? [] : [{ name, text, mode: modeOf(text)! }];
  });
  const [one, other] = modes;
  if (one !== undefined && other !== undefined && one.mode !== other.mode) {
    throw new Failure({
      kind: "configuration",
      task: `use ${one.name}=${one.text} with ${other.name}=${other.text}`,
      problem: "they contradict each other",
      remedy: "Set one of them.",
    });
  }
  const root = validated(env, "PGSSLROOTCERT", ROOT);
  if (root === undefined) return one && { mode: one.mode, asked: true };
  const mode = one?.mode ?? "verify-full";
  if (root === "system") {
    if (mode !== "verify-full") {
      throw new Failure({
        kind: "configuration",
        task: `use ${one!.name}=${one!.text} with PGSSLROOTCERT=system`,
        problem:
          "anyone can get a certificate that this machine trusts, so only verify-full proves " +
          "who the server is",
        remedy: `Set ${one!.name}=verify-full.`,
      });
    }
    return { mode, asked: true };
  }
  // As in libpq, a configured CA must not be ignored.
  return { mode: mode === "require" ? "verify-ca" : mode, asked: true, ca: pemOf(root, read) };
}

function modeOf(text: string): TlsMode | undefined {
  // The mode "allow" of libpq begins without TLS, and could send the password in clear text.
  if (text === "allow") return "prefer";
  return MODES.find((mode) => mode === text);
}

function pemOf(path: string, read: (path: string) => string): string {
  const name = `PGSSLROOTCERT=${JSON.stringify(path)}`;
  let text: string;
  try {
    text = read(path);
  } catch (error) {
    const why = `the file cannot be read (${(error as Error).name})`;
    throw new Failure({
      kind: "configuration",
      task: `use ${name}`,
      problem: why,
      remedy: ROOT.remedy,
    });
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new Failure({
    kind: "configuration",
    task: `use ${name}`,
    problem: "the file has no certificate",
    remedy: ROOT.remedy,
  });
}
