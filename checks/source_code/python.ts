import { constantsOf, constantText } from "./python_constants.ts";
import { type Import, importsOf, scannedImports } from "./python_imports.ts";
import {
  type DottedName,
  dottedName,
  isDocstring,
  isError,
  isOperand,
  isString,
  isWholeString,
  type Node,
  quotedWords,
  spacedText,
  targetOf,
  type Tree,
  treeOf,
} from "./python_tree.ts";

// Python as the checks need it: strings, calls, assignments and imports. The parser's tree
// stays in this file and in python_tree.ts.

/** A string of Python, or several adjacent ones, which Python joins. */
export interface PythonString {
  /** The start of the string in the source. */
  readonly start: number;
  /** The end of the string in the source, exclusive. */
  readonly end: number;
  /** The content, with spaces for prefixes, quotes and gaps: as long as the source of the string. */
  readonly text: string;
  /** The name that the string is assigned to, as in `TABLE = "x"`, `f(table="x")` and `self.table = "x"`. */
  readonly assignedTo: string | undefined;
  /** The key that the string belongs to, as in `{"table": "x"}`. */
  readonly dictionaryKey: string | undefined;
}

/** An argument of a call. */
export interface Argument {
  /** The keyword, as in `table` of `f(table="x")`. */
  readonly keyword?: string;
  /** The start of the value in the source. */
  readonly start: number;
  /** The source of the value, with the content of strings blanked. */
  readonly code: string;
  /** The content of the value, if the value is a string. */
  readonly string?: string;
}

/** A call, as in `F.lit(None)`. */
export interface Call {
  /** The last name before the bracket, as in `lit`. */
  readonly name: string;
  /** The dotted name before the bracket, as in `F.lit`; after another call or an index only the rest. */
  readonly callee: string;
  /** The start of the dotted name in the source. */
  readonly start: number;
  /** The end of the call in the source, exclusive. */
  readonly end: number;
  /** The arguments, in their order. */
  readonly args: readonly Argument[];
  /** The methods that are called on the result, one after the other: `a` and `b` of `f().a().b()`. */
  readonly chain: readonly Call[];
  /** The call that this one is a method of: `f()` of `f().a()`. */
  readonly receiver: Call | undefined;
  /** The syntax that directly contains the call. */
  readonly context: CallContext;
}

/** The syntax that directly contains a call. */
export interface CallContext {
  /** The call that has this one among its arguments. */
  readonly argumentOf?: Call;
  /** The methods that are called on the bracketed call, as `cast` in `(f()).cast("int")`. */
  readonly bracketed?: readonly Call[];
  /** The call that has this one in an argument, in brackets or a list, as in `g((f()), [f()])`. */
  readonly within?: Call;
  /** True if the result is an operand, as in `(f() == 1) | a`, but not in `f() or a`. */
  readonly isOperand: boolean;
  /** The variable that the call is assigned to, as in `x = f()`, `x: str = f()` and `(x := f())`. */
  readonly assignedTo?: string;
  /** True if `or` and another value follow, as in `f() or 1` and `g(f()) or 1`. */
  readonly alternative: boolean;
}

/** An index with a constant text or a constant, as in `os.environ["A"]` and `os.environ[KEY]`. */
export interface Subscript {
  /** The dotted name before the bracket, as in `os.environ`. */
  readonly owner: string;
  /** The text between the brackets, or the value of the constant. */
  readonly key: string;
  /** The start of the last part of the dotted name in the source. */
  readonly start: number;
  /** True if a value is assigned to this place. */
  readonly assigned: boolean;
}

/** An `in` or `not in` comparison of a constant text, as in `"A" in os.environ`. */
export interface Membership {
  /** The text. */
  readonly key: string;
  /** The start of the comparison in the source. */
  readonly start: number;
  /** True for `not in`. */
  readonly negated: boolean;
  /** The dotted name after `in`. */
  readonly owner: string;
}

/** The parts of a Python source that the checks look at. */
export interface Python {
  /** The source with comments and the content of strings blanked, as long as the source. */
  readonly code: string;
  /** The strings, except docstrings, which count as comments. */
  readonly strings: readonly PythonString[];
  /** The calls, in the order of their names in the source. */
  readonly calls: readonly Call[];
  /** The texts of the names that the code assigns only once, as in `KEY = "JOB_DATE"`. */
  readonly constants: ReadonlyMap<string, string>;
  /** The indexes with a constant text. */
  readonly subscripts: readonly Subscript[];
  /** The `in` comparisons of a constant text. */
  readonly memberships: readonly Membership[];
  /** The imports. Most are found without parsing the source. */
  readonly imports: readonly Import[];
  /** The words in strings, also in docstrings. They are found without parsing the source. */
  readonly quotedWords: ReadonlySet<string>;
  /** The first place that cannot be parsed. */
  readonly error: { readonly offset: number; readonly problem: string } | undefined;
}

/** Code that may be Python, with its parsed form if the code was gathered. */
export interface PythonSource {
  /** The text. */
  readonly text: string;
  /** Parses the text once, when the parsed form is first needed. */
  readonly python?: () => Python;
}

/** A larger source is not parsed. In characters. */
const MAX_SOURCE = 2 * 1024 * 1024;

/** Code with more open brackets is not parsed. Python itself takes 200. */
const MAX_DEPTH = 1000;

/** Words before a value, without end. The parser needs the square of their number in steps. */
const WORDS = new RegExp(
  `(?:\\b(?:if|elif|while|not|lambda|await|yield)\\b[\\s:]*){${MAX_DEPTH + 1}}`,
);

/** Returns a function that parses a text once. */
export function parsedOnce(text: string): () => Python {
  return lazy(() => readPython(text));
}

/** The parsed form of a source. */
export function pythonOf({ text, python }: PythonSource): Python {
  return python === undefined ? readPython(text) : python();
}

/** The calls of functions and methods with one of the names. */
export function callsOf({ calls }: Python, names: readonly string[]): Call[] {
  return calls.filter(({ name }) => names.includes(name));
}

/**
 * Reads a source. The source is parsed when a part is first needed, and each part is found once. In a
 * source with syntax errors, the parts around the errors are found. Never throws.
 */
export function readPython(source: string): Python {
  return new LazyPython(source);
}

class LazyPython implements Python {
  readonly #source: string;
  readonly #parsed = lazy(() => parse(this.#source));
  readonly #strings = lazy(() =>
    this.#nodes.filter((node) => isWholeString(node) && !isDocstring(node)).map(stringOf)
  );
  readonly #calls = lazy(() =>
    this.#nodes.flatMap((node) => callOf(node) ?? []).sort((a, b) => a.nameStart - b.nameStart)
  );
  readonly #constants = lazy(() => constantsOf(this.#nodes));
  readonly #subscripts = lazy(() =>
    this.#nodes.flatMap((node) => subscriptOf(node, this.#constants()))
  );
  readonly #memberships = lazy(() =>
    this.#nodes.flatMap((node) => membershipOf(node, this.#constants()))
  );
  readonly #imports = lazy(() =>
    (this.#source.length > MAX_SOURCE ? [] : scannedImports(this.#source)) ??
      this.#nodes.filter(({ kind }) => kind === "ImportStatement")
        .flatMap(({ tree, start, end }) => importsOf(tree.code.slice(start, end)))
  );

  readonly #quotedWords = lazy(() => quotedWords(this.#source));

  constructor(source: string) {
    this.#source = source;
  }

  get #nodes() {
    return this.#parsed().tree.nodes;
  }

  get code() {
    return this.#parsed().tree.code;
  }

  get strings() {
    return this.#strings();
  }

  get calls() {
    return this.#calls();
  }

  get constants() {
    return this.#constants();
  }

  get subscripts() {
    return this.#subscripts();
  }

  get memberships() {
    return this.#memberships();
  }

  get imports() {
    return this.#imports();
  }

  get quotedWords() {
    return this.#quotedWords();
  }

  get error() {
    return this.#parsed().error;
  }
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => made ??= make();
}

function parse(source: string): { readonly tree: Tree; readonly error: Python["error"] } {
  if (source.length > MAX_SOURCE) return withoutTree("this Python code has more than 2 MiB");
  if (WORDS.test(source)) {
    return withoutTree(`this Python code has more than ${MAX_DEPTH} operators in a row`);
  }
  if (isDeep(source)) return withoutTree(`this Python code nests more than ${MAX_DEPTH} brackets`);
  const problem = "this Python code could not be parsed";
  try {
    const tree = treeOf(source);
    const error = tree.nodes.find(isError);
    return { tree, error: error && { offset: error.start, problem } };
  } catch {
    // The parser overflows the stack or corrupts its own buffers if other syntax is nested too
    // deeply.
    return withoutTree(problem);
  }
}

function withoutTree(problem: string): ReturnType<typeof parse> {
  return { tree: { source: "", code: "", nodes: [] }, error: { offset: 0, problem } };
}

/**
 * Returns whether code nests too many brackets. Brackets in strings and comments count too, because
 * they are usually closed there.
 */
function isDeep(source: string): boolean {
  let depth = 0;
  for (const [bracket] of source.matchAll(/[()[\]{}]/g)) {
    depth = "([{".includes(bracket) ? depth + 1 : Math.max(0, depth - 1);
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

function stringOf(node: Node): PythonString {
  return {
    start: node.start,
    end: node.end,
    text: spacedText(node),
    assignedTo: targetOf(node),
    dictionaryKey: keyOf(node),
  };
}

function keyOf(value: Node): string | undefined {
  const key = value.sibling(-2);
  const isKey = value.parent?.kind === "DictionaryExpression" && value.sibling(-1)?.kind === ":" &&
    key !== undefined && isWholeString(key);
  return isKey ? spacedText(key).trim() : undefined;
}

function callOf(node: Node): NodeCall | undefined {
  if (node.kind !== "CallExpression") return undefined;
  const [callee, list] = node.children;
  const name = callee && dottedName(callee);
  const isClosed = list?.kind === "ArgList" && list.children.at(-1)?.kind === ")";
  return name === undefined || !isClosed ? undefined : new NodeCall(node, name);
}

class NodeCall implements Call {
  readonly name: string;
  readonly callee: string;
  readonly start: number;
  readonly nameStart: number;
  readonly end: number;

  constructor(private readonly node: Node, name: DottedName) {
    this.name = name.last;
    this.callee = name.text;
    this.start = name.start;
    this.nameStart = name.lastStart;
    this.end = node.end;
  }

  get args(): readonly Argument[] {
    const groups: Node[][] = [[]];
    for (const child of this.node.children[1]!.children.slice(1, -1)) {
      if (child.kind === ",") groups.push([]);
      else groups.at(-1)!.push(child);
    }
    return groups.filter((group) => group.length > 0).map((group) => this.argument(group));
  }

  private argument(group: readonly Node[]): Argument {
    const isKeyword = group.length > 2 && group[1]!.kind === "AssignOp";
    const value = isKeyword ? group.slice(2) : group;
    const [first, last] = [value[0]!, value.at(-1)!];
    const isText = first === last && (first.kind === "ContinuedString" || isString(first));
    return {
      start: first.start,
      code: this.node.tree.code.slice(first.start, last.end),
      ...(isKeyword ? { keyword: group[0]!.text } : {}),
      ...(isText ? { string: spacedText(first).trim() } : {}),
    };
  }

  get chain(): readonly Call[] {
    return chainOf(this.node);
  }

  get receiver(): Call | undefined {
    const [callee] = this.node.children;
    return callee?.kind === "MemberExpression" ? callOf(callee.children[0]!) : undefined;
  }

  get context(): CallContext {
    const bracket = bracketAround(this.node);
    const outer = bracket?.kind === "ArgList" ? callOf(bracket.parent!) : undefined;
    const within = callAround(bracket);
    const target = this.node.sibling(-2)?.kind === "TypeDef"
      ? this.node.sibling(-3)
      : this.node.sibling(-2);
    const isAssigned = /^(Assign|Named)/.test(this.node.parent?.kind ?? "") &&
      this.node.sibling(-1)?.kind === "AssignOp" && target?.kind === "VariableName";
    return {
      ...(outer === undefined ? {} : { argumentOf: outer }),
      ...(bracket?.kind === "ParenthesizedExpression" ? { bracketed: chainOf(bracket) } : {}),
      ...(within === undefined ? {} : { within }),
      isOperand: isOperand(this.node),
      ...(isAssigned ? { assignedTo: target.text } : {}),
      alternative: isFollowedByOr(this.node),
    };
  }
}

function chainOf(expression: Node): Call[] {
  const chain: Call[] = [];
  for (let node = expression;;) {
    const member = node.index === 0 ? node.parent : undefined;
    const outer = member?.kind === "MemberExpression" && member.index === 0
      ? member.parent
      : undefined;
    const call = outer && callOf(outer);
    if (outer === undefined || call === undefined) return chain;
    chain.push(call);
    node = outer;
  }
}

/** The call around brackets, or with these brackets. */
function callAround(innermost: Node | undefined): Call | undefined {
  let bracket = innermost;
  while (bracket !== undefined && bracket.kind !== "ArgList") bracket = bracketAround(bracket);
  return bracket && callOf(bracket.parent!);
}

/** The innermost brackets around an expression. */
function bracketAround(expression: Node): Node | undefined {
  for (let node = expression;;) {
    const { parent, index } = node;
    if (parent === undefined || /Statement$|^(Body|Script)$/.test(parent.kind)) return undefined;
    const first = parent.children[parent.kind === "MemberExpression" ? 1 : 0]!;
    if (index > 0 && /^[([{]$/.test(first.kind)) return parent;
    node = parent;
  }
}

/**
 * Returns whether `or` follows an expression, or a call that the expression is the last argument
 * of.
 */
function isFollowedByOr(expression: Node): boolean {
  for (let node: Node | undefined = expression; node !== undefined; node = node.parent) {
    let next = node.sibling(1);
    while (next?.kind === ")") next = next.sibling(1);
    if (next !== undefined) return next.kind === "or";
  }
  return false;
}

function subscriptOf(node: Node, constants: ReadonlyMap<string, string>): Subscript[] {
  if (node.kind !== "MemberExpression" || node.children.length !== 4) return [];
  const [object, bracket, index] = node.children;
  const owner = dottedName(object!);
  const key = bracket?.kind === "[" ? constantText(index!, constants) : undefined;
  if (key === undefined || owner === undefined) return [];
  const next = node.sibling(1)?.kind === "TypeDef" ? node.sibling(2) : node.sibling(1);
  return [{
    owner: owner.text,
    key,
    start: owner.lastStart,
    assigned: next?.kind === "AssignOp",
  }];
}

function membershipOf(
  { kind, start, children }: Node,
  constants: ReadonlyMap<string, string>,
): Membership[] {
  const [first, operator, second] = children;
  const negated = operator?.kind === "not" && second?.kind === "in";
  if (kind !== "BinaryExpression" || !(negated || operator?.kind === "in")) return [];
  const object = children.at(-1);
  // A test of the keys, as in `"A" in os.environ.keys()`, is a test of the mapping.
  const name = object?.kind === "CallExpression" ? object.children[0] : object;
  const text = name && dottedName(name)?.text;
  const owner = name === object ? text : /^(.+)\.keys$/.exec(text ?? "")?.[1];
  const key = constantText(first!, constants);
  return owner === undefined || key === undefined ? [] : [{ key, owner, start, negated }];
}
