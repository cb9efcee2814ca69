import { type Document, isAlias, isMap, isScalar, isSeq } from "yaml";
import { child } from "../fields.ts";
import { Inconvertible } from "./inconvertible.ts";
import { plainScalar } from "./scalars.ts";

/** A document as plain data. */
export interface Converted {
  /** What it holds. */
  readonly value: unknown;
  /** Where each field begins, by its path: how far into the text. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** Far more than any object of Kubernetes has, and little enough for any machine. */
const MAX_DEPTH = 200;
const MAX_REPEATED = 100_000;

interface Walk {
  readonly anchors: Map<string, unknown>;
  readonly offsets: Map<string, number>;
  /** How many nodes were repeated by way of aliases. */
  repeated: number;
  /** How many aliases lead to where the walk is. */
  aliases: number;
  depth: number;
}

/**
 * Turns a parsed document into plain data, with the scalars that kubectl would see. Anchors, aliases
 * and merge keys (`<<`) are followed, within limits that stop a document from growing exponentially.
 *
 * @throws {Inconvertible} an alias without its anchor, a key that is no scalar, or too much of it
 */
export function convert(document: Document.Parsed): Converted {
  const walk: Walk = {
    ...{ anchors: new Map(), offsets: new Map() },
    ...{ repeated: 0, aliases: 0, depth: 0 },
  };
  return { value: valueOf(document.contents, "", walk), offsets: walk.offsets };
}

function valueOf(node: unknown, path: string, walk: Walk): unknown {
  const offset = offsetOf(node);
  if (walk.aliases === 0) walk.offsets.set(path, walk.offsets.get(path) ?? offset);
  else if (++walk.repeated > MAX_REPEATED) {
    throw new Inconvertible(`its aliases repeat more than ${MAX_REPEATED} values`, offset);
  }
  if (walk.depth > MAX_DEPTH) {
    throw new Inconvertible(`it is nested deeper than ${MAX_DEPTH} levels`, offset);
  }
  if (isAlias(node)) {
    return followed(node.source, offset, walk, (target) => valueOf(target, path, walk));
  }
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    if (node.anchor !== undefined) walk.anchors.set(node.anchor, node);
  }
  if (isScalar(node)) return scalarOf(node);
  walk.depth++;
  try {
    if (isSeq(node)) return node.items.map((item, i) => valueOf(item, `${path}[${i}]`, walk));
    return isMap(node) ? objectOf(node, path, walk) : null;
  } finally {
    walk.depth--;
  }
}

function objectOf(node: { items: readonly unknown[] }, path: string, walk: Walk): unknown {
  const object: Record<string, unknown> = {};
  const merged: Record<string, unknown> = {};
  for (const pair of node.items as readonly { key: unknown; value: unknown }[]) {
    if (isMergeKey(pair.key)) {
      // The first of several merged objects has precedence, and the object's own fields before all.
      for (const each of mergedObjects(pair.value, path, walk)) {
        for (const [name, value] of Object.entries(each)) {
          if (!Object.hasOwn(merged, name)) put(merged, name, value);
        }
      }
      continue;
    }
    const name = keyOf(pair.key, walk);
    if (Object.hasOwn(object, name)) {
      throw new Inconvertible(`the field ${name} is there twice`, offsetOf(pair.key));
    }
    const fieldPath = child(path, name);
    if (walk.aliases === 0) walk.offsets.set(fieldPath, offsetOf(pair.key));
    put(object, name, valueOf(pair.value, fieldPath, walk));
  }
  for (const [name, value] of Object.entries(merged)) {
    if (!Object.hasOwn(object, name)) put(object, name, value);
  }
  return object;
}

function mergedObjects(node: unknown, path: string, walk: Walk): Record<string, unknown>[] {
  const value = valueOf(node, child(path, "<<"), walk);
  const all = Array.isArray(value) ? value : [value];
  for (const each of all) {
    if (typeof each !== "object" || each === null || Array.isArray(each)) {
      throw new Inconvertible("<< merges objects, and this is none", offsetOf(node));
    }
  }
  return all;
}

function followed<T>(name: string, offset: number, walk: Walk, use: (target: unknown) => T): T {
  if (!walk.anchors.has(name)) throw new Inconvertible(`no anchor &${name} comes before`, offset);
  walk.aliases++;
  walk.depth++;
  try {
    return use(walk.anchors.get(name));
  } finally {
    walk.aliases--;
    walk.depth--;
  }
}

/** Fields are texts, whatever YAML makes of a key: `yes: 1` is the field `true`, as for kubectl. */
function keyOf(node: unknown, walk: Walk): string {
  const key = isAlias(node)
    ? followed(node.source, offsetOf(node), walk, (target) => target)
    : node;
  if (isScalar(key)) {
    if (key.anchor !== undefined) walk.anchors.set(key.anchor, key);
    return String(scalarOf(key));
  }
  if (key === null) return "null";
  throw new Inconvertible("a field's name is no text", offsetOf(node));
}

function isMergeKey(node: unknown): boolean {
  return isScalar(node) && node.type === "PLAIN" && node.source === "<<";
}

function scalarOf(node: { value: unknown; type?: unknown; tag?: unknown; source?: unknown }) {
  // The parser decodes what is tagged as binary.
  if (node.value instanceof Uint8Array) return new TextDecoder().decode(node.value);
  const text = String(node.value ?? "");
  const tag = typeof node.tag === "string" ? node.tag.replace("tag:yaml.org,2002:", "!!") : "";
  const typed = ["!!int", "!!float", "!!bool", "!!null"].includes(tag);
  return typed || node.type === "PLAIN" && tag === "" ? plainScalar(text) : text;
}

function put(object: Record<string, unknown>, name: string, value: unknown): void {
  // Assigning to __proto__ would set what the object inherits from.
  Object.defineProperty(object, name, {
    ...{ value, enumerable: true, configurable: true, writable: true },
  });
}

function offsetOf(node: unknown): number {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  return range?.[0] ?? 0;
}
