import {
  commonType,
  elementOf,
  fieldOf,
  generatedBy,
  resultOf,
  type SqlField,
  type SqlType,
  writtenType,
} from "./sql_types.ts";

/**
 * The columns that an item of a SELECT makes: one, or those of a generator such as `stack`.
 *
 * @param text the item without comments, with the name of its column or without
 */
export function columnsOfItem(text: string): readonly SqlField[] {
  const reader = new Reader(text);
  const generated = reader.generator();
  const [, list] = /\bAS\s*\(([\w\s,`]*)\)\s*$/i.exec(text) ?? [];
  const [, alias] = /[\s)\]]AS\s+`?(\w+)`?\s*$/i.exec(text) ?? [];
  const names = list?.split(",").map((each) => each.trim().replaceAll("`", "")) ??
    (alias === undefined ? [] : [alias]);
  const columns = generated ?? [{ name: undefined, type: reader.expression() }];
  return columns.map(({ name, type }, i) => ({ name: names[i] ?? name, type }));
}

/** The columns of a generator in `LATERAL VIEW`, which begins with its name. */
export function columnsOfGenerator(text: string): readonly SqlField[] {
  return new Reader(text).generator() ?? [];
}

const TOKEN = /'[^']*'|"[^"]*"|`[^`]*`|\d[\w.]*|[A-Za-z_]\w*|->|=>|\|\||::|<=|>=|<>|\S/g;

/** The words that end an expression. */
const ENDING = /^(?:\)|\]|,|;|when|then|else|end|as|from|where|group|order|union|limit|having)$/i;

/** The most tokens of an expression. The type of a longer one is not known. */
const MAX_TOKENS = 5_000;

/** The deepest nesting of an expression. */
const MAX_DEPTH = 100;

type Names = ReadonlyMap<string, SqlType>;
const NO_NAMES: Names = new Map<string, SqlType>([]);

/** An argument of a function, which can be a lambda. */
interface SqlArgument {
  readonly type: SqlType;
  readonly text: string;
  readonly name?: string;
  readonly lambda?: { readonly names: readonly string[]; readonly body: number };
}

class Reader {
  readonly #tokens: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = (text.match(TOKEN) ?? []).slice(0, MAX_TOKENS);
  }

  #is(pattern: RegExp): boolean {
    return pattern.test(this.#tokens[this.#at] ?? "");
  }

  #take(pattern: RegExp): boolean {
    const found = this.#is(pattern);
    if (found) this.#at++;
    return found;
  }

  /** The columns of the generator that the text begins with; undefined for another expression. */
  generator(): readonly SqlField[] | undefined {
    const name = (this.#tokens[0] ?? "").toLowerCase();
    if (this.#tokens[1] !== "(") return undefined;
    this.#at = 2;
    const args = this.#arguments(NO_NAMES);
    const generated = generatedBy(name, args.map(({ type }) => type), Number(args[0]?.text));
    if (generated === undefined || !(this.#at >= this.#tokens.length || !this.#is(/^[.[]$/))) {
      this.#at = 0;
      return undefined;
    }
    return generated;
  }

  /** The type of the expression at this place. */
  expression(names: Names = NO_NAMES): SqlType {
    if (this.#depth >= MAX_DEPTH) {
      this.#skip();
      return "unknown";
    }
    this.#depth++;
    let type = this.#operand(names);
    while (this.#take(/^\|\|$/)) {
      const other = this.#operand(names);
      type = [type, other].some((each) => typeof each === "object")
        ? commonType([type, other])
        : "typed";
    }
    if (this.#at < this.#tokens.length && !this.#is(ENDING) && !this.#isAlias()) {
      this.#skip();
      type = "typed";
    }
    this.#depth--;
    return type;
  }

  /** Returns whether the rest is the name of a column, without AS. */
  #isAlias(): boolean {
    return this.#is(/^[A-Za-z_`]/) && !this.#is(OPERATOR_WORD) &&
      (this.#at + 1 >= this.#tokens.length || ENDING.test(this.#tokens[this.#at + 1]!));
  }

  /** Skips the rest of an expression. */
  #skip(): void {
    for (let [depth, cases] = [0, 0]; this.#at < this.#tokens.length; this.#at++) {
      if (depth === 0 && cases === 0 && this.#is(ENDING)) return;
      if (this.#is(/^case$/i)) cases++;
      else if (this.#is(/^end$/i)) cases = Math.max(0, cases - 1);
      else if (this.#is(/^[([]$/)) depth++;
      else if (this.#is(/^[)\]]$/)) depth--;
    }
  }

  /** Skips to the end of brackets that are open. */
  #close(): void {
    for (let depth = 1; this.#at < this.#tokens.length && depth > 0; this.#at++) {
      if (this.#is(/^[([]$/)) depth++;
      else if (this.#is(/^[)\]]$/)) depth--;
    }
  }

  #operand(names: Names): SqlType {
    if (this.#take(/^(?:[-+~!]|not)$/i)) {
      this.#operand(names);
      return "typed";
    }
    let type = this.#primary(names);
    for (;;) {
      if (this.#take(/^\[$/)) {
        this.#close();
        type = elementOf(type);
      } else if (this.#is(/^\.$/)) {
        const name = (this.#tokens[this.#at + 1] ?? "").replaceAll("`", "");
        this.#at += 2;
        type = fieldOf(type, name);
      } else if (this.#take(/^::$/)) {
        this.#at++;
        if (this.#take(/^\($/)) this.#close();
        type = "typed";
      } else if (this.#take(/^over$/i)) {
        if (this.#take(/^\($/)) this.#close();
        else this.#at++;
      } else if (this.#is(/^(?:ignore|respect)$/i)) this.#at += 2;
      else if (this.#is(/^(?:filter|within)$/i)) {
        while (this.#at < this.#tokens.length && !this.#take(/^\($/)) this.#at++;
        this.#close();
      } else return type;
    }
  }

  #primary(names: Names): SqlType {
    if (this.#take(/^null$/i)) return "void";
    if (this.#take(/^case$/i)) return this.#case(names);
    if (this.#take(/^\($/)) return this.#brackets(names);
    const word = this.#tokens[this.#at++] ?? "";
    if (!/^[A-Za-z_`]/.test(word)) return "typed";
    let name = word;
    while (this.#is(/^\.$/) && !names.has(name.toLowerCase())) {
      name = this.#tokens[this.#at + 1] ?? "";
      this.#at += 2;
    }
    if (!this.#take(/^\($/)) return names.get(name.toLowerCase()) ?? "typed";
    return this.#call(name.toLowerCase(), names);
  }

  #brackets(names: Names): SqlType {
    if (this.#take(/^select$/i)) {
      this.#take(/^(?:distinct|all)$/i);
      const type = this.expression(names);
      this.#close();
      return type;
    }
    const types = [this.expression(names)];
    while (this.#take(/^,$/)) types.push(this.expression(names));
    this.#close();
    return types.length === 1
      ? types[0]!
      : { fields: types.map((type) => ({ name: undefined, type })) };
  }

  #case(names: Names): SqlType {
    const values: SqlType[] = [];
    if (!this.#is(/^when$/i)) this.expression(names);
    while (this.#is(/^(?:when|then|else)$/i)) {
      const isValue = !this.#is(/^when$/i);
      this.#at++;
      const type = this.expression(names);
      if (isValue) values.push(type);
    }
    this.#take(/^end$/i);
    return commonType(values);
  }

  /** Reads the arguments of a function to the bracket that closes them. */
  #arguments(names: Names): SqlArgument[] {
    const args: SqlArgument[] = [];
    while (this.#at < this.#tokens.length && !this.#take(/^\)$/)) {
      const start = this.#at;
      this.#take(/^(?:distinct|all)$/i);
      const lambda = this.#lambda();
      if (lambda !== undefined) {
        this.#skip();
        args.push({ type: "typed", text: "", lambda });
      } else {
        if (this.#tokens[this.#at + 1] === "=>") this.#at += 2;
        const type = this.expression(names);
        const text = this.#tokens.slice(start, this.#at).join(" ");
        // As in `struct(null as a)`.
        const name = this.#take(/^as$/i) ? this.#tokens[this.#at++] : undefined;
        args.push({ type, text, ...name === undefined ? {} : { name } });
        if (!this.#is(/^[,)]$/)) this.#skip();
      }
      if (!this.#take(/^,$/) && !this.#is(/^\)$/)) this.#at++;
    }
    return args;
  }

  #lambda(): SqlArgument["lambda"] {
    const start = this.#at;
    const names: string[] = [];
    if (this.#take(/^\($/)) {
      while (this.#is(/^[\w,]+$/)) names.push(this.#tokens[this.#at++]!);
      this.#take(/^\)$/);
    } else if (this.#is(/^\w+$/)) names.push(this.#tokens[this.#at++]!);
    if (this.#take(/^->$/)) {
      return {
        names: names.filter((each) => each !== ",").map((each) => each.toLowerCase()),
        body: this.#at,
      };
    }
    this.#at = start;
    return undefined;
  }

  /** The type of the body of a lambda, for arguments of these types. */
  #apply({ lambda }: SqlArgument, types: readonly SqlType[], names: Names): SqlType {
    if (lambda === undefined) return "typed";
    const end = this.#at;
    this.#at = lambda.body;
    const own = lambda.names.map((name, i): [string, SqlType] => [name, types[i] ?? "typed"]);
    const type = this.expression(new Map([...names, ...own]));
    this.#at = end;
    return type;
  }

  #call(name: string, names: Names): SqlType {
    if (/^(?:try_)?cast$/.test(name)) {
      this.expression(names);
      const start = this.#at;
      this.#close();
      return writtenType(this.#tokens.slice(start + 1, this.#at - 1).join(" "));
    }
    if (name === "exists") {
      this.#close();
      return "typed";
    }
    const args = this.#arguments(names);
    const types = args.map(({ type }) => type);
    const [list = "typed", other = "typed"] = types;
    const lambda = args.find((each) => each.lambda !== undefined);
    if (lambda !== undefined) {
      const body = (...given: SqlType[]) => this.#apply(lambda, given, names);
      const last = (...given: SqlType[]) => this.#apply(args.at(-1)!, given, names);
      if (name === "transform") return { array: body(elementOf(list)) };
      if (name === "zip_with") return { array: body(elementOf(list), elementOf(other)) };
      if (/^(?:aggregate|reduce)$/.test(name)) return args.length > 3 ? last(other) : other;
      if (name === "transform_values" && typeof list === "object" && "key" in list) {
        return { key: list.key, value: body(list.key, list.value) };
      }
      if (name === "transform_keys" && typeof list === "object" && "key" in list) {
        return { key: body(list.key, list.value), value: list.value };
      }
      if (name === "transform_values") return { key: "typed", value: body("typed", "typed") };
      if (name === "transform_keys") return { key: body("typed", "typed"), value: "typed" };
      if (name === "map_zip_with") {
        const [own, theirs] = [list, other].map((each) =>
          typeof each === "object" && "key" in each ? each.value : "typed"
        );
        return { key: "typed", value: body("typed", own!, theirs!) };
      }
    }
    if (name === "struct") return { fields: args.map(({ name, type }) => ({ name, type })) };
    const fields = generatedBy(name, types, Number(args[0]?.text));
    if (fields !== undefined && fields.length > 1) return { fields };
    return resultOf(name, types);
  }
}

/** The words of operators, which are no names of columns. */
const OPERATOR_WORD =
  /^(?:is|in|and|or|not|between|like|ilike|rlike|regexp|div|xor|at|collate|over)$/i;
