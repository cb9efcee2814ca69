import { readSql } from "../../source_code/sql.ts";
import { columnsOfItem } from "../../source_code/sql_expression.ts";
import { hasVoid } from "../../source_code/sql_types.ts";
import type { Argument, Call, Python } from "../../source_code/python.ts";

// Which values of Spark have no type. A value without a type is a null, or is made only from nulls
// by a function that keeps the type of its arguments.

/** Returns the arguments that give the result its type, by the name of the function. */
const KEEPING = new Map<string, (args: readonly string[]) => readonly string[]>([
  ...names("coalesce ifnull nvl greatest least array", (args) => args),
  ...names(
    "max min first first_value last last_value nth_value any_value mode max_by min_by lag lead " +
      "collect_list collect_set array_distinct sort_array slice flatten element_at get nullif " +
      "array_repeat explode posexplode explode_outer posexplode_outer inline inline_outer " +
      "array_compact array_sort array_max array_min map_values map_entries map_from_entries " +
      "filter map_filter transform_keys shuffle reverse array_remove",
    (args) => args.slice(0, 1),
  ),
  ...names("nvl2", (args) => args.slice(1)),
  ...names("if iff", (args) => args.slice(1)),
  ...names("create_map map", (args) => args.filter((_, i) => i % 2 === 1)),
  ...names("map_from_arrays", (args) => args.slice(1, 2)),
  ...names("when otherwise", (args) => args.slice(-1)),
  ...names("lit array_union array_except array_intersect concat map_concat", (args) => args),
]);

/** A function whose result has the type of a lambda. */
interface LambdaPlace {
  /** The argument with the lambda. */
  readonly at: number;
  /** For each parameter of the lambda, the argument whose elements or values it gets. */
  readonly of: readonly (number | undefined)[];
}

const WITH_LAMBDA: ReadonlyMap<string, LambdaPlace> = new Map([
  ["transform", { at: 1, of: [0] }],
  ["transform_values", { at: 1, of: [undefined, 0] }],
  ["zip_with", { at: 2, of: [0, 1] }],
  ["map_zip_with", { at: 2, of: [undefined, 0, 1] }],
]);

/** The argument of such a function with its last lambda. */
const FINISH = 3;

/** Functions whose result has the type of a last lambda, or of their start value. */
const FOLDING: readonly string[] = ["aggregate", "reduce"];

/** The functions whose result can have the type of a lambda. */
export const TAKING_LAMBDA: readonly string[] = [...WITH_LAMBDA.keys(), ...FOLDING];

/** Returns whether a call takes a lambda that can give its result a type. */
export function takesLambda({ name, callee, args }: Call): boolean {
  if (FOLDING.includes(name)) return isOfFunctions(callee);
  const code = args[WITH_LAMBDA.get(name)?.at ?? -1]?.code;
  return code !== undefined && (isOfFunctions(callee) || callee === name && /^lambda\b/.test(code));
}

/** Returns whether an argument of a call has no type, and the type of its lambda is not followed. */
export function hasOpenLambda({ name, args }: Call): boolean {
  const codes = args.map(({ code }) => code);
  if (FOLDING.includes(name)) {
    return FINISH in codes && lambdaIn(codes[FINISH]!) === undefined;
  }
  const { at } = WITH_LAMBDA.get(name)!;
  return codes.some((code) => isNullValue(code)) && lambdaIn(codes[at] ?? "") === undefined;
}

/** The parameters and the value of a lambda; undefined for other code. */
function lambdaIn(
  code: string,
): { readonly parameters: readonly string[]; readonly value: string } | undefined {
  const [, list, value] = /^\s*lambda\b([^:]*):(.*)$/s.exec(code) ?? [];
  return list === undefined
    ? undefined
    : { parameters: list.split(/[,;]/).map((each) => each.trim()), value: value! };
}

/**
 * Returns whether the value of a lambda has no type.
 *
 * @param sources for each parameter, the code that it has its type from
 */
function isNullLambda(
  code: string,
  sources: readonly (string | undefined)[],
  variables: ReadonlySet<string>,
): boolean {
  const lambda = lambdaIn(code);
  if (lambda === undefined) return false;
  const { parameters, value } = lambda;
  const without = parameters.filter((_, i) =>
    sources[i] !== undefined && isNullValue(sources[i], variables)
  );
  const outer = [...variables].filter((each) => !parameters.includes(each));
  return isNullValue(value, new Set([...outer, ...without]));
}

/** Functions whose result has no type as soon as one argument has none. */
const NESTING = /^(?:struct|named_struct|arrays_zip)$/;

/** Methods and functions whose result has a type, or which make no column of their argument. */
const TYPED =
  /^(?:eqNullSafe|isin|between|getItem|substr|bitwiseAND|bitwiseOR|bitwiseXOR|like|rlike|ilike|startswith|endswith|contains|filter|where|join|orderBy|sort|sortWithinPartitions|partitionBy|repartition|repartitionByRange|fillna|fill|replace|concat_ws|isnull|isNull|isnan|count|countDistinct|sum|avg|mean|hash|sha2|md5|upper|lower|trim|length|date_format|to_date|to_timestamp|to_json|assertEqual|print)$/;

/** The usual names of the module `pyspark.sql.functions`. */
const FUNCTIONS = /^(?:[Ff]|fn|fns|sf|funcs|functions|sql_functions)\s*\.\s*\w+$/;

/** Methods of a frame, which can have the name of such a module. */
const FRAME = /^(?:withColumns?|select|selectExpr|agg|groupBy|groupby|rollup|cube|fillna)$/;

/** Returns whether a dotted name is a function of `pyspark.sql.functions`, by its usual names. */
export function isOfFunctions(callee: string): boolean {
  return FUNCTIONS.test(callee);
}

/** Returns whether a call is a function for columns, also one that is imported by its name. */
export function isColumnFunction({ name, callee }: Call, { imports, code }: Python): boolean {
  // A frame can have the name f.
  const isFrame = FRAME.test(name) || callee.startsWith("f.") && !/\bas\s+f\b/.test(code);
  if (name === "broadcast" || isFrame) return false;
  return isOfFunctions(callee) ||
    callee === name &&
      imports.some(({ module, names }) =>
        module === "pyspark.sql.functions" && names.some(({ alias }) => alias === name)
      );
}

/** Returns whether a method casts. */
export function isCast(name: string): boolean {
  return name === "cast" || name === "astype";
}

/** Returns whether a method gives a type, as in `cast("string")`. */
export function casts({ name, args: [to] }: Call): boolean {
  if (!isCast(name) || to === undefined) return false;
  return !/^(void|null)$/i.test(to.string ?? "") && !/\bNullType\b/.test(to.code);
}

function names(
  list: string,
  typing: (args: readonly string[]) => readonly string[],
): [string, (args: readonly string[]) => readonly string[]][] {
  return list.split(" ").map((name) => [name, typing]);
}

/** Returns whether the result of a function has a type, whatever its arguments are. */
export function givesType({ name, callee }: Pick<Call, "name" | "callee">): boolean {
  // As in `F.filter(array, f)`, and not as in `df.filter(condition)`.
  const isOfArrays = FUNCTIONS.test(callee) && KEEPING.has(name);
  return TYPED.test(name) && !isOfArrays ||
    FUNCTIONS.test(callee) && !FRAME.test(name) && !KEEPING.has(name) &&
      !TAKING_LAMBDA.includes(name) && !NESTING.test(name);
}

/** Returns whether the result of a function has no type if none of these arguments has one. */
export function keepsNull(
  { name }: Pick<Call, "name">,
  args: readonly string[],
  variables?: ReadonlySet<string>,
): boolean {
  const isNull = (code: string) => isNullValue(code, variables);
  if (NESTING.test(name)) return args.some(isNull);
  if (OF_ARRAYS.test(name) && !args.some((code) => isNullArray(code, variables))) return false;
  if (/^(?:array|create_map|map)$/.test(name) && args.length === 0) return true;
  if (FOLDING.includes(name)) {
    const [, start = "", , finish] = args;
    return finish === undefined
      ? isNull(start)
      : isNullLambda(finish, [start], variables ?? new Set());
  }
  const lambda = WITH_LAMBDA.get(name);
  if (lambda !== undefined) {
    const sources = lambda.of.map((each) => each === undefined ? undefined : args[each]);
    return isNullLambda(args[lambda.at] ?? "", sources, variables ?? new Set());
  }
  const typing = KEEPING.get(name)?.(args);
  return typing !== undefined && typing.length > 0 && typing.every(isNull);
}

/** Functions whose result is a text, unless their arguments are arrays. */
const OF_ARRAYS = /^(?:reverse|concat)$/;

/** The innermost call, or innermost brackets, of an expression. */
const INNERMOST = /((?:[A-Za-z_]\w*\s*\.\s*)*)([A-Za-z_]\w*)?\s*\(([^()]*)\)/;

/** The most calls in a value. A value with more calls counts as one with a type. */
const MOST_CALLS = 200;

/**
 * Returns whether an expression of Python has no type in Spark, as in `F.lit(None)` and
 * `F.when(a, None).otherwise(F.lit(None))`.
 *
 * @param code the expression, with the content of strings blanked
 * @param variables the names of variables that have no type
 */
export function isNullValue(code: string, variables: ReadonlySet<string> = new Set()): boolean {
  return isNullWord(valueOf(code, variables), variables);
}

/** Returns whether an expression of Python is an array without a type, as in `F.array(F.lit(None))`. */
function isNullArray(code: string, variables: ReadonlySet<string> = new Set()): boolean {
  return valueOf(code, variables) === "Nones";
}

/** An expression of Python with the values of its calls, as far as they are known. */
function valueOf(code: string, variables: ReadonlySet<string>): string {
  let rest = code.trim();
  for (let i = 0; i < MOST_CALLS && rest.includes("("); i++) {
    const found = INNERMOST.exec(rest);
    if (found === null) return rest;
    const { 0: whole, 1: path = "", 2: name, 3: inner = "", index } = found;
    const value = name === undefined
      ? inner.trim()
      : reduce(path.replaceAll(/\s/g, ""), name, inner, variables);
    rest = `${rest.slice(0, index)}${value}${rest.slice(index + whole.length)}`.trim();
  }
  return rest;
}

/** The value of a call: `None` without a type, `Nones` for an array without one, or `typed`. */
function reduce(
  path: string,
  name: string,
  inner: string,
  variables: ReadonlySet<string>,
): string {
  // The parameters of a lambda are no arguments.
  const single = inner.replaceAll(/\blambda\b[^:]*:/g, (found) => found.replaceAll(",", ";"));
  const args = single.split(",").map((each) => each.trim()).filter((each) => each !== "");
  const receiver = path.replace(/\.$/, "");
  if (receiver === "typed") return "typed";
  const isKept = /^(?:alias|name|over)$/.test(name)
    ? isNullWord(receiver, variables)
    : keepsNull({ name }, args, variables);
  if (!isKept) return "typed";
  return ARRAY.test(name) || receiver === "Nones" || args.includes("Nones") ? "Nones" : "None";
}

/** Functions that make an array. */
const ARRAY = /^(?:array|array_repeat|collect_list|collect_set|map_values|map_entries)$/;

function isNullWord(word: string, variables: ReadonlySet<string>): boolean {
  return word === "None" || word === "Nones" || variables.has(word);
}

/** Returns whether an argument has no type. A missing argument has none. */
export function isOnlyNull(
  argument: Argument | undefined,
  variables?: ReadonlySet<string>,
): boolean {
  return argument === undefined || isNullValue(argument.code, variables);
}

/**
 * Returns whether an expression of SQL has no type, as in `NULL`, `coalesce(NULL, NULL)` and
 * `stack(1, NULL)`; undefined if that is not known.
 */
export function isNullSql(sql: string): boolean | undefined {
  const found = columnsOfItem(readSql(sql)).map(({ type }) => hasVoid(type));
  return found.includes(true) || (found.includes(undefined) ? undefined : false);
}
