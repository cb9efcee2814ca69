// The package's ES modules load in a fifth of the time of its CommonJS modules.
// @ts-types="yaml"
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type Tags,
} from "yaml/esm";
import { child } from "./fields.ts";
import { isJson, jsonObjectsOf } from "./json_text.ts";
import {
  Indentation,
  MARKS,
  REFUSED_CHARACTER,
  refuseEscapes,
  YamlError,
} from "./yaml_refusals.ts";

// YAML as kubectl reads it: cut at the `---` lines, then parsed as YAML 1.1 in the dialect of
// go-yaml v2. The `yaml` package parses; this file adjusts what differs, and sets limits.

/**
 * The texts of numbers, booleans and keys in a file, as far as they differ from how JavaScript
 * writes the values: `1.10`, `017` and `yes`.
 */
export interface Sources {
  /** The texts of values, by path. */
  readonly values: ReadonlyMap<string, string>;
  /** The texts of keys, by the path of the field. */
  readonly names: ReadonlyMap<string, string>;
}

/** A document of a file. */
export interface ManifestDocument {
  /** The position in the file, counted from 1. Empty documents are not counted. */
  readonly document: number;
  /** The content, as plain data. */
  readonly value: unknown;
  /** The line of the file on which each field begins, by path; "" is the path of the document. */
  readonly lines: ReadonlyMap<string, number>;
  /** The texts of values and keys that are written in another way. */
  readonly sources: Sources;
}

/** A syntax error, or another reason why a document cannot be read. */
export interface DocumentProblem {
  /** The line in the file, counted from 1. */
  readonly line: number;
  /** The column, counted from 1. */
  readonly column: number;
  /** The problem, as in `duplicate field "a"`. */
  readonly problem: string;
}

/** The content of a file. */
export interface Documents {
  /** The readable documents. */
  readonly documents: readonly ManifestDocument[];
  /** The first problem of each document that is not readable. */
  readonly problems: readonly DocumentProblem[];
}

/** The API server refuses larger requests, so a larger document is never an object. Characters. */
const MAX_DOCUMENT = 3 * 1024 * 1024;

/** The most levels of nesting. Kubernetes objects have far fewer. */
const MAX_DEPTH = 200;

/** The most values that aliases may add to a document. */
const MAX_REPEATED = 100_000;

/** A run of open brackets that overflows the parser's stack, after many seconds. */
const STACK_OVERFLOW = /(?:[[{]\s*){1000}/;

/** The boundary between two documents: before each line that begins with `---`. */
const SEPARATOR = /(?<![^\r\n])(?=---)/;

/** A byte order mark at the beginning of a document, which kubectl skips. */
const BYTE_ORDER_MARK = /(?<=^|(?:^|[\r\n])---[^\S\r\n]*(?:#[^\r\n]*)?\r?\n)\uFEFF/g;

/** Reads the documents of a YAML or JSON file; JSON is YAML. Never throws. */
export function parseDocuments(text: string): Documents {
  const documents: ManifestDocument[] = [];
  const problems: DocumentProblem[] = [];
  let before = 0;
  for (const chunk of chunksOf(text.replaceAll(BYTE_ORDER_MARK, ""))) {
    const counter = new LineCounter();
    const place = (offset: number) => {
      const { line, col } = counter.linePos(offset);
      return { line: before + Math.max(line, 1), column: Math.max(col, 1) };
    };
    try {
      refuseMarkers(chunk, counter);
      for (const { contents } of isEmpty(chunk) ? [] : compose(chunk, counter)) {
        const walk = new Walk((offset) => place(offset).line);
        const value = valueOf(contents, "", walk);
        if (value === null) continue;
        const { lines, sources } = walk;
        documents.push({ document: documents.length + 1, value, lines, sources });
      }
    } catch (error) {
      if (!(error instanceof YamlError)) throw error;
      problems.push({ ...place(error.offset), problem: error.message });
    }
    before += chunk.match(/\r\n|\n|\r/g)?.length ?? 0;
  }
  return { documents, problems };
}

/** Divides a file where kubectl does: at its separators, and between objects of JSON. */
function chunksOf(text: string): string[] {
  return text.split(SEPARATOR).flatMap(jsonObjectsOf);
}

/**
 * Refuses text around the markers of documents that kubectl refuses or ignores.
 *
 * @throws {YamlError} content after `---`, a directive, or content after `...`
 */
function refuseMarkers(chunk: string, counter: LineCounter): void {
  const refuse = (offset: number, problem: string) => {
    counter.addNewLine(0);
    for (const { index } of chunk.slice(0, offset).matchAll(/\n|\r(?!\n)/g)) {
      counter.addNewLine(index + 1);
    }
    throw new YamlError(problem, offset);
  };
  const character = isJson(chunk) ? null : REFUSED_CHARACTER.exec(chunk);
  if (character !== null) {
    const code = character[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    refuse(character.index, `kubectl does not accept the character U+${code}`);
  }
  const separator = /^---[^\S\r\n]*(?=[^\s#])/.exec(chunk);
  if (separator !== null) {
    refuse(separator[0].length, "kubectl accepts only a comment after ---");
  }
  const directive = /^(?:[^\S\r\n]*(?:#.*)?[\r\n])*(?=%)/.exec(chunk);
  if (directive !== null) {
    refuse(directive[0].length, "kubectl does not accept directives such as %YAML");
  }
  const end = /(?<![^\r\n])\.\.\.(?:\s|$)/.exec(chunk);
  const rest = end === null ? "" : chunk.slice(end.index + 3);
  if (end !== null && !isEmpty(rest)) {
    const offset = end.index + 3 + rest.search(/\S/);
    refuse(offset, "kubectl ignores the text after ... up to the next ---");
  }
}

/** Returns whether a text has only blank lines and comments. */
function isEmpty(text: string): boolean {
  return text.replace(/^---/, "").split(/\r?\n|\r/).every((line) => /^\s*(#.*)?$/.test(line));
}

/** The members of the package's lexer that its types declare private. */
interface LexerMembers {
  /** The number of brackets that are open. */
  flowLevel: number;
  /** The number of columns that the next line must be indented by. */
  indentNext: number;
  lex(text: string): Iterable<string>;
  parseFlowCollection(): Generator<string, string>;
  parseQuotedScalar(): Generator<string, string>;
}

/**
 * A lexer that ignores the indentation of lines inside brackets and quotes, as go-yaml does. The
 * lexer of the `yaml` package does not.
 */
class KubectlLexer extends (Lexer as unknown as new () => LexerMembers) {
  override *parseFlowCollection(): Generator<string, string> {
    return yield* this.withoutIndent(super.parseFlowCollection());
  }

  override *parseQuotedScalar(): Generator<string, string> {
    return yield* this.withoutIndent(super.parseQuotedScalar());
  }

  private *withoutIndent(parse: Generator<string, string>): Generator<string, string> {
    const { indentNext } = this;
    this.indentNext = 0;
    const state = yield* parse;
    this.indentNext = indentNext;
    return state;
  }
}

type Place = number | readonly number[] | { readonly offset: number };

/** The member of the package's composer that receives errors; its types declare it private. */
interface ComposerMembers {
  onError: (place: Place, code: string, message: string, warning?: boolean) => void;
}

/**
 * Parses YAML up to the first error. The `yaml` package would collect all errors, which takes
 * half a minute for a large file with an error in every line. The package searches for duplicate
 * keys in quadratic time, so {@linkcode objectOf} searches for them instead.
 *
 * @throws {YamlError} a syntax error, or a document that is too large or nested too deeply
 */
function* compose(text: string, counter: LineCounter): Generator<Document.Parsed> {
  if (text.length > MAX_DOCUMENT) {
    const size = `${(text.length / 1024 / 1024).toFixed(1)} MiB`;
    throw new YamlError(`the document has ${size}; the API server accepts at most 3 MiB`, 0);
  }
  if (STACK_OVERFLOW.test(text)) throw new YamlError("nested too deeply", 0);
  const composer = new Composer({
    version: "1.1",
    schema: "yaml-1.1",
    customTags: kubectlTags,
    resolveKnownTags: false,
    uniqueKeys: false,
  });
  let first: YamlError | undefined;
  (composer as unknown as ComposerMembers).onError = (place, _code, message, warning) => {
    // go-yaml accepts comments that follow a bracket or a quote without a space.
    if (warning || message.startsWith("Comments must be separated")) return;
    // The composer catches this error, and reports it again for the node around the place.
    first ??= new YamlError(lineOfMessage(message), offsetOfPlace(place));
    throw first;
  };
  const parser = new Parser(counter.addNewLine);
  function* tokens() {
    // For the package, a single carriage return is not a line break.
    const lines = text.replace(/\r(?!\n)/g, "\n");
    const lexer = new KubectlLexer();
    const indentation = new Indentation();
    const isAnyEscape = isJson(text);
    let [offset, before] = [0, ""];
    for (const lexeme of lexer.lex(lines)) {
      const isQuoted = lexeme.startsWith('"') && before !== MARKS[2] && !isAnyEscape;
      if (isQuoted) refuseEscapes(lexeme, offset);
      if (!MARKS.includes(lexeme)) offset += lexeme.length;
      before = lexeme;
      indentation.read(lexeme, lexer.flowLevel > 0);
      // The package does not know the escape of a single quote.
      yield* parser.next(
        isQuoted ? lexeme.replace(/\\([\\'])/g, (all, last) => last === "'" ? "'" : all) : lexeme,
      );
    }
    yield* parser.end();
  }
  counter.addNewLine(0);
  try {
    for (const document of composer.compose(tokens(), false, text.length)) {
      // Errors that do not pass through onError.
      const [error] = document.errors;
      if (error !== undefined) throw new YamlError(lineOfMessage(error.message), error.pos[0]);
      yield document as Document.Parsed;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new YamlError("nested too deeply", 0);
  }
}

/** Converts a message of the parser to one line. The line repeats no text of the file. */
function lineOfMessage(message: string): string {
  if (message.includes("call stack")) return "nested too deeply";
  const line = message.replace(/\s+/g, " ")
    // As in `Unresolved tag: !text`, except for brackets and other indicators of YAML.
    .replace(/(?<=\S): (?!"?[[\]{},:?-]{1,3}"?$).*$/, "")
    .replace(/^(Invalid escape sequence \\.).*$/, "$1")
    .replace(/^The .* tag has/, "The tag has")
    .replace(/, so .* is invalid/, "")
    .replace(/!\S+/g, "!…")
    .replace(/[.:]$/, "");
  return `${line[0]!.toLowerCase()}${line.slice(1)}`;
}

function offsetOfPlace(place: Place): number {
  if (typeof place === "number") return place;
  return "offset" in place ? place.offset : place[0] ?? 0;
}

/** The types of go-yaml v2: the booleans and nulls of YAML 1.1, but other numbers, and no dates. */
function kubectlTags(tags: Tags): Tags {
  const kept = tags.filter((tag) =>
    typeof tag === "string" || !/:(int|float|timestamp|omap|pairs|set|merge)$/.test(tag.tag)
  );
  const number = { default: true, test: /^[-+]?\.?\d/, resolve: numberOf };
  return [
    ...kept,
    { ...number, tag: "tag:yaml.org,2002:int" },
    { ...number, tag: "tag:yaml.org,2002:float" },
    {
      default: true,
      tag: "tag:yaml.org,2002:float",
      test: /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
      resolve: (text: string) =>
        /nan/i.test(text) ? NaN : text.startsWith("-") ? -Infinity : Infinity,
    },
  ];
}

/**
 * The value of a plain scalar that begins like a number: `0644` and `0o644` are octal and `1_000`
 * is 1000, but `1:20` and `2025-12-28` are strings.
 */
function numberOf(text: string): number | string {
  const plain = text.replaceAll("_", "").replace(/^([-+]?)0(?=[0-7]+$)/, "$10o");
  const digits = plain.replace(/^[-+]/, "");
  const isNumber = /^(0x[\da-f]+|0o[0-7]+|0b[01]+|(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)$/i.test(digits);
  if (!isNumber) return text;
  const value = Number(digits);
  if (!Number.isFinite(value)) return text;
  return plain.startsWith("-") ? 0 - value : value;
}

/** The state of the walk through a parsed document. */
class Walk {
  /** The nodes with an anchor, by its name. */
  readonly anchors = new Map<string, unknown>();
  /** The line of each field outside of aliases, by path. */
  readonly lines = new Map<string, number>();
  /** The texts of values and keys that differ from the values, by path. */
  readonly sources = { values: new Map<string, string>(), names: new Map<string, string>() };
  /** The number of nodes that were visited through aliases. */
  repeated = 0;
  /** The number of aliases that lead to the current node. */
  aliases = 0;
  /** The number of collections and aliases around the current node. */
  depth = 0;

  constructor(private readonly lineAt: (offset: number) => number) {}

  /** Records the line of a field, unless a line is already recorded. */
  note(path: string, offset: number): void {
    if (this.aliases === 0 && !this.lines.has(path)) this.lines.set(path, this.lineAt(offset));
  }
}

/**
 * Converts a parsed node to plain data. Anchors, aliases and merge keys (`<<`) are followed, within
 * limits that stop a document from growing exponentially.
 *
 * @throws {YamlError} duplicate fields, an alias without an anchor, or an exceeded limit
 */
function valueOf(node: unknown, path: string, walk: Walk): unknown {
  const offset = offsetOf(node);
  walk.note(path, offset);
  if (walk.aliases > 0 && ++walk.repeated > MAX_REPEATED) {
    throw new YamlError(`aliases repeat more than ${MAX_REPEATED} values`, offset);
  }
  if (walk.depth > MAX_DEPTH) {
    throw new YamlError(`nested more than ${MAX_DEPTH} levels deep`, offset);
  }
  if (isAlias(node)) {
    return withAnchor(node.source, offset, walk, (target) => valueOf(target, path, walk));
  }
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    if (node.anchor !== undefined) walk.anchors.set(node.anchor, node);
  }
  if (isScalar(node)) {
    const value = scalarOf(node);
    noteSource(walk.sources.values, path, node, value);
    if (typeof value !== "number" || Number.isFinite(value)) return value;
    throw new YamlError(
      "kubectl cannot convert infinity and NaN to JSON; a text needs quotes",
      offset,
    );
  }
  walk.depth++;
  try {
    if (isSeq(node)) return node.items.map((item, i) => valueOf(item, `${path}[${i}]`, walk));
    return isMap(node) ? objectOf(node, path, walk) : null;
  } finally {
    walk.depth--;
  }
}

/** Keeps the text of a plain number or boolean that is not how JavaScript writes it. */
function noteSource(
  texts: Map<string, string>,
  path: string,
  { type, source }: { type?: string; source?: string },
  value: unknown,
): void {
  if (type !== "PLAIN" || typeof value !== "number" && typeof value !== "boolean") return;
  if (source !== undefined && source !== String(value)) texts.set(path, source);
}

function objectOf(node: { items: readonly unknown[] }, path: string, walk: Walk): unknown {
  const fields = new Map<string, unknown>();
  const own = new Set<string>();
  for (const pair of node.items as readonly { key: unknown; value: unknown }[]) {
    if (isMergeKey(pair.key)) {
      // As in go-yaml v2, an earlier merged object overrides a later one, and all merged objects
      // override the fields that precede the merge key.
      for (const each of mergedObjects(pair.value, path, walk).reverse()) {
        for (const [name, value] of Object.entries(each)) fields.set(name, value);
      }
      continue;
    }
    const name = keyOf(pair.key, walk);
    if (own.has(name)) {
      throw new YamlError(`duplicate field ${JSON.stringify(name)}`, offsetOf(pair.key));
    }
    own.add(name);
    const fieldPath = child(path, name);
    walk.note(fieldPath, offsetOf(pair.key));
    if (isScalar(pair.key)) noteSource(walk.sources.names, fieldPath, pair.key, pair.key.value);
    fields.set(name, valueOf(pair.value, fieldPath, walk));
  }
  // An assignment to __proto__ would not create a field.
  return Object.fromEntries(fields);
}

function mergedObjects(node: unknown, path: string, walk: Walk): Record<string, unknown>[] {
  const value = valueOf(node, child(path, "<<"), walk);
  const all = Array.isArray(value) ? [...value] : [value];
  for (const each of all) {
    if (typeof each !== "object" || each === null || Array.isArray(each)) {
      throw new YamlError(
        "the value of << is neither an object nor a list of objects",
        offsetOf(node),
      );
    }
  }
  return all;
}

function withAnchor<T>(name: string, offset: number, walk: Walk, use: (target: unknown) => T): T {
  if (!walk.anchors.has(name)) {
    throw new YamlError(
      "no anchor precedes this alias; a text that begins with * needs quotes",
      offset,
    );
  }
  walk.aliases++;
  walk.depth++;
  try {
    return use(walk.anchors.get(name));
  } finally {
    walk.aliases--;
    walk.depth--;
  }
}

/**
 * The name of a field, which is always a string: `yes: 1` is the field `true`, and `.Inf: 1` the
 * field `.inf`, as in kubectl.
 */
function keyOf(node: unknown, walk: Walk): string {
  const key = isAlias(node)
    ? withAnchor(node.source, offsetOf(node), walk, (target) => target)
    : node;
  if (isScalar(key)) {
    if (key.anchor !== undefined) walk.anchors.set(key.anchor, key);
    const value = scalarOf(key);
    if (Number.isNaN(value)) return ".nan";
    if (value === Infinity || value === -Infinity) return value > 0 ? ".inf" : "-.inf";
    if (value !== null) return String(value);
  }
  throw new YamlError("the name of a field must be a string", offsetOf(node));
}

function isMergeKey(node: unknown): boolean {
  return isScalar(node) && node.type === "PLAIN" && node.source === "<<";
}

function scalarOf({ value }: { value: unknown }): unknown {
  // The package decodes a scalar with the tag !!binary to bytes.
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

function offsetOf(node: unknown): number {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  return range?.[0] ?? 0;
}
