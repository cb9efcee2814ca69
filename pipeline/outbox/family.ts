import { OUTBOX_TABLE } from "../contract/events.ts";

// The outbox may be a partitioned table, a partition, or a table that others inherit from.

/** Selects the `oid` of the outbox and of what is below it, at any depth. */
export const DESCENDANTS = `
  WITH RECURSIVE below AS (
    SELECT to_regclass('${OUTBOX_TABLE}')::oid AS oid
    UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid)
  SELECT oid FROM below`;

/** The same, and what is above it. A row that is written to one of them may be the outbox's. */
export const RELATIVES = `
  WITH RECURSIVE above AS (
    SELECT to_regclass('${OUTBOX_TABLE}')::oid AS oid
    UNION SELECT inhparent FROM pg_inherits JOIN above ON inhrelid = above.oid)
  SELECT oid FROM above UNION (${DESCENDANTS})`;
