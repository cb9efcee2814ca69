import type { Column, ColumnType, EventColumn, PostgresType } from "./column.ts";
import json from "../../manifests/image/jobs/deep_storage/contract.json" with { type: "json" };

/** A layer of the lake. */
export type LayerName = "bronze" | "silver";

/** The state of a window: an open window can still grow. */
export type WindowState = "open" | "sealed";

/** A column of silver with the time of an event. */
export type TimeColumn = "triggered_at" | "submitted_at" | "executed_at";

/** The columns that bronze is sorted by. They are the first two of a row, in any order. */
export type BronzeOrder = readonly ["event_seq", "event_id"];

/** The columns that a replay sorts events by. */
export type ReplayOrder = readonly ["event_seq", "occurred_at", "event_id"];

const COLUMN_TYPES: readonly ColumnType[] = [
  "STRING",
  "INT32",
  "INT64",
  "TIMESTAMP(MICROS,UTC)",
  "DECIMAL(20,8)",
  "DECIMAL(10,4)",
];
const POSTGRES_TYPES: readonly PostgresType[] = [
  "uuid",
  "bigint",
  "integer",
  "timestamp with time zone",
  "character varying",
  "text",
  "numeric",
  "jsonb",
];
const STATES: readonly WindowState[] = ["open", "sealed"];
const TIME_COLUMNS: readonly TimeColumn[] = ["triggered_at", "submitted_at", "executed_at"];
const BRONZE_ORDER: BronzeOrder = ["event_seq", "event_id"];
const REPLAY_ORDER: ReplayOrder = ["event_seq", "occurred_at", "event_id"];

/** The names of the keys in contract.json, each with its placeholders. */
const PLACEHOLDERS: Readonly<Record<KeyName, readonly string[]>> = {
  bronzeRoot: [],
  bronzeFolder: ["day"],
  bronzeMarker: ["day"],
  bronzeHistoryFolder: ["day"],
  bronzeHistory: ["day", "number", "digest"],
  bronzeQuarantine: ["day", "digest"],
  bronzeStaging: [],
  silverRoot: [],
  silverFolder: ["client", "day"],
  silverMarkersFolder: [],
  silverMarker: ["day"],
  silverStaging: [],
  lakeSource: [],
};

/** The name of a key in contract.json. */
export type KeyName =
  | "bronzeRoot"
  | "bronzeFolder"
  | "bronzeMarker"
  | "bronzeHistoryFolder"
  | "bronzeHistory"
  | "bronzeQuarantine"
  | "bronzeStaging"
  | "silverRoot"
  | "silverFolder"
  | "silverMarkersFolder"
  | "silverMarker"
  | "silverStaging"
  | "lakeSource";

const FIELD_LISTS: readonly FieldList[] = [
  "bronze",
  "silver",
  "part",
  "link",
  "event_seq",
  "quarantine",
  "amended",
  "acknowledged",
  "source",
  "sources",
];

/** An object in a marker whose fields have a fixed order. */
export type FieldList =
  | "bronze"
  | "silver"
  | "part"
  | "link"
  | "event_seq"
  | "quarantine"
  | "amended"
  | "acknowledged"
  | "source"
  | "sources";

/** The content of contract.json. */
export interface Contract {
  /** Columns of the outbox that no run exports. */
  readonly columnsNotExported: readonly string[];
  /** The columns of bronze, and the columns that its rows are sorted by. */
  readonly bronze: { readonly columns: readonly EventColumn[]; readonly order: BronzeOrder };
  /** The columns of silver, and how a replay fills them. */
  readonly silver: {
    readonly columns: readonly Column[];
    /** The status that each event type leaves an operation in. */
    readonly statuses: Readonly<Record<string, string>>;
    /** The event type that sets each time column. */
    readonly times: Readonly<Record<TimeColumn, string>>;
    readonly replayOrder: ReplayOrder;
  };
  /** Known event types that change no operation. */
  readonly otherEventTypes: readonly string[];
  /** Keys of the lake, with placeholders such as `{day}`. */
  readonly keys: Readonly<Record<KeyName, string>> & {
    /** The number of digits of a number in a key. */
    readonly numberDigits: number;
    /** The number of digits of a digest in a key. */
    readonly digestDigits: number;
  };
  /** The names of parts. */
  readonly parts: {
    readonly stem: string;
    readonly lateStem: string;
    readonly suffix: string;
    /** The number of digits of the digest of the marker that a part replaces. */
    readonly replacedDigestDigits: number;
    /** A regular expression for the whole name. */
    readonly namePattern: string;
    /** The largest size of a part, in bytes. */
    readonly mostBytes: number;
  };
  /** The format of markers, of quarantines and of the record of the source. */
  readonly marker: {
    readonly format: string;
    readonly quarantineFormat: string;
    readonly sourceFormat: string;
    readonly states: readonly WindowState[];
    /** The fields of each object, in the order in which they are written. */
    readonly fields: Readonly<Record<FieldList, readonly string[]>>;
    readonly digestPattern: string;
    readonly integerPattern: string;
    /** The largest count. */
    readonly mostCount: number;
    /** The number of objects and lists that may be nested in each other. */
    readonly mostLevels: number;
  };
  /** Ages of runs and of their leftovers, in hours. */
  readonly ages: { readonly longestRunHours: number; readonly abandonedAfterHours: number };
}

/** The contract of both engines. */
export const CONTRACT: Contract = readContract(json);

/**
 * Reads the contract, and refuses a file that this engine cannot follow.
 *
 * @throws {Error} a value is missing, unknown or of another type; the message names its place
 */
export function readContract(value: unknown): Contract {
  const file = object(value, "the file", [
    "columnsNotExported",
    "bronze",
    "silver",
    "otherEventTypes",
    "keys",
    "parts",
    "marker",
    "ages",
  ]);
  const bronze = object(file.bronze, "bronze", ["columns", "order"]);
  const events = columns(bronze.columns, "bronze.columns", (each, place) => ({
    ...column(object(each, place, ["name", "type", "nullable", "postgres"]), place),
    postgres: oneOf(POSTGRES_TYPES, (each as Json).postgres, `${place}.postgres`),
  }));
  const silver = object(file.silver, "silver", ["columns", "statuses", "times", "replayOrder"]);
  const executions = columns(
    silver.columns,
    "silver.columns",
    (each, place) => column(object(each, place, ["name", "type", "nullable"]), place),
  );
  const statuses = object(silver.statuses, "silver.statuses");
  for (const [type, status] of Object.entries(statuses)) text(status, `silver.statuses.${type}`);
  const times = object(silver.times, "silver.times", TIME_COLUMNS);
  for (const name of TIME_COLUMNS) {
    oneOf(Object.keys(statuses), times[name], `silver.times.${name}`);
    oneOf(executions.map((each) => each.name), name, "silver.columns");
  }
  expectTexts(BRONZE_ORDER, bronze.order, "bronze.order");
  expectTexts(REPLAY_ORDER, silver.replayOrder, "silver.replayOrder");
  const names = events.map((each) => each.name);
  for (const name of REPLAY_ORDER) oneOf(names, name, "bronze.columns");
  for (const name of names.slice(0, 2)) oneOf(BRONZE_ORDER, name, "the first of bronze.columns");
  texts(file.columnsNotExported, "columnsNotExported");
  texts(file.otherEventTypes, "otherEventTypes");
  readKeys(file.keys);
  readParts(file.parts);
  readMarker(file.marker);
  numbers(file.ages, "ages", ["longestRunHours", "abandonedAfterHours"]);
  // The type of each value was checked above.
  return value as Contract;
}

function readKeys(value: unknown): void {
  const names = Object.keys(PLACEHOLDERS) as KeyName[];
  const counts = ["numberDigits", "digestDigits"];
  const keys = object(value, "keys", [...names, ...counts]);
  for (const name of names) {
    const template = text(keys[name], `keys.${name}`);
    const found = Array.from(template.matchAll(/{(\w+)}/g), ([, placeholder]) => placeholder);
    const expected = [...PLACEHOLDERS[name]].sort();
    if (found.sort().join() !== expected.join()) {
      refuse(`keys.${name}`, template, `a key with the placeholders ${expected.join(", ")}`);
    }
  }
  for (const name of counts) count(keys[name], `keys.${name}`);
}

function readParts(value: unknown): void {
  const names = ["stem", "lateStem", "suffix", "namePattern"];
  const counts = ["replacedDigestDigits", "mostBytes"];
  const parts = object(value, "parts", [...names, ...counts]);
  for (const name of names) text(parts[name], `parts.${name}`);
  for (const name of counts) count(parts[name], `parts.${name}`);
}

function readMarker(value: unknown): void {
  const names = ["format", "quarantineFormat", "sourceFormat", "digestPattern", "integerPattern"];
  const counts = ["mostCount", "mostLevels"];
  const marker = object(value, "marker", [...names, ...counts, "states", "fields"]);
  for (const name of names) text(marker[name], `marker.${name}`);
  for (const name of counts) count(marker[name], `marker.${name}`);
  expectTexts(STATES, marker.states, "marker.states");
  const fields = object(marker.fields, "marker.fields", FIELD_LISTS);
  for (const name of FIELD_LISTS) texts(fields[name], `marker.fields.${name}`);
}

type Json = Readonly<Record<string, unknown>>;

function columns<C extends Column>(
  value: unknown,
  place: string,
  read: (each: unknown, place: string) => C,
): C[] {
  if (!Array.isArray(value)) return refuse(place, value, "a list of columns");
  const found = value.map((each, i) => read(each, `${place}[${i}]`));
  const names = new Set(found.map(({ name }) => name));
  return names.size === found.length ? found : refuse(place, [...names], "each name once");
}

function column({ name, type, nullable }: Json, place: string): Column {
  return {
    name: text(name, `${place}.name`),
    type: oneOf(COLUMN_TYPES, type, `${place}.type`),
    nullable: typeof nullable === "boolean"
      ? nullable
      : refuse(`${place}.nullable`, nullable, "true or false"),
  };
}

/** Reads an object. With `names`, the object must have exactly these fields. */
function object(value: unknown, place: string, names?: readonly string[]): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse(place, value, "an object");
  }
  const found = Object.keys(value);
  const isComplete = names === undefined ||
    found.length === names.length && names.every((name) => found.includes(name));
  return isComplete ? value as Json : refuse(place, found, `the fields ${names.join(", ")}`);
}

function numbers(value: unknown, place: string, names: readonly string[]): void {
  const found = object(value, place, names);
  for (const name of names) count(found[name], `${place}.${name}`);
}

function text(value: unknown, place: string): string {
  return typeof value === "string" && value !== "" ? value : refuse(place, value, "a text");
}

function texts(value: unknown, place: string): string[] {
  if (!Array.isArray(value)) return refuse(place, value, "a list of texts");
  return value.map((each, i) => text(each, `${place}[${i}]`));
}

function expectTexts(expected: readonly string[], value: unknown, place: string): void {
  if (texts(value, place).join() !== expected.join()) refuse(place, value, expected.join(", "));
}

function count(value: unknown, place: string): void {
  if (!Number.isSafeInteger(value) || value as number <= 0) refuse(place, value, "a count");
}

function oneOf<T extends string>(allowed: readonly T[], value: unknown, place: string): T {
  return allowed.find((each) => each === value) ?? refuse(place, value, allowed.join(" or "));
}

function refuse(place: string, value: unknown, expected: string): never {
  throw new Error(
    `Cannot use contract.json: ${place} is ${JSON.stringify(value)}, but must be ${expected}. ` +
      "Restore the file, or change both engines along with it.",
  );
}
