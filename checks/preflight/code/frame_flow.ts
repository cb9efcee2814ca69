import { type Argument, type Call, type Python } from "../../source_code/python.ts";
import { functionsOf, type PythonFunction, textsOf } from "../../source_code/python_keys.ts";
import { listedNames, madeFrom, namedCode, ofExpression } from "./column_values.ts";
import {
  type Columns,
  columnsOf,
  inDoubt,
  join,
  merge,
  nameOf,
  type NullSite,
  renamed,
  SOME_PATHS,
  TYPED,
} from "./frame_columns.ts";
import { ACTIONS, columnsAfter, KNOWN, LOOKING } from "./frame_methods.ts";
import {
  type Chain,
  chainsIn,
  chainsOf,
  type Statement,
  statementsOf,
  usesName,
} from "./frame_source.ts";
import { type Fate, Fates } from "./frame_fates.ts";
import { isWriter, type Step, writeOf } from "./frame_writes.ts";
import { casts, isColumnFunction } from "./null_value.ts";
import { SqlViews, targetsOfSql } from "./sql_views.ts";

/** The most statements to follow. The nulls of a longer program are not judged. */
const MAX_STATEMENTS = 20_000;

/** The most functions that call each other. */
const MAX_DEPTH = 5;

/** Statements whose value goes nowhere. */
const ASKING = /^(?:if|elif|while|assert|del|for|with|raise|global|nonlocal)$/;

/**
 * Follows the frames of a source from each null on: through the methods, variables, functions and
 * views of the source.
 */
export function fatesOf(python: Python, sites: readonly NullSite[]): Map<NullSite, Fate> {
  const flow = new Flow(python, sites);
  return new Map(sites.map((site) => [site, flow.fateOf(site)]));
}

/** Statements that end a branch. */
const LEAVING = /^(?:return|raise|continue|break)$/;

/** The variables of a function or a module. */
interface Scope {
  readonly frames: Map<string, Columns>;
  /** The variables that got their value here, and not around the function. */
  readonly own: Set<string>;
  returned: Columns;
  readonly depth: number;
}

class Flow {
  readonly #fates = new Fates();
  readonly #views = new SqlViews();
  /** The frames in fields, as in `self.df`. */
  readonly #fields = new Map<string, Columns>();
  readonly #called = new Set<PythonFunction>();
  readonly #statements: readonly Statement[];
  readonly #chains: readonly Chain[];
  readonly #functions: readonly PythonFunction[];
  readonly #named: (argument: Argument) => string;
  readonly #starts: ReadonlyMap<number, NullSite>;
  /** The variables that got a value that is not made from their last one. */
  #replaced = new Set<string>();
  #left = MAX_STATEMENTS;
  #scope: Scope = { frames: new Map(), own: new Set(), returned: TYPED, depth: 0 };

  constructor(private readonly python: Python, private readonly sites: readonly NullSite[]) {
    this.#statements = statementsOf(python);
    this.#chains = chainsOf(python);
    this.#functions = functionsOf(python.code);
    this.#named = namedCode(python);
    this.#starts = new Map(
      sites.filter(({ reader }) => reader === undefined).map((site) => [site.start, site]),
    );
    this.#block(0, this.#statements.length);
    for (const each of this.#functions) {
      if (!this.#called.has(each)) this.#fates.reach(this.#call(each, new Map()));
    }
    for (const { sites, unsure } of this.#views.unread().values()) {
      this.#fates.doubt(sites, unsure ?? "code that is not in this file can read the view");
    }
  }

  /** What becomes of a null. */
  fateOf(site: NullSite): Fate {
    return this.#fates.of(site, this.#left >= 0);
  }

  /** Follows the statements of a block, except the bodies of functions. */
  #block(from: number, to: number): void {
    for (let i = from; i < to && this.#left >= 0; i++) {
      const { keyword = "", indent } = this.#statements[i]!;
      if (keyword === "def") i = this.#endOf(i, to, indent) - 1;
      else if (keyword === "if" || keyword === "try") i = this.#branches(i, to, indent) - 1;
      else {
        this.#statement(this.#statements[i]!);
        if (!/^(?:for|while|case|else)$/.test(keyword)) continue;
        const end = this.#endOf(i, to, indent);
        this.#perhaps(i + 1, end, keyword === "for" || keyword === "while" ? 2 : 1);
        i = end - 1;
      }
    }
  }

  /**
   * Follows statements that may not run: a null in a variable that they replace stays, in doubt. A
   * second round finds what a statement does with a variable of the round before.
   */
  #perhaps(from: number, to: number, rounds: number): void {
    const [before, replaced] = [new Map(this.#scope.frames), this.#replaced];
    this.#replaced = new Set();
    for (let i = 0; i < rounds; i++) this.#block(from, to);
    const { frames } = this.#scope;
    for (const name of this.#replaced) {
      const [old, now] = [before.get(name) ?? TYPED, frames.get(name) ?? TYPED];
      const lost = new Map([...old].filter(([column]) => !now.has(column)));
      if (lost.size > 0) frames.set(name, merge(now, inDoubt(lost, SOME_PATHS)));
      replaced.add(name);
    }
    this.#replaced = replaced;
  }

  /** The end of the statements that belong to the head of a block. */
  #endOf(head: number, to: number, indent: number): number {
    let end = head + 1;
    while (end < to && this.#statements[end]!.indent > indent) end++;
    return end;
  }

  #branches(head: number, to: number, indent: number): number {
    const before = this.#scope.frames;
    const after: Map<string, Columns>[] = [];
    const isTry = this.#statements[head]!.keyword === "try";
    const others = isTry ? /^except$/ : /^(?:elif|else)$/;
    let at = head;
    let isElse = isTry;
    for (;;) {
      this.#scope = { ...this.#scope, frames: new Map(before) };
      this.#statement(this.#statements[at]!);
      const end = this.#endOf(at, to, indent);
      this.#block(at + 1, end);
      const last = this.#statements[end - 1]!;
      const isWhole = last.indent === this.#statements[at + 1]?.indent;
      if (!isWhole || !LEAVING.test(last.keyword ?? "")) after.push(this.#scope.frames);
      at = end;
      const next = this.#statements[at];
      if (at >= to || next!.indent !== indent || !others.test(next!.keyword ?? "")) break;
      isElse ||= next!.keyword === "else";
    }
    if (!isElse) after.push(before);
    const names = new Set(after.flatMap((frames) => [...frames.keys()]));
    const joined = [...names].map((name): [string, Columns] => {
      const values = after.flatMap((frames) => frames.get(name) ?? []);
      return [name, join(before.get(name) ?? TYPED, values)];
    });
    this.#scope = { ...this.#scope, frames: new Map(joined) };
    return at;
  }

  #statement({ start, end, keyword, target, value }: Statement): void {
    this.#left--;
    if (keyword !== undefined && /^(?:def|class|import|from)$/.test(keyword)) return;
    const isUsed = target !== undefined || keyword === "return" || keyword === "yield";
    const columns = this.#valueOf(
      { start: value, code: this.python.code.slice(value, end) },
      isUsed,
    );
    if (keyword === "return" || keyword === "yield") {
      this.#scope.returned = merge(this.#scope.returned, columns);
    } else if (target !== undefined) {
      if (!usesName(this.python.code.slice(value, end), target)) this.#replaced.add(target);
      this.#assign(target, columns);
    } else if (keyword === undefined || !ASKING.test(keyword)) {
      // As in `frames["a"] = df` and `a, b = df, other`.
      if (/^[^=()]*[^=!<>()]=(?!=)/.test(this.python.code.slice(start, end))) {
        this.#fates.reach(columns);
      }
    }
  }

  #assign(target: string, columns: Columns): void {
    const { frames, own } = this.#scope;
    // The last value of the variable goes nowhere else.
    if (own.has(target)) this.#fates.forget(frames.get(target) ?? TYPED);
    if (!target.includes(".")) own.add(target);
    (target.includes(".") ? this.#fields : frames).set(target, columns);
  }

  #variable(name: string): Columns | undefined {
    return (name.includes(".") ? this.#fields : this.#scope.frames).get(name);
  }

  /** The columns without a type in the frames and columns of an expression. */
  #valueOf({ start, code: { length } }: Argument, isUsed: boolean): Columns {
    const end = start + length;
    const all: Columns[] = [];
    let covered = start;
    for (const chain of this.#chainsIn(start, end)) {
      if (chain.start < covered) continue;
      all.push(this.#chain(chain, isUsed));
      covered = chain.end;
    }
    const isInside = (offset: number) =>
      this.#chainsIn(start, end).some((each) => each.start <= offset && offset < each.end);
    for (const { 0: name, index } of this.python.code.slice(start, end).matchAll(NAME)) {
      const columns = this.#variable(name.replace(/\.rdd$/, ""));
      if (columns !== undefined && !isInside(start + index)) all.push(columns);
    }
    all.push(...this.#indexed(start, end, isInside));
    for (const site of this.sites) {
      const isHere = start <= site.start && site.start < end && site.reader === undefined;
      if (isHere && !isInside(site.start)) all.push(columnsOf(site));
    }
    return merge(...all);
  }

  /** The columns that indexes select, as in `df[["a", "b"]]`. */
  #indexed(start: number, end: number, isInside: (offset: number) => boolean): Columns[] {
    const indexes = /(?<![\w.])(\w+)\s*(?=\[)/g;
    return [...this.python.code.slice(start, end).matchAll(indexes)].flatMap(
      ({ 0: { length }, 1: name, index }) => {
        const columns = this.#variable(name!);
        const at = start + index + length;
        const isList = this.python.code[at + 1] === "[";
        const names = listedNames({ start: isList ? at + 1 : at, code: "" }, this.python);
        if (columns === undefined || names === undefined || isInside(at)) return [];
        const wanted = new Set(names.map(nameOf));
        const kept = new Map([...columns].filter(([each]) => each === "" || wanted.has(each)));
        this.#fates.forget(new Map([...columns].filter(([each]) => !kept.has(each))));
        return [kept];
      },
    );
  }

  #chainsIn(start: number, end: number): Chain[] {
    return chainsIn(this.#chains, start, end);
  }

  #chain(chain: Chain, isUsed: boolean): Columns {
    const { start, owner, steps } = chain;
    const known = [...owner.keys()].map((i) => owner.slice(0, owner.length - i))
      .find((names) => this.#variable(names.join(".")) !== undefined);
    const site = this.#starts.get(start);
    const [first, ...rest] = steps as [Step, ...Step[]];
    if (site !== undefined) return this.#steps(columnsOf(site), rest, false, isUsed);
    const base = known === undefined ? TYPED : this.#variable(known.join("."))!;
    const path = owner.slice(known?.length ?? 0);
    if (known !== undefined) {
      return this.#steps(base, [{ ...first, path }, ...rest], true, isUsed);
    }
    if (isColumnFunction(first.call, this.python)) return this.#computed(chain);
    const made = this.#made(first, path, isUsed);
    return made === undefined
      ? this.#steps(TYPED, [{ ...first, path }, ...rest], false, isUsed)
      : this.#steps(made, rest, false, isUsed);
  }

  /** The columns that functions of Spark make from variables, as in `F.coalesce(c, F.lit("x"))`. */
  #computed({ start, end, steps }: Chain): Columns {
    const used = merge(...steps.map(({ call }) => this.#argumentsOf(call)));
    const code = this.python.code.slice(start, end);
    const names = [...this.#scope.frames].filter(([, { size }]) => size > 0).map(([name]) => name);
    const isPart = names.some((name) => new RegExp(`(?<![\\w.])${name}\\s*[.[]`).test(code));
    if (used.size === 0 || isPart) return used;
    const sites = this.sites.filter((site) => start <= site.start && site.start < end);
    const made = madeFrom(this.#named({ start, code }), TYPED, this.#scope.frames);
    return this.#fates.keep(used, merge(made, ...sites.map(columnsOf)));
  }

  /** The columns of a frame that a function makes; undefined for a method of a frame. */
  #made({ name, call }: Step, path: readonly string[], isUsed: boolean): Columns | undefined {
    if (name === "sql") return this.#query(call);
    if (name === "table" && path[0] !== undefined) {
      return this.#views.get(call.args[0]?.string ?? "") ?? TYPED;
    }
    const isOwn = path.length === 0 || /^(?:self|cls)$/.test(path[0]!);
    const own = isOwn ? this.#functions.find((each) => each.name === name) : undefined;
    if (own !== undefined) return this.#callWith(own, call, undefined);
    if (LOOKING.test(name)) {
      this.#fates.forget(this.#argumentsOf(call));
      // As in `createDataFrame(rows, df.schema)`.
      const schemas = call.args.flatMap(({ code }) => /^([\w.]+)\.schema$/.exec(code)?.[1] ?? []);
      return merge(...schemas.map((each) => this.#variable(each) ?? TYPED));
    }
    const isFrame = path.length === 0 && this.python.code[call.start - 1] === ".";
    if (isFrame || path.some((each) => /^(?:read|readStream)$/.test(each))) return undefined;
    if (path.length > 0 && KNOWN.test(name)) return undefined;
    const columns = this.#argumentsOf(call);
    if (!isUsed) this.#fates.reach(columns);
    const isUnion = name === "reduce" && call.args.some(({ code }) => /\.\s*union/.test(code));
    return isUnion
      ? inDoubt(columns, "only some frames of a union give the column a type")
      : columns;
  }

  #argumentsOf({ args }: Call): Columns {
    return merge(...args.map((argument) => this.#valueOf(argument, true)));
  }

  /** The columns of a frame after a chain of methods. */
  #steps(start: Columns, steps: readonly Step[], isFrame: boolean, isUsed: boolean): Columns {
    let columns = start;
    let groups: Columns | undefined;
    let others: Columns = TYPED;
    const around = {
      python: this.python,
      made: (argument: Argument, of: Columns) => this.#columnIn(argument, of),
      texts: ({ code, start }: Argument) => {
        const text = this.python.constants.get(code);
        if (text !== undefined) return [text];
        return /^\w+$/.test(code) ? textsOf(this.python, this.#functions, code, start) : [];
      },
      frame: (argument: Argument) => {
        others = this.#valueOf(argument, true);
        return others;
      },
    };
    for (const [i, step] of steps.entries()) {
      const isWrite = step.path.some((each) => /^write(?:Stream)?$/.test(each)) ||
        (isFrame || i > 0 || step.name === "writeTo") && isWriter(step) && columns.size > 0;
      if (isWrite) {
        const write = writeOf(steps.slice(i), this.python);
        if (write === undefined) return columns;
        this.#batch(steps.slice(i), columns);
        if (write.kind === "refused") this.#fates.reach(columns);
        else if (write.kind === "taken") this.#fates.forget(columns);
        else for (const { sites } of columns.values()) this.#fates.doubt(sites, write.reason);
        return TYPED;
      }
      const view = /^create\w*TempView$|^registerTempTable$/.test(step.name);
      if (view) {
        const name = step.call.args[0]?.string;
        if (name === undefined) {
          this.#fates.reach(inDoubt(columns, "a view has a variable for its name"));
        } else this.#views.set(name, columns);
        return TYPED;
      }
      if (ACTIONS.test(step.name) && groups === undefined) {
        this.#fates.forget(columns);
        if (step.name !== "toPandas") return TYPED;
      }
      if (step.path.includes("rdd")) {
        this.#fates.forget(columns);
        return TYPED;
      }
      others = TYPED;
      const after = casts(step.call) ? TYPED : this.#own(step, columns, isUsed) ??
        columnsAfter(columns, step, groups, around);
      this.#fates.keep(new Map([...columns, ...others]), after);
      const isGroup = /^(?:groupBy|groupby|rollup|cube)$/.test(step.name);
      groups = isGroup
        ? step.call.args.length === 0 ? TYPED : after
        : step.name === "pivot"
        ? groups
        : undefined;
      if (!isGroup) columns = after;
    }
    return columns;
  }

  /** Runs the function of `foreachBatch` with the frame. */
  #batch(steps: readonly Step[], columns: Columns): void {
    const code = steps.find(({ name }) => name === "foreachBatch")?.call.args[0]?.code;
    const own = this.#functions.find((each) => each.name === code);
    if (own !== undefined) this.#callWith(own, undefined, columns);
  }

  /** The columns after a method that runs a function of the source, or one that is not known. */
  #own({ name, call }: Step, columns: Columns, isUsed: boolean): Columns | undefined {
    if (name === "transform") {
      const [argument] = call.args;
      const own = this.#functions.find((each) => each.name === argument?.code);
      if (own !== undefined) return this.#callWith(own, undefined, columns);
      const [head, parameter] = /^lambda\s+(\w+)[^:]*:/.exec(argument?.code ?? "") ?? [];
      if (head === undefined) return undefined;
      const outer = this.#scope;
      this.#scope = { ...outer, frames: new Map([...outer.frames, [parameter!, columns]]) };
      const { start, code } = argument!;
      const result = this.#valueOf(
        { start: start + head.length, code: code.slice(head.length) },
        true,
      );
      this.#scope = outer;
      return result;
    }
    if (KNOWN.test(name)) return undefined;
    const others = this.#argumentsOf(call);
    if (others.size === 0) return undefined;
    if (!isUsed) this.#fates.reach(others);
    return merge(columns, others);
  }

  /** The columns that an argument makes from nulls in it, from variables, and from its frame. */
  #columnIn(argument: Argument, columns: Columns): Columns {
    const { start, code } = argument;
    const isHere = ({ start: own }: NullSite) => start <= own && own < start + code.length;
    const helped = this.#helped(argument);
    if (helped !== undefined) return helped;
    const sites = this.sites.filter(isHere);
    if (sites.length > 0) return merge(...sites.map(columnsOf));
    const starred = /^\*?\s*([A-Za-z_]\w*)$/.exec(code)?.[1];
    const held = starred === undefined ? undefined : this.#variable(starred);
    if (held !== undefined) return held;
    const sql = /^(?:\w+\s*\.\s*)?expr\s*\(\s*/.exec(code)?.[0].length;
    const text = sql === undefined
      ? undefined
      : this.python.strings.find((each) => each.start === start + sql)?.text.trim();
    if (text !== undefined && !/\{/.test(text)) {
      const made = ofExpression(text, columns);
      const alias = /\)\s*\.\s*(?:alias|name)\s*\(\s*["'](\w+)["']\s*\)$/.exec(
        this.#named(argument),
      );
      if (/\)\s*\.\s*(?:cast|astype)\s*\(/.test(code)) return TYPED;
      return alias === null ? made : renamed(made, nameOf(alias[1]));
    }
    return madeFrom(this.#named(argument), columns, this.#scope.frames);
  }

  /** The columns that a function of the source makes, as in `clean(F.lit(None))`. */
  #helped({ start, code: { length } }: Argument): Columns | undefined {
    const chain = this.#chainsIn(start, start + 1).find(({ end }) => end === start + length);
    const [first] = chain?.steps ?? [];
    const isOwn = first !== undefined && chain!.owner.length === 0 && !this.#starts.has(start) &&
      this.#functions.some(({ name }) => name === first.name);
    return isOwn
      ? this.#fates.keep(this.#argumentsOf(first.call), this.#chain(chain!, true))
      : undefined;
  }

  /** The columns of the result of `spark.sql`. */
  #query(call: Call): Columns {
    const [argument] = call.args;
    const text = argument?.string ?? this.python.constants.get(argument?.code ?? "");
    const own = this.sites.filter(({ reader }) => reader === call.end);
    if (text === undefined) return merge(...own.map(columnsOf));
    const results = targetsOfSql(text).map(({ code, target }, i): Columns => {
      const sites = own.filter(({ statement = 0 }) => statement === i);
      const columns = merge(
        ...sites.map(columnsOf),
        this.#views.columnsOf(code, this.#fates.forget),
      );
      if (target.kind === "result") return columns;
      if (target.kind === "files") this.#fates.reach(columns);
      else if (target.kind === "typed") this.#fates.forget(columns);
      else this.#views.set(target.name, columns);
      return TYPED;
    });
    return merge(...results);
  }

  /** Calls a function of the source with the arguments of a call, or with a frame. */
  #callWith(own: PythonFunction, call: Call | undefined, frame: Columns | undefined): Columns {
    const frames = new Map<string, Columns>();
    own.parameters.forEach((parameter, i) => {
      const argument = call?.args.find(({ keyword }) => keyword === parameter) ??
        call?.args.filter(({ keyword }) => keyword === undefined)[i];
      const value = argument === undefined ? undefined : this.#valueOf(argument, true);
      frames.set(parameter, value ?? (i === 0 ? frame : undefined) ?? TYPED);
    });
    return this.#call(own, frames);
  }

  #call(own: PythonFunction, parameters: Map<string, Columns>): Columns {
    this.#called.add(own);
    const outer = this.#scope;
    if (outer.depth >= MAX_DEPTH) return inDoubt(merge(...parameters.values()), "deep calls");
    const from = this.#statements.findIndex(({ start, keyword }) =>
      own.start <= start && keyword === "def"
    );
    const { indent } = this.#statements[from]!;
    const frames = new Map([...outer.frames, ...parameters]);
    const names = new Set(parameters.keys());
    this.#scope = { frames, own: names, returned: TYPED, depth: outer.depth + 1 };
    this.#block(from + 1, this.#endOf(from, this.#statements.length, indent));
    const { returned } = this.#scope;
    this.#scope = outer;
    return returned;
  }
}

/** A name that is not a part of a longer one, and no keyword of a call. */
const NAME = /(?<![\w.])[A-Za-z_]\w*(?:\.\w+)?(?!\w|\s*[.([]|\s*=(?!=))/g;
