import type { StoredPage } from "./lake/parquet_pages.ts";
import type { OpenPart, TypedColumn } from "./open_parts.ts";

// A day that does not fit into memory is read once to find its operations, and again for its columns.
// Columns that are kept by the first read need no other one.

/** A part, by its place in its sequence. */
export interface PartPlace {
  /** The index of the sequence. */
  readonly sequence: number;
  /** The index of the part in its sequence. */
  readonly part: number;
}

/** A part of which only some columns are in memory. */
export type PartialPart = Pick<OpenPart, "pages" | "malformed">;

/** Compressed columns of parts, in memory. */
export interface KeptColumns {
  /**
   * Copies columns of a part, unless the part was read before. The first part decides which columns:
   * the smallest ones.
   *
   * @param share the size of the part divided by the size of all parts
   * @throws {Failure} data: the part is damaged
   */
  keep(place: PartPlace, part: OpenPart, share: number): void;
  /** Whether a column of all parts that were read is in memory. */
  has(name: string): boolean;
  /** The part, if all named columns of it are in memory. */
  open(place: PartPlace, names: readonly string[]): PartialPart | undefined;
  /** Gives up columns of all parts. The memory is freed when no column is left. */
  release(names: readonly string[]): void;
}

/** The pages of each row group of a column; undefined for a row group without rows. */
type Groups = readonly (TypedColumn | undefined)[];

/** Columns of one part by name. */
interface KeptPart {
  readonly columns: Map<string, Groups>;
  readonly malformed: OpenPart["malformed"];
}

/**
 * Begins to keep columns.
 *
 * @param names the columns that may be kept
 * @param most the largest size of all columns that are kept, in bytes
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { keepColumns } from "./kept_columns.ts";
 * const kept = keepColumns(["symbol"], 1 << 20);
 * assertEquals(kept.has("symbol"), false); // no part was read
 * ```
 */
export function keepColumns(names: readonly string[], most: number): KeptColumns {
  const parts = new Map<string, KeptPart>();
  /** The columns that are kept; undefined before the first part. */
  let chosen: Set<string> | undefined;
  // One array for all columns, because the system gets the memory of small ones back late.
  let memory = new Uint8Array(0);
  let used = 0;
  const idOf = ({ sequence, part }: PartPlace) => `${sequence} ${part}`;

  /** The smallest columns, as many as fit if all parts are like this one. */
  function choose(part: OpenPart, share: number): Set<string> {
    const sizes = names.map((name) => ({ name, size: sizeOf(groupsOf(part, name)) }))
      .sort((a, b) => a.size - b.size);
    let left = most * share;
    return new Set(sizes.filter(({ size }) => (left -= size) >= 0).map(({ name }) => name));
  }

  /** Copies a column into the memory. */
  function copyOf(groups: Groups): Groups {
    const copied = (own: Uint8Array) => {
      memory.set(own, used);
      return memory.subarray(used, used += own.length);
    };
    const copiedPage = ({ body, levels, ...page }: StoredPage): StoredPage => ({
      ...page,
      body: copied(body),
      levels: levels && copied(levels),
    });
    return groups.map((own) => own && { ...own, pages: own.pages.map(copiedPage) });
  }

  function release(names: readonly string[]): void {
    for (const name of names) {
      for (const { columns } of parts.values()) columns.delete(name);
      chosen?.delete(name);
    }
    if (chosen?.size === 0 && memory.length > 0) memory.buffer.transfer(0);
  }
  return {
    keep(place, part, share) {
      const id = idOf(place);
      if (parts.has(id)) return;
      if (chosen === undefined) {
        chosen = choose(part, share);
        if (chosen.size > 0) memory = new Uint8Array(most);
      }
      const columns = new Map<string, Groups>();
      parts.set(id, { columns, malformed: part.malformed });
      for (const name of chosen) {
        const groups = groupsOf(part, name);
        if (used + sizeOf(groups) <= memory.length) columns.set(name, copyOf(groups));
        else release([name]);
      }
    },
    has: (name) => chosen?.has(name) ?? false,
    open(place, names) {
      const kept = parts.get(idOf(place));
      if (kept === undefined || !names.every((name) => kept.columns.has(name))) return undefined;
      return {
        pages: (group, names) => names.map((name) => kept.columns.get(name)![group]!),
        malformed: kept.malformed,
      };
    },
    release,
  };
}

function groupsOf(part: OpenPart, name: string): Groups {
  return Array.from({ length: part.groupCount }, (_, i) => part.pages(i, [name])[0]);
}

/** The size of the pages, in bytes. */
function sizeOf(groups: Groups): number {
  return groups.flatMap((own) => own?.pages ?? [])
    .reduce((sum, { body, levels }) => sum + body.length + (levels?.length ?? 0), 0);
}
