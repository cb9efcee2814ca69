import type { Argument, Python } from "../../source_code/python.ts";
import { listedNames, ofExpression } from "./column_values.ts";
import { type Columns, inDoubt, merge, nameOf, renamed, TYPED } from "./frame_columns.ts";
import type { Step } from "./frame_writes.ts";
import { isOfFunctions } from "./null_value.ts";

// What the methods of a frame do with its columns without a type.

/** What a method needs to know of the code around it. */
export interface Surroundings {
  /** The source. */
  readonly python: Python;
  /** The columns without a type that an argument makes from nulls and from columns of a frame. */
  readonly made: (argument: Argument, columns: Columns) => Columns;
  /** The texts that a constant, a parameter or the variable of a loop stands for. */
  readonly texts: (argument: Argument) => readonly string[];
  /** The columns without a type of the frames in an argument. */
  readonly frame: (argument: Argument) => Columns;
}

type Method = (columns: Columns, step: Step, around: Surroundings) => Columns;

/** A cast of a column whose name is a variable, as in `col(name).cast(type)`. */
const CAST_ALL =
  /(?:\bcol(?:umn)?\s*\(\s*\w+(?:\s*\.\s*\w+)?\s*\)|\w\s*\[\s*\w+\s*\])\s*\.\s*(?:cast|astype)\s*\(/;

const DYNAMIC = "the names of the columns are not written in the code";

const select: Method = (columns, { call: { args } }, around) => {
  if (args.length === 0) return columns;
  if (args.some(({ code }) => CAST_ALL.test(code))) return TYPED;
  const elements = args.flatMap((argument) => elementsOf(argument, around.python));
  return merge(...elements.map((element): Columns => {
    const made = around.made(element, columns);
    const names = listedNames(element, around.python);
    if (names !== undefined) return merge(made, ...names.map((name) => named(columns, name)));
    if (/\.\s*columns$/.test(element.code)) return merge(made, columns);
    return isOneColumn(element, elements.length === 1, around.python)
      ? merge(made, PLAIN_COLUMN.test(element.code) ? unnamed(columns) : TYPED)
      : merge(made, inDoubt(columns, DYNAMIC));
  }));
};

/** A column of the frame as it is. */
const PLAIN_COLUMN =
  /^(?:\w+\s*\.\s*)?col(?:umn)?\s*\([^()]*\)(?:\s*\.\s*alias\s*\([^()]*\))?$|^\w+\s*(?:\.\s*\w+|\[[^\]]*\])$/;

/** The elements of a list, or the argument itself. */
function elementsOf(argument: Argument, { strings }: Python): Argument[] {
  const { code, start } = argument;
  const [open] = /^\*?\s*[[{]/.exec(code) ?? [];
  if (open === undefined || !/[\]}]$/.test(code) || /\bfor\b/.test(code)) return [argument];
  const elements: Argument[] = [];
  let [from, depth] = [open.length, 0];
  for (let i = from; i < code.length; i++) {
    const char = code[i]!;
    if ("([{".includes(char)) depth++;
    const isEnd = char === "," && depth === 0 || i === code.length - 1;
    if (")]}".includes(char)) depth--;
    if (!isEnd) continue;
    const element = code.slice(from, i);
    const own = start + from + element.length - element.trimStart().length;
    const text = element.trim();
    const string = strings.find((each) => each.start === own && each.end === own + text.length);
    const written = string === undefined ? {} : { string: string.text.trim() };
    if (text !== "") elements.push({ start: own, code: text, ...written });
    from = i + 1;
  }
  return elements;
}

/** Returns whether an argument of `select` is one column, and no list of columns. */
function isOneColumn({ code, string }: Argument, isAlone: boolean, { imports }: Python): boolean {
  if (string !== undefined || /^\*|\bfor\b|^\(/.test(code)) return false;
  if (!isAlone || /^\w+\s*\.\s*\w+$|^\w+\s*\[/.test(code)) return true;
  const callee = /^((?:\w+\s*\.\s*)*\w+)\s*\(/.exec(code)?.[1];
  if (callee === undefined) return false;
  return isOfFunctions(callee) || /^(?:col|column|lit|when|expr|coalesce)$/.test(callee) ||
    imports.some(({ module, names }) =>
      module === "pyspark.sql.functions" &&
      names.some(({ alias }) => alias === callee || alias === "*")
    );
}

function named(columns: Columns, written: string): Columns {
  if (/(?:^|\.)\*$/.test(written)) return columns;
  const name = nameOf(written.slice(written.lastIndexOf(".") + 1));
  const column = columns.get(name);
  return column === undefined ? unnamed(columns) : new Map([[name, column]]);
}

/** The columns whose names are not known, which can be any column that the code selects. */
function unnamed(columns: Columns): Columns {
  const column = columns.get("");
  return column === undefined ? TYPED : inDoubt(new Map([["", column]]), DYNAMIC);
}

const selectExpr: Method = (columns, { call: { args } }, { made, python }) =>
  merge(...args.map((argument): Columns => {
    const { code } = argument;
    const string = argument.string ?? python.constants.get(code);
    const own = made(argument, TYPED);
    if (string !== undefined && !/[{}]/.test(string)) {
      return merge(own, ofExpression(string, columns));
    }
    const elements = elementsOf(argument, python);
    const isList = elements.every((each) => each.string !== undefined);
    return isList
      ? merge(own, ...elements.map((each) => ofExpression(each.string!, columns)))
      : merge(own, inDoubt(columns, DYNAMIC));
  }));

const withColumn: Method = (columns, { call: { args: [first, second] } }, { made, texts }) => {
  if (first === undefined || second === undefined) return columns;
  const names = first.string === undefined ? texts(first) : [first.string];
  const value = made(second, columns);
  const named = names.length === 0 ? [""] : names.map(nameOf);
  const values = merge(...named.map((name) => renamed(value, name)));
  if (names.length === 0 && CAST_ALL.test(second.code)) return values;
  return merge(without(columns, names), values);
};

const withColumns: Method = (columns, { call: { args } }, { made, python }) => {
  if (args.some(({ code }) => CAST_ALL.test(code))) return TYPED;
  const entries = args.flatMap((argument) => elementsOf(argument, python)).map((element) => {
    const key = python.strings.find(({ start }) => start === element.start);
    return { element, name: key?.text.trim() };
  });
  const kept = without(columns, entries.flatMap(({ name }) => name ?? []));
  return merge(
    kept,
    ...entries.map(({ element, name = "" }) =>
      renamed(made(valueOf(element), columns), nameOf(name))
    ),
  );
};

/** The value after the key of an entry, as in `{"a": lit(None)}`. */
function valueOf({ start, code }: Argument): Argument {
  const [key = ""] = /^["'][^"']*["']\s*:\s*/.exec(code) ?? [];
  return { start: start + key.length, code: code.slice(key.length) };
}

function without(columns: Columns, names: readonly string[]): Columns {
  const left = new Set(names.map(nameOf));
  return new Map([...columns].filter(([name]) => !left.has(name)));
}

const drop: Method = (columns, { call: { args } }, { python }) => {
  const names = args.map((argument) => {
    const column = /(?:^\w+\s*\.\s*(\w+)$)/.exec(argument.code)?.[1];
    const strings = python.strings.filter(({ start, end }) =>
      argument.start <= start && end <= argument.start + argument.code.length
    );
    const isColumn = /^(?:\w+\s*\.\s*)?col\s*\(|^\w+\s*\[/.test(argument.code);
    const texts = isColumn ? strings.map(({ text }) => text.trim()) : undefined;
    return listedNames(argument, python) ?? texts ?? (column === undefined ? undefined : [column]);
  });
  const left = without(columns, names.flatMap((each) => each ?? []));
  return names.includes(undefined) ? inDoubt(left, DYNAMIC) : left;
};

const rename: Method = (columns, { call: { args: [from, to] } }) => {
  const column = from?.string === undefined ? undefined : columns.get(nameOf(from.string));
  if (column === undefined) return columns;
  return new Map([...without(columns, [from!.string!]), [nameOf(to?.string), column]]);
};

/** All columns, with names that are not followed. */
const renameAll: Method = (columns) => renamed(columns, "");

const both: Method = (columns, { call: { args } }, { frame }) => {
  const isFilter = args.some(({ string }) => /semi|anti/i.test(string ?? ""));
  const others = args.slice(0, 1).map(frame);
  return isFilter ? columns : merge(columns, ...others);
};

/** A column of a union has no type only if it has none in both frames. */
const union: Method = (columns, { call: { args } }, { frame }) => {
  const [other] = args;
  const others = other === undefined ? TYPED : frame(other);
  const isLoose = args.some(({ keyword, code }) =>
    keyword === "allowMissingColumns" && code !== "False"
  );
  if (isLoose) return inDoubt(merge(columns, others), "a union can add a missing column");
  const all = merge(columns, others);
  return new Map([...all].filter(([name]) => columns.has(name) && others.has(name)));
};

const typed: Method = () => TYPED;

/** The columns of `agg`, which can be a dictionary of functions. */
const aggregated: Method = (columns, step, around) =>
  /^\{/.test(step.call.args[0]?.code ?? "") ? TYPED : select(columns, step, around);

/** The methods that change columns. Each other method keeps them. */
const METHODS = new Map<string, Method>([
  ...names("select groupBy groupby rollup cube", select),
  ...names("agg", aggregated),
  ...names("selectExpr", selectExpr),
  ...names("withColumn", withColumn),
  ...names("withColumns", withColumns),
  ...names("drop", drop),
  ...names("withColumnRenamed", rename),
  ...names("toDF withColumnsRenamed", renameAll),
  ...names("join crossJoin", both),
  ...names("union unionAll unionByName intersect intersectAll subtract exceptAll", union),
  ...names("unpivot melt", (columns) => inDoubt(columns, DYNAMIC)),
  ...names(
    "to mapInPandas mapInArrow applyInPandas applyInPandasWithState describe summary corr crosstab",
    typed,
  ),
]);

function names(list: string, method: Method): [string, Method][] {
  return list.split(" ").map((name) => [name, method]);
}

/** Methods of grouped frames, whose result has the columns of the groups. */
const OF_GROUPS = /^(?:agg|count|sum|avg|mean|min|max|pivot|apply)$/;

/** Returns the columns after a method; `groups` are the columns of `groupBy` directly before. */
export function columnsAfter(
  columns: Columns,
  step: Step,
  groups: Columns | undefined,
  around: Surroundings,
): Columns {
  const method = METHODS.get(step.name);
  if (groups === undefined || !OF_GROUPS.test(step.name)) {
    return method === undefined ? columns : method(columns, step, around);
  }
  // The columns for `agg` after `pivot`.
  if (step.name === "pivot") return columns;
  return step.name === "agg" ? merge(groups, aggregated(columns, step, around)) : groups;
}

/** Methods that end a chain, and make no frame. */
export const ACTIONS =
  /^(?:show|count|collect|take|first|head|tail|isEmpty|toPandas|toLocalIterator|printSchema|explain|foreach|foreachPartition|toJSON|approxQuantile|display)$/;

/** Methods of frames, whose arguments are judged by themselves. */
export const KNOWN =
  /^(?:select|selectExpr|agg|groupBy|groupby|rollup|cube|withColumns?|drop|withColumnRenamed|withColumnsRenamed|toDF|join|crossJoin|union|unionAll|unionByName|intersect|intersectAll|subtract|exceptAll|filter|where|orderBy|sort|sortWithinPartitions|repartition|repartitionByRange|coalesce|limit|distinct|dropDuplicates|drop_duplicates|alias|cast|astype|name|over|fillna|fill|replace|dropna|sample|hint|persist|cache|checkpoint|localCheckpoint|unpersist|to|mapInPandas|mapInArrow|applyInPandas|describe|summary|pivot|option|options|mode|format|partitionBy|bucketBy|sortBy|when|otherwise|isNull|isNotNull|eqNullSafe|isin|count|sum|avg|mean|min|max)$/;

/** Functions that only look at a frame. */
export const LOOKING =
  /^(?:print|len|display|isinstance|type|id|bool|str|repr|assert\w*|debug|info|warning|error|log|createDataFrame)$/;
