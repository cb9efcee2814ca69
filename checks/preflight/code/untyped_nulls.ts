import type { Code } from "../../source_code/code.ts";
import {
  type Argument,
  type Call,
  callsOf,
  type Python,
  pythonOf,
} from "../../source_code/python.ts";
import type { NullSite } from "./frame_columns.ts";
import type { Fate } from "./frame_fates.ts";
import { fatesOf } from "./frame_flow.ts";
import { postgresStringsOf } from "./postgres_strings.ts";
import {
  casts,
  givesType,
  hasOpenLambda,
  isCast,
  isNullSql,
  isOfFunctions,
  isOnlyNull,
  keepsNull,
  takesLambda,
  TAKING_LAMBDA,
} from "./null_value.ts";
import { fatesOfSql, nullsOfSql, type SqlNull } from "./sql_nulls.ts";
import { nullRows } from "./null_rows.ts";
import { elementsOf, endOfBrackets, type Piece } from "../../source_code/python_brackets.ts";
import { mayHaveUntypedNulls } from "../../source_code/sql.ts";
import { type ColumnFunction, columnFunctions, MAKERS } from "./column_functions.ts";

/** A null without a type that becomes a column of a table. */
export interface UntypedNull {
  /** The position of the null in the text. */
  readonly offset: number;
  /** The source, as in `lit(None)`. */
  readonly written: string;
  /** The name of the column, if the code contains one. */
  readonly column: string | undefined;
  /** The reason why it is not known whether the column reaches a file without a type. */
  readonly unknown?: string;
}

/** Finds the nulls without a type in Python or SQL that can reach a file. */
export function untypedNullsIn(code: Code): UntypedNull[] {
  const { language } = code;
  if (language === "sql") return isPostgres(code) ? [] : ofSqlFile(code);
  if (language !== "python" || !mayHaveNulls(code)) return [];
  const python = pythonOf(code);
  const functions = columnFunctions(python);
  const found = [...literals(python, functions), ...queries(python)];
  const fates = found.length === 0
    ? new Map<NullSite, Fate>()
    : fatesOf(python, found.map(({ site }) => site));
  return [
    ...found.flatMap(({ site, ...each }) => {
      const fate = fates.get(site)!;
      return fate === "harmless" ? [] : fate === "reaches" ? [each] : [{ ...each, ...fate }];
    }),
    ...fields(python),
    ...nullRows(python),
    ...notFollowed(python, functions.filter(({ isVoid }) => isVoid)),
  ].sort((a, b) => a.offset - b.offset);
}

function ofSqlFile({ text, file = "", field = file }: Code): UntypedNull[] {
  const nulls = nullsOfSql(text);
  const fates = fatesOfSql(text, nulls, /\.(?:sql|hql)(?:"\])?$/i.test(field));
  return nulls.flatMap((each) => {
    const fate = fates.get(each);
    if (fate === undefined) return [];
    const unknown = each.unknown ?? (fate === "reaches" ? undefined : fate);
    return [{ ...inSql(each, 0), ...unknown === undefined ? {} : { unknown } }];
  });
}

/** Returns whether Python code may have nulls without a type, found without parsing the code. */
export function mayHaveNulls({ text: source }: Pick<Code, "text">): boolean {
  // The letter of an escaped line break or tab is no part of a word.
  const text = source.replaceAll(/\\[nrt]/g, "\n");
  return /\b(?:lit|createDataFrame|toDF)\b|\b(?:when|sql)\s*[(\\#]/.test(text) &&
      /\bNone\b/.test(text) ||
    /\bcreateDataFrame\b|\btoDF\b/.test(text) && /\[\s*\]|\{\s*\}/.test(text) ||
    /\bNullType\b/.test(text) ||
    /\bvoid\b/i.test(text) || /\bexpr\s*\(/.test(text) && /\bNULL\b/i.test(text) ||
    mayHaveUntypedNulls(text) || EMPTY.test(text) ||
    SELECTS.test(text) && NULL_VALUE.test(text);
}

/** A word that begins a query, but no method such as `frame.select` and `dictionary.values`. */
const SELECTS = /(?<!\.)\b(?:SELECT|VALUES)\b|\bselectExpr\b/i;

/** A null in SQL that is no condition, as in `IS NOT NULL`. */
const NULL_VALUE = /(?<!\b(?:is|not)\s+)\bNULL\b/i;

/** An array or a map without an element, which has no type. */
const EMPTY = /\b(?:array|create_map|map)\s*\(\s*\)/i;

/** A null without a type, and where its way to a file begins. */
interface Sited extends UntypedNull {
  readonly site: NullSite;
}

/** Returns whether SQL is for Postgres: psql runs it, or it has syntax that Spark does not have. */
function isPostgres({ text, object, field = "", dialect }: Code): boolean {
  if (dialect === "postgres") return true;
  // In a container, only the SQL of psql is read as SQL.
  if (object !== undefined && /containers\[\d+\]/.test(field)) return true;
  return /\bON\s+CONFLICT\b|\bRETURNING\b|\bplpgsql\b|\bjsonb\b|\bCREATE\s+EXTENSION\b|\b(?:BIG)?SERIAL\b|\$\$|^\s*\\\w+/im
    .test(text);
}

function inSql(found: Omit<SqlNull, "statement">, base: number): UntypedNull {
  const { offset, name, isBare, isNested, unknown } = found;
  const written = isBare || isNested && name === undefined
    ? "NULL"
    : name === undefined
    ? "CAST(NULL AS void)"
    : `NULL AS ${name}`;
  const column = { offset: base + offset, written, column: name };
  return unknown === undefined ? column : { ...column, unknown };
}

function queries(python: Python): Sited[] {
  const expressions = callsOf(python, ["selectExpr"]);
  const readers = callsOf(python, ["sql"]);
  let isForPostgres: ReturnType<typeof postgresStringsOf> | undefined;
  return python.strings.flatMap((each) => {
    const { start, text, assignedTo } = each;
    if (!/\b(?:null|void)\b/i.test(text) && !EMPTY.test(text)) return [];
    isForPostgres ??= postgresStringsOf(python);
    if (isForPostgres(each)) return [];
    const lead = text.length - text.trimStart().length;
    const isIn = (call: Call) => call.start <= start && each.end <= call.end;
    const isItem = expressions.some(isIn);
    const reader = isItem ? undefined : readers.findLast(isIn) ??
      readers.find(({ args }) => assignedTo !== undefined && args[0]?.code === assignedTo);
    const head = isItem ? "SELECT " : "";
    return nullsOfSql(head + text.slice(lead)).map((found): Sited => {
      const null_ = inSql(found, start + lead - head.length);
      const { offset, column } = null_;
      const site = reader === undefined
        ? { start: offset, column }
        : { start: offset, column, reader: reader.end, statement: found.statement };
      return { ...null_, site };
    });
  });
}

function literals(python: Python, functions: readonly ColumnFunction[]): Sited[] {
  const aliases = python.imports.flatMap(({ names }) => names)
    .filter(({ name }) => name === "lit").map(({ alias }) => alias);
  const nulls = callsOf(python, ["lit", "expr", ...aliases])
    .filter((call) => isNull(call, python.code));
  const empties = callsOf(python, ["array", "create_map"]).filter((call) => isEmpty(call, python));
  const conditions = callsOf(python, ["when"]).filter((call) =>
    python.code[call.start - 1] !== "." && isNullCondition(call)
  );
  const made = functions.filter(({ isVoid }) => isVoid).flatMap(({ calls }) => calls);
  const typed = new Set(functions.filter(({ isVoid }) => !isVoid).map(({ name }) => name));
  const untyped = [...nulls, ...empties, ...conditions, ...made]
    // Polars has functions of the same names.
    .filter((call) =>
      !/^(?:pl|polars)\s*\./.test(call.callee) && !isTyped(call) &&
      !isWithin(call.context.within, typed) && !isTypedByUses(python, call, typed) &&
      !isTypedInList(python, call)
    )
    .map((call) => {
      const [offset, column] = [call.start, columnOf(call)];
      const written = made.includes(call) ? `udf ${call.name}(…)` : writtenOf(call);
      return { offset, written, column, site: { start: offset, column } };
    });
  return [...untyped, ...voidCasts(python)];
}

/** The casts of a value with a type to one without values. Spark refuses them. */
function voidCasts(python: Python): Sited[] {
  return callsOf(python, ["cast", "astype"]).flatMap((call) => {
    const [to] = call.args;
    if (to === undefined || casts(call) || !isVoidType(to)) return [];
    const before = receiversOf(call);
    const first = before[0] ?? call;
    const { name, args: [value] } = first;
    const isTyped = name === "col" || name === "lit" && LITERAL.test(value?.code ?? "");
    if (!isTyped && !before.some(casts)) return [];
    const [offset, column] = [first.start, columnOf(first)];
    const written = `cast(${to.string === undefined ? to.code : JSON.stringify(to.string)})`;
    return [{ offset, written, column, site: { start: offset, column } }];
  });
}

/** The calls before a method, first one first: `f()` and `a()` of `f().a().b()`. */
function receiversOf({ receiver }: Call): Call[] {
  return receiver === undefined ? [] : [...receiversOf(receiver), receiver];
}

const NULL_TYPE = /^(?:\w+\s*\.\s*)*NullType\s*\(/;

/** A text, a number or a boolean. */
const LITERAL = /^(?:[rbfu]{0,2}["']|[-+]?\d|True\b|False\b)/i;

/** The fields without a type of a schema. */
function fields(python: Python): UntypedNull[] {
  const fields = callsOf(python, ["StructField", "add"]).filter(({ args }) =>
    NULL_TYPE.test(args[1]?.code ?? "")
  ).map(({ start, args }) => (
    { offset: start, written: "NullType()", column: args[0]?.string }
  ));
  return [...fields, ...voidSchemas(python)];
}

/** Finds columns of type void in schemas that are texts, as in `createDataFrame(rows, "a void")`. */
function voidSchemas(python: Python): UntypedNull[] {
  return callsOf(python, ["createDataFrame", "schema", "fromDDL"])
    .flatMap(({ start, args }) => args.map(({ string = "" }) => ({ start, string })))
    .flatMap(({ start, string }) => {
      const column = /(?:^|,)\s*`?(\w+)`?\s*:?\s*void\b/i.exec(string)?.[1];
      return column === undefined ? [] : [{ offset: start, written: `${column} void`, column }];
    });
}

/** The nulls that reach a column by a way that is not followed. */
function notFollowed(python: Python, made: readonly ColumnFunction[]): UntypedNull[] {
  const parameters = callsOf(python, ["sql"]).flatMap(({ start, args }) => {
    const values = args.find(({ keyword }) => keyword === "args");
    return values === undefined || !/\bNone\b/.test(values.code) ? [] : [{
      offset: start,
      written: "sql(…, args=…)",
      unknown: "a parameter of the query can be None",
    }];
  });
  const named = made.filter(({ isOpen }) => isOpen).map(({ offset, name }) => ({ offset, name }));
  const functions = [
    ...named,
    ...callsOf(python, [...MAKERS, ...TAKING_SCHEMA])
      .filter(({ args, start }) =>
        args.some(isVoidType) && !made.some(({ offset }) => offset === start)
      ).map(({ start, name }) => ({ offset: start, name })),
  ].map(({ offset, name }) => (
    { offset, written: `${name}(…)`, unknown: "the columns of its result are not followed" }
  ));
  const loops = callsOf(python, ["lit"]).filter(({ args: [value], start }) =>
    value !== undefined && /^\w+$/.test(value.code) && isNoneInLoop(value.code, start, python.code)
  ).map(({ start, args }) => (
    { offset: start, written: `lit(${args[0]!.code})`, unknown: "the value of a name can be None" }
  ));
  const lambdas = callsOf(python, TAKING_LAMBDA)
    .filter((call) => isOfFunctions(call.callee) && hasOpenLambda(call))
    .map(({ start, name }) => (
      { offset: start, written: `${name}(…)`, unknown: "the type of its lambda is not followed" }
    ));
  return [...parameters, ...functions, ...loops, ...lambdas].map((each) => ({
    ...each,
    column: undefined,
  }));
}

/** Functions and methods whose result has the columns of a schema. */
const TAKING_SCHEMA = [
  "from_json",
  "from_csv",
  "register",
  "registerJavaFunction",
  "mapInPandas",
  "mapInArrow",
  "applyInPandas",
  "applyInArrow",
  "applyInPandasWithState",
];

/** Returns whether an argument is a type without values, or a schema with such a column. */
function isVoidType({ code, string = "" }: Argument): boolean {
  return NULL_TYPE.test(code) || /(?:^|[\s:<])void\b/i.test(string);
}

/** Returns whether a name is a value of a dictionary that has None, in a loop over its items. */
function isNoneInLoop(name: string, offset: number, code: string): boolean {
  const loop = new RegExp(`\\bfor\\s+\\w+\\s*,\\s*${name}\\s+in\\s+(\\w+)\\s*\\.\\s*items\\(`, "g");
  const found = [...code.matchAll(loop)];
  const [, owner] = found.findLast(({ index }) => index < offset) ?? found[0] ?? [];
  if (owner === undefined) return false;
  return new RegExp(`^[ \\t]*${owner}[ \\t]*(?::[^=\\n]+)?=[ \\t]*\\{[^{}]*:\\s*None\\s*[,}]`, "m")
    .test(code);
}

function writtenOf({ name, args }: Call): string {
  if (name === "when") return "when(…, None)";
  if (name !== "expr") return `${name}(${args[0]?.code.trim() ?? ""})`;
  const sql = (args[0]?.string ?? "").replaceAll(/\s+/g, " ");
  return `expr("${sql.length > MAX_WRITTEN ? `${sql.slice(0, MAX_WRITTEN)}…` : sql}")`;
}

/** Longer SQL is cut in a message. */
const MAX_WRITTEN = 60;

/**
 * Returns whether all values of `when(…).when(…).otherwise(…)` are None. If one of them is
 * `lit(None)`, that call is judged instead.
 */
function isNullCondition(call: Call): boolean {
  if (call.receiver?.name === "when" || call.args.length !== 2) return false;
  const branches = methodsOn(call).filter(({ name }) => BRANCH.test(name));
  return [call, ...branches].every(({ args }) => args.at(-1)?.code === "None");
}

const BRANCH = /^(?:when|otherwise)$/;

/** The methods that are called on the result of a call, also on brackets around it. */
function methodsOn({ chain, context: { bracketed = [] } }: Call): Call[] {
  return [...chain, ...bracketed];
}

function isNull({ name, args }: Call, code: string): boolean {
  const [arg] = args;
  if (args.length !== 1 || arg === undefined) return false;
  return name === "expr"
    ? isNullSql(arg.string ?? "") === true
    : arg.code === "None" || isNoneName(arg.code, code);
}

/** Returns whether a name is only assigned None, once, and only used as the value of `lit`. */
function isNoneName(name: string, code: string): boolean {
  if (!/^[A-Za-z_]\w*$/.test(name)) return false;
  const word = `(?<![\\w.])${name}(?!\\w)`;
  const uses = code.match(new RegExp(word, "g"))?.length ?? 0;
  const assigned = code.match(new RegExp(`^[ \\t]*${word}[ \\t]*=[ \\t]*None[ \\t]*$`, "gm"))
    ?.length;
  const literal = code.match(new RegExp(`\\blit[ \\t]*\\([ \\t]*${word}[ \\t]*\\)`, "g"))?.length;
  return assigned === 1 && uses === 1 + (literal ?? 0);
}

/** Returns whether a call is `F.array()` or `F.create_map()`, without an element. */
function isEmpty({ name, callee, args }: Call, { imports }: Python): boolean {
  if (args.length > 0) return false;
  return callee === name
    ? imports.some(({ module, names }) =>
      module === "pyspark.sql.functions" && names.some((each) => each.alias === name)
    )
    : isOfFunctions(callee);
}

const NAMING = ["alias", "name"];

/** Methods that the rest of a column reads: the value that they return has the same type. */
const KEEPING_TYPE = [...NAMING, "over"];

/** Returns whether the null gets a type: from a cast, or from other values of the same column. */
function isTyped(call: Call, variables?: ReadonlySet<string>): boolean {
  const methods = methodsOn(call);
  const chain = call.name === "when" ? methods.filter(({ name }) => !BRANCH.test(name)) : methods;
  if (call.context.isOperand || chain.some(casts)) return true;
  if (chain.some(({ name }) => !KEEPING_TYPE.includes(name) && !isCast(name))) return true;
  return chain.every(({ name }) => !isCast(name)) && isTypedByContext(call, variables);
}

function isTypedByContext(
  { context: { within } }: Call,
  variables?: ReadonlySet<string>,
): boolean {
  return within !== undefined && isTypedIn(within, variables);
}

/**
 * Returns whether an argument without a type has one in the result of a call.
 *
 * @param variables the names of variables that have no type
 */
function isTypedIn(outer: Call, variables?: ReadonlySet<string>): boolean {
  const { name } = outer;
  if (givesType(outer)) return true;
  if (BRANCH.test(name)) {
    if (name === "otherwise" && outer.receiver?.name !== "when") return true;
    const methods = methodsOn(outer);
    const branches = [...conditionsBefore(outer), outer, ...methods]
      .filter((call) => BRANCH.test(call.name));
    if (branches.some(({ args }) => !isOnlyNull(args.at(-1), variables))) return true;
    return methods.some(casts) || isTyped(conditionsBefore(outer)[0] ?? outer, variables);
  }
  const args = valuesOf(outer)?.map(({ code }) => code);
  if (args === undefined) return false;
  if (keepsNull(outer, args, variables)) return isTyped(outer, variables);
  return KEEPING_ALL.test(name) || takesLambda(outer);
}

/**
 * The values that a call takes, one by one or in a list, as in `coalesce(*[a, b])`; undefined if a list
 * is not written out.
 */
function valuesOf({ name, args }: Call): readonly Piece[] | undefined {
  const isWhole = TAKING_LIST.test(name) && args.length === 1;
  const parts = args.map(({ code, start }) => {
    const [star] = /^\*\s*(?=[[(])/.exec(code) ?? [];
    return star !== undefined || isWhole && code.startsWith("[")
      ? elementsOf(code.slice(star?.length), start)
      : [{ code, start }];
  });
  return parts.every((each) => each !== undefined) ? parts.flat() : undefined;
}

/** Functions that take their arguments also in one list. */
const TAKING_LIST = /^(?:array|create_map|struct)$/;

/** Functions that take the type of any argument. */
const KEEPING_ALL =
  /^(?:coalesce|ifnull|nvl|nvl2|nullif|greatest|least|array|create_map|concat|map_concat|array_union|array_except|array_intersect|array_remove|array_repeat|reverse|element_at|slice|lag|lead|max_by|min_by)$/;

/** The calls of `when` before a call of the same condition, first one first. */
function conditionsBefore({ receiver }: Call): Call[] {
  return receiver?.name === "when" ? [...conditionsBefore(receiver), receiver] : [];
}

/**
 * Returns whether the null is assigned to a variable, and each use of the variable has a type: a cast,
 * or another value of the same column.
 */
function isTypedByUses(
  python: Python,
  { end, context: { assignedTo } }: Call,
  typed: ReadonlySet<string>,
): boolean {
  if (assignedTo === undefined) return false;
  const { code } = python;
  const uses = usesOf(code, assignedTo).filter((offset) => offset > end);
  const variables = new Set([assignedTo]);
  return uses.length > 0 && uses.every((offset) => {
    const after = code.slice(offset + assignedTo.length, offset + assignedTo.length + 200);
    if (/^\s*\.\s*(cast|astype)\s*\(/.test(after)) return true;
    const before = code.slice(Math.max(0, offset - 20), offset);
    if (OPERATOR_BEFORE.test(before) || OPERATOR_AFTER.test(after)) return true;
    const isAround = ({ start, code }: Argument) => start <= offset && offset < start + code.length;
    const outer = python.calls.findLast(({ args }) => args.some(isAround));
    if (outer === undefined) return false;
    if (isWithin(outer, typed)) return true;
    const isWhole = outer.args.some(({ start, code }) => start === offset && code === assignedTo);
    return isWhole ? isTypedIn(outer, variables) : givesType(outer);
  });
}

/** Returns whether a call, or one around it, is a function of the source whose result has a type. */
function isWithin(call: Call | undefined, typed: ReadonlySet<string>): boolean {
  for (let outer = call; outer !== undefined; outer = outer.context.within) {
    if (typed.has(outer.callee.replace(/^self\./, ""))) return true;
  }
  return false;
}

/**
 * Returns whether the null is in a list that the code only gives to functions that take a type from its
 * other values, as in `values = [lit(None), col("a")]` and `coalesce(*values)`.
 */
function isTypedInList({ code, calls }: Python, { start, end }: Call): boolean {
  const lists = /^[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?=\[)/gm;
  const list = [...code.slice(0, start).matchAll(lists)].at(-1);
  if (list === undefined) return false;
  const open = list.index + list[0].length;
  const close = endOfBrackets(code, open) ?? 0;
  const items = elementsOf(code.slice(open, close), open);
  if (end > close || items?.some((each) => each.start === start) !== true) return false;
  const uses = usesOf(code, list[1]!).filter((offset) => offset > close);
  return uses.length > 0 && uses.every((offset) => {
    const outer = calls.findLast(({ args }) => args.some((each) => each.start === offset - 1));
    if (outer === undefined || code[offset - 1] !== "*") return false;
    return KEEPING_ALL.test(outer.name) && !keepsNull(outer, items.map((each) => each.code));
  });
}

/** An operator beside a value. Its result has a type, as of `col("a") == x`. */
const OPERATOR_BEFORE = /(?:[=!<>]=|[\w)\]"']\s*[<>+*/&|%-]|~)\s*$/;
const OPERATOR_AFTER = /^\s*(?:[=!<>]=|[<>+*/&|%-])/;

/** Returns where code reads a variable. */
function usesOf(code: string, variable: string): number[] {
  const name = new RegExp(`(?<![\\w.])${variable}\\b(?!\\s*=[^=])`, "g");
  return [...code.matchAll(name)].map(({ index }) => index);
}

function columnOf({ chain, context }: Call): string | undefined {
  const alias = chain.find(({ name }) => NAMING.includes(name));
  if (alias !== undefined) return alias.args[0]?.string;
  for (let outer = context.argumentOf; outer !== undefined; outer = outer.context.argumentOf) {
    if (outer.name === "withColumn" && outer.args.length === 2) return outer.args[0]!.string;
  }
  return undefined;
}
