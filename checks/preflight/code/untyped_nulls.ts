import type { Code } from "../../source_code/code.ts";
import {
  type Argument,
  type Call,
  callsOf,
  type Python,
  pythonOf,
} from "../../source_code/python.ts";
import { canReachParquet, isTypedLater, type NullFlow, readFlow } from "./null_flow.ts";
import { postgresStringsOf } from "./postgres_strings.ts";
import { mayHaveUntypedNulls, untypedNulls } from "../../source_code/sql.ts";

/** A null without a type that becomes a column of a table. */
export interface UntypedNull {
  /** The position of the null in the text. */
  readonly offset: number;
  /** The source, as in `lit(None)`. */
  readonly written: string;
  /** The name of the column, if the code contains one. */
  readonly column: string | undefined;
}

/** Finds the nulls without a type in Python or SQL. */
export function untypedNullsIn(code: Code): UntypedNull[] {
  const { language, text } = code;
  if (language === "sql") {
    return isPostgres(code) ? [] : untypedNulls(text).map((each) => inSql(each, 0));
  }
  if (language !== "python" || !mayHaveNulls(code)) return [];
  const python = pythonOf(code);
  return [...literals(python), ...queries(python)].sort((a, b) => a.offset - b.offset);
}

/** Returns whether Python code may have nulls without a type, found without parsing the code. */
export function mayHaveNulls({ text }: Pick<Code, "text">): boolean {
  return /\b(?:lit|when)\b/.test(text) && /\bNone\b/.test(text) || /\bNullType\b/.test(text) ||
    /\bvoid\b/i.test(text) ||
    mayHaveUntypedNulls(text);
}

/** Returns whether SQL is for Postgres: psql runs it, or it has syntax that Spark does not have. */
function isPostgres({ text, object, field = "", dialect }: Code): boolean {
  if (dialect === "postgres") return true;
  // In a container, only the SQL of psql is read as SQL.
  if (object !== undefined && /containers\[\d+\]/.test(field)) return true;
  return /\bON\s+CONFLICT\b|\bRETURNING\b|\bplpgsql\b|\bjsonb\b|\bCREATE\s+EXTENSION\b|\b(?:BIG)?SERIAL\b|\$\$|^\s*\\\w+/im
    .test(text);
}

function inSql({ offset, name }: { offset: number; name: string | undefined }, base: number) {
  const written = name === undefined ? "CAST(NULL AS void)" : `NULL AS ${name}`;
  return { offset: base + offset, written, column: name };
}

function queries(python: Python): UntypedNull[] {
  let isForPostgres: ReturnType<typeof postgresStringsOf> | undefined;
  return python.strings.flatMap((each) => {
    const { start, text } = each;
    if (!/\bnull\b/i.test(text)) return [];
    isForPostgres ??= postgresStringsOf(python);
    if (isForPostgres(each)) return [];
    const lead = text.length - text.trimStart().length;
    return untypedNulls(text.slice(lead)).map((each) => inSql(each, start + lead));
  });
}

function literals(python: Python): UntypedNull[] {
  const aliases = python.imports.flatMap(({ names }) => names)
    .filter(({ name }) => name === "lit").map(({ alias }) => alias);
  const nulls = callsOf(python, ["lit", "expr", ...aliases]).filter(isNull);
  const conditions = callsOf(python, ["when"]).filter(isNullCondition);
  const uses = nulls.length === 0 ? new Map() : usesIn(python.code);
  let read: NullFlow | undefined;
  const flow = () => read ??= readFlow(python, (code) => NULL.test(code));
  const columns = [...nulls, ...conditions]
    .filter((call) =>
      !isTyped(call) && !isOperand(python.code, call) && !isCastLater(python.code, call, uses) &&
      !isTypedLater(flow(), call, columnOf(call)) && !isLeftOut(call) &&
      canReachParquet(flow(), call)
    )
    .map((call) => ({ offset: call.start, written: writtenOf(call), column: columnOf(call) }));
  const fields = callsOf(python, ["StructField"]).filter(({ args }) =>
    /^(?:\w+\s*\.\s*)*NullType\s*\(/.test(args[1]?.code ?? "")
  ).map(({ start, args }) => (
    { offset: start, written: "NullType()", column: args[0]?.string }
  ));
  return [...columns, ...fields, ...voidSchemas(python)];
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

/**
 * Returns whether a `select` directly after `withColumn` names only other columns, as in
 * `.withColumn("a", lit(None)).select("b")`. Spark ignores the case of names.
 */
function isLeftOut({ context: { argumentOf: outer } }: Call): boolean {
  const column = outer?.args[0]?.string ?? "";
  const next = outer?.chain[0];
  if (outer?.name !== "withColumn" || next?.callee !== "select" || !PLAIN_NAME.test(column)) {
    return false;
  }
  return next.args.length > 0 &&
    next.args.every(({ keyword, code, string = "" }) =>
      keyword === undefined && /^["']/.test(code) && PLAIN_NAME.test(string) &&
      string.toLowerCase() !== column.toLowerCase()
    );
}

/** The name of a column without quotes, dots and stars. */
const PLAIN_NAME = /^[A-Za-z_]\w*$/;

function writtenOf({ name }: Call): string {
  if (name === "when") return "when(…, None)";
  return name === "expr" ? 'expr("NULL")' : `${name}(None)`;
}

/**
 * Returns whether all values of `when(…).when(…).otherwise(…)` are None. If one of them is
 * `lit(None)`, that call is judged instead.
 */
function isNullCondition({ args, chain, receiver }: Call): boolean {
  if (receiver?.name === "when" || args.length !== 2) return false;
  const values = [
    args[1],
    ...chain.filter(({ name }) => /^(when|otherwise)$/.test(name)).map((call) => call.args.at(-1)),
  ];
  return values.every((each) => each?.code === "None");
}

/** Returns whether a call is an operand, as in `col("a") == lit(None)`: the result has a type. */
function isOperand(code: string, { start, end, context: { bracketed } }: Call): boolean {
  if (bracketed !== undefined) return false;
  return /(?:==|!=|<=|>=|[<>+*/&|%~-])\s*$/.test(code.slice(Math.max(0, start - 20), start)) ||
    /^\s*(?:==|!=|<=|>=|[<>+*/&|%-])/.test(code.slice(end, end + 20));
}

function isNull({ name, args }: Call): boolean {
  const [arg] = args;
  if (args.length !== 1 || arg === undefined) return false;
  return name === "expr" ? arg.string?.toUpperCase() === "NULL" : arg.code === "None";
}

const NAMING = ["alias", "name"];

/** Returns whether the null gets a type: from a cast, or from other values of the same column. */
function isTyped(call: Call): boolean {
  const { chain } = call;
  if (chain.some(casts)) return true;
  const methods = call.name === "when"
    ? chain.filter(({ name }) => !/^(when|otherwise)$/.test(name))
    : chain;
  if (methods.some(({ name }) => !NAMING.includes(name) && !isCast(name))) return true;
  return methods.length === 0 && isTypedByContext(call);
}

function isCast(name: string): boolean {
  return name === "cast" || name === "astype";
}

function casts({ name, args }: Call): boolean {
  const [to] = args;
  if (!isCast(name) || to === undefined) return false;
  return !/^(void|null)$/i.test(to.string ?? "") && !/\bNullType\b/.test(to.code);
}

/** Functions whose result has the type of those arguments that have one. */
const MIXING = ["coalesce", "ifnull", "nvl", "greatest", "least", "array"];

/** Methods and functions whose result has a type, or is no column. */
const TYPED =
  /^(eqNullSafe|isin|between|like|rlike|ilike|startswith|endswith|contains|filter|where|join|fillna|fill|replace|concat|concat_ws|isnull|isNull|isnan|count|countDistinct|hash|sha2|md5|date_format|to_date|to_timestamp|to_json|assertEqual|print)$/;

function isTypedByContext({ context: { argumentOf: outer, bracketed } }: Call): boolean {
  // A cast after brackets, or after a condition, casts the null in them.
  if (bracketed !== undefined) return bracketed.some(casts);
  if (outer === undefined) return false;
  if (TYPED.test(outer.name)) return true;
  if (outer.name === "when") {
    return outer.chain.some(casts) ||
      outer.chain.some(({ name, args }) =>
        /^(when|otherwise)$/.test(name) && !isOnlyNull(args.at(-1))
      );
  }
  if (outer.name === "otherwise") {
    return outer.receiver?.name !== "when" || hasTypedBranch(outer.receiver) ||
      outer.chain.some(casts);
  }
  return MIXING.includes(outer.name) && !outer.args.every(isOnlyNull);
}

/** Returns whether one of the values of `when(…).when(…)` has a type. */
function hasTypedBranch(last: Call): boolean {
  for (let call: Call | undefined = last; call?.name === "when"; call = call.receiver) {
    if (!isOnlyNull(call.args.at(-1))) return true;
  }
  return false;
}

function isOnlyNull(argument: Argument | undefined): boolean {
  return argument === undefined || NULL.test(argument.code);
}

const NULL = /^(?:None|(?:\w+\s*\.\s*)*lit\s*\(\s*None\s*\))$/;

/** Where code uses a name, in the order of the source: the offsets after the name. */
type Uses = ReadonlyMap<string, readonly number[]>;

function usesIn(code: string): Uses {
  const uses = new Map<string, number[]>();
  for (const { 0: name, index } of code.matchAll(/(?<![\w.])[A-Za-z_]\w*(?!\s*=[^=])\b/g)) {
    const all = uses.get(name) ?? [];
    all.push(index + name.length);
    uses.set(name, all);
  }
  return uses;
}

/** Returns whether the null is assigned to a variable, and each use of the variable is cast. */
function isCastLater(code: string, { end, context: { assignedTo } }: Call, uses: Uses): boolean {
  const later = uses.get(assignedTo ?? "")?.filter((offset) => offset > end) ?? [];
  return later.length > 0 &&
    later.every((offset) => /^\s*\.\s*(cast|astype)\s*\(/.test(code.slice(offset, offset + 200)));
}

function columnOf({ chain, context }: Call): string | undefined {
  const alias = chain.find(({ name }) => NAMING.includes(name));
  if (alias !== undefined) return alias.args[0]?.string;
  for (let outer = context.argumentOf; outer !== undefined; outer = outer.context.argumentOf) {
    if (outer.name === "withColumn" && outer.args.length === 2) return outer.args[0]!.string;
  }
  return undefined;
}
