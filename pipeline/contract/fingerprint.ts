import { createHash } from "node:crypto";
import type { Column } from "./column.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "./tables.ts";

// The fingerprints are apart from the tables, because most readers of the tables need no hash.

/**
 * Returns the fingerprint of a contract: `sha256:` and the digest of one line per column, `name
 * type`, with ` not null` for a column without nulls. Commit markers contain the fingerprint, so
 * that a change of the contract is detected.
 */
export function fingerprint(columns: readonly Column[]): string {
  const text = columns
    .map(({ name, type, nullable }) => `${name} ${type}${nullable ? "" : " not null"}\n`)
    .join("");
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** The fingerprint that bronze's commit markers carry. */
export const EVENT_CONTRACT: string = fingerprint(EVENT_COLUMNS);

/** The fingerprint that silver's commit markers carry. */
export const EXECUTION_CONTRACT: string = fingerprint(EXECUTION_COLUMNS);
