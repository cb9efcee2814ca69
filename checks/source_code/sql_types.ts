// Which expressions of Spark's SQL have no type (VOID), or a type that contains VOID.

/** The type of an expression, as far as VOID matters. */
export type SqlType =
  /** It has a type that contains no VOID. */
  | "typed"
  | "void"
  /** The expression does not decide that. */
  | "unknown"
  | { readonly array: SqlType }
  | { readonly key: SqlType; readonly value: SqlType }
  | { readonly fields: readonly SqlField[] };

/** A field of a struct, or a column that a generator makes. */
export interface SqlField {
  /** The name, if the expression contains it. */
  readonly name: string | undefined;
  /** The type. */
  readonly type: SqlType;
}

/** Returns whether a type is or contains VOID; undefined if that is not known. */
export function hasVoid(type: SqlType): boolean | undefined {
  if (typeof type === "string") return type === "unknown" ? undefined : type === "void";
  const parts = "array" in type
    ? [type.array]
    : "key" in type
    ? [type.key, type.value]
    : type.fields.map((field) => field.type);
  const found = parts.map(hasVoid);
  return found.includes(true) || (found.includes(undefined) ? undefined : false);
}

/** The type of a value that can have each of these types. */
export function commonType(types: readonly SqlType[]): SqlType {
  const others = types.filter((each) => each !== "void");
  if (others.length === 0) return types.length === 0 ? "typed" : "void";
  if (others.includes("unknown")) return "unknown";
  const arrays = others.flatMap((each) => isArray(each) ? [each.array] : []);
  if (arrays.length === others.length) return { array: commonType(arrays) };
  const maps = others.flatMap((each) => isMap(each) ? [each] : []);
  if (maps.length === others.length) {
    return {
      key: commonType(maps.map(({ key }) => key)),
      value: commonType(maps.map(({ value }) => value)),
    };
  }
  const structs = others.flatMap((each) => isStruct(each) ? [each.fields] : []);
  if (structs.length < others.length) return "typed";
  return {
    fields: structs[0]!.map(({ name }, i) => ({
      name,
      type: commonType(structs.map((fields) => fields[i]?.type ?? "typed")),
    })),
  };
}

function isArray(type: SqlType): type is { readonly array: SqlType } {
  return typeof type === "object" && "array" in type;
}

function isMap(type: SqlType): type is { readonly key: SqlType; readonly value: SqlType } {
  return typeof type === "object" && "key" in type;
}

function isStruct(type: SqlType): type is { readonly fields: readonly SqlField[] } {
  return typeof type === "object" && "fields" in type;
}

/** The type of an element of an array, or of a value of a map. A part of VOID is VOID. */
export function elementOf(type: SqlType): SqlType {
  if (isArray(type)) return type.array;
  return isMap(type) ? type.value : typeof type === "string" ? type : "unknown";
}

/** The type of a field of a struct, or of a value of a map. */
export function fieldOf(type: SqlType, name: string): SqlType {
  if (!isStruct(type)) {
    return isArray(type) ? { array: fieldOf(type.array, name) } : elementOf(type);
  }
  const named = type.fields.find((field) => field.name?.toLowerCase() === name.toLowerCase());
  if (named !== undefined) return named.type;
  const isSure = type.fields.every((field) => field.type === type.fields[0]?.type);
  return isSure ? type.fields[0]?.type ?? "typed" : "unknown";
}

/** Makes the type of a result from the types of arguments. */
type Rule = (args: readonly SqlType[]) => SqlType;

const first: Rule = ([type = "typed"]) => type;

const RULES = new Map<string, Rule>([
  ...rules("coalesce ifnull nvl greatest least", commonType),
  ...rules("array", (args) => ({ array: args.length === 0 ? "void" : commonType(args) })),
  ...rules(
    "max min first first_value last last_value nth_value any_value mode max_by min_by lag lead " +
      "nullif array_distinct sort_array array_sort slice array_compact shuffle filter " +
      "map_filter",
    first,
  ),
  ...rules("reverse", ([type = "typed"]) => isArray(type) ? type : "typed"),
  ...rules("concat", (args) => args.some(isArray) ? commonType(args) : "typed"),
  ...rules("array_union array_except array_intersect", commonType),
  ...rules("array_append array_prepend array_remove", ([list = "typed", item = "typed"]) => (
    list === "typed" ? list : { array: commonType([elementOf(list), item]) }
  )),
  ...rules("array_insert", ([list = "typed", , item = "typed"]) => (
    list === "typed" ? list : { array: commonType([elementOf(list), item]) }
  )),
  ...rules("collect_list collect_set array_agg array_repeat", ([type = "typed"]) => (
    { array: type }
  )),
  ...rules(
    "element_at try_element_at get array_max array_min explode explode_outer",
    (args) => elementOf(first(args)),
  ),
  ...rules("flatten", ([type = "typed"]) => type === "typed" ? type : elementOf(type)),
  ...rules("nvl2 if", (args) => commonType(args.slice(1))),
  ...rules("map", (args) => ({
    key: args.length === 0 ? "void" : commonType(args.filter((_, i) => i % 2 === 0)),
    value: args.length === 0 ? "void" : commonType(args.filter((_, i) => i % 2 === 1)),
  })),
  ...rules("map_from_arrays", ([keys = "typed", values = "typed"]) => (
    { key: elementOf(keys), value: elementOf(values) }
  )),
  ...rules("map_from_entries", ([entries = "typed"]) => {
    const entry = elementOf(entries);
    if (!isStruct(entry)) return entry;
    return { key: entry.fields[0]?.type ?? "typed", value: entry.fields[1]?.type ?? "typed" };
  }),
  ...rules("map_concat", commonType),
  ...rules("map_values", ([type = "typed"]) => isMap(type) ? { array: type.value } : type),
  ...rules("map_keys", ([type = "typed"]) => isMap(type) ? { array: type.key } : type),
  ...rules(
    "map_entries",
    ([type = "typed"]) =>
      isMap(type)
        ? { array: { fields: [named("key", type.key), named("value", type.value)] } }
        : type,
  ),
  ...rules("arrays_zip", (args) => (
    { array: { fields: args.map((each) => named(undefined, elementOf(each))) } }
  )),
  ...rules("named_struct", (args) => (
    { fields: args.filter((_, i) => i % 2 === 1).map((each) => named(undefined, each)) }
  )),
  // Without a default, `decode` adds one that is a text.
  ...rules(
    "decode",
    (args) =>
      args.length < 4 || args.length % 2 === 1
        ? "typed"
        : commonType(args.slice(1).filter((_, i, { length }) => i % 2 === 1 || i === length - 1)),
  ),
]);

function rules(list: string, rule: Rule): [string, Rule][] {
  return list.split(" ").map((name) => [name, rule]);
}

function named(name: string | undefined, type: SqlType): SqlField {
  return { name, type };
}

/** The type of the result of a function. Every function without a rule gives its result a type. */
export function resultOf(name: string, args: readonly SqlType[]): SqlType {
  return RULES.get(name)?.(args) ?? "typed";
}

/** The functions that make rows, with the columns of these rows. */
const GENERATORS = new Map<string, (args: readonly SqlType[], rows: number) => SqlField[]>([
  ...["explode", "explode_outer"].map((name) => [name, exploded] as const),
  ...["posexplode", "posexplode_outer"].map((name) =>
    [name, (args: readonly SqlType[]) => [named("pos", "typed"), ...exploded(args)]] as const
  ),
  ...["inline", "inline_outer"].map((name) => [name, inlined] as const),
  ["stack", (args: readonly SqlType[], rows: number) => {
    const values = args.slice(1);
    const width = Math.ceil(values.length / rows);
    if (!(width >= 1 && width <= MAX_WIDTH)) return [];
    return Array.from(
      { length: width },
      (_, i) => named(`col${i}`, commonType(values.filter((_, j) => j % width === i))),
    );
  }],
]);

/** The most columns of a generator. */
const MAX_WIDTH = 1_000;

function exploded([type = "typed"]: readonly SqlType[]): SqlField[] {
  return isMap(type)
    ? [named("key", type.key), named("value", type.value)]
    : [named("col", elementOf(type))];
}

function inlined([type = "typed"]: readonly SqlType[]): SqlField[] {
  const row = elementOf(type);
  return isStruct(row)
    ? row.fields.map(({ name, type }, i) => named(name ?? `col${i + 1}`, type))
    : [named(undefined, row)];
}

/**
 * The columns that a generator makes; undefined for another function.
 *
 * @param rows the first argument of `stack`, if it is a number
 */
export function generatedBy(
  name: string,
  args: readonly SqlType[],
  rows: number,
): readonly SqlField[] | undefined {
  return GENERATORS.get(name)?.(args, rows);
}

/** The type that is written after CAST, as in `array<void>`. */
export function writtenType(text: string): SqlType {
  if (!/\b(?:void|null)\b/i.test(text)) return "typed";
  if (/^\s*array\s*</i.test(text)) return { array: "void" };
  return /^\s*(?:void|null)\s*$/i.test(text) ? "void" : { fields: [named(undefined, "void")] };
}
