// @ts-types="yaml"
import { stringify } from "yaml/esm";
import type { Finding, ObjectRef, Result } from "../finding.ts";
import { piecesOf } from "./fix_pieces.ts";

// For people who change files, for example in a pull request: a command that creates, patches or
// deletes a policy becomes the YAML to write, or the fields to change.

/** A value that `shell` quoted. */
const QUOTED = String.raw`((?:'[^']*'|\\')+|[\w@%+=:,./-]+)`;

const CREATE = new RegExp(String.raw`^echo ${QUOTED} \| kubectl create -f -(?: && |$)`);
const PATCH = new RegExp(
  `^kubectl -n ${QUOTED} patch networkpolicy ${QUOTED} --type=json -p ${QUOTED}$`,
);
const DELETE = new RegExp(`^kubectl -n ${QUOTED} delete networkpolicy ${QUOTED}$`);

/**
 * Returns a result whose fixes change the manifests instead of the cluster.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fixesInFiles } from "./fix_in_files.ts";
 * const finding = {
 *   severity: "fail" as const,
 *   object: "NetworkPolicy jobs/a",
 *   problem: "it allows too much",
 *   fix: `kubectl -n jobs patch networkpolicy a --type=json -p '[{"op":"remove","path":"/spec/egress/1"}]'`,
 * };
 * const result = { id: "a", title: "a", verdict: "fail" as const, examined: "a", findings: [finding] };
 * assertEquals(
 *   fixesInFiles(result).findings[0]!.fix,
 *   "In NetworkPolicy jobs/a, remove spec.egress[1].",
 * );
 * ```
 */
export function fixesInFiles(result: Result): Result {
  return {
    ...result,
    findings: result.findings.map((each) => ({ ...each, fix: fixInFiles(each) })),
  };
}

function fixInFiles(finding: Finding): string {
  const pieces = piecesOf(finding.fix);
  const changes = pieces.map(({ kind, text }) =>
    kind === "command" ? changeOf(text, finding) : undefined
  );
  if (changes.every((change) => change === undefined)) return finding.fix;
  return pieces.map(({ kind, text }, i) => changes[i] ?? (kind === "words" ? sentence(text) : text))
    .filter((text) => text !== "").join("\n\n");
}

/** Words between two changes as a sentence of their own. */
function sentence(words: string): string {
  return words.replace(/^[.;,]?\s*/, "").trimEnd().replace(/:$/, ".");
}

/** Returns the change of the files that a command stands for; undefined for any other command. */
function changeOf(command: string, finding: Finding): string | undefined {
  const created = createdBy(command);
  if (created !== undefined) return `Add to the manifests:\n${created.map(yaml).join("\n---\n")}`;
  const patch = PATCH.exec(command);
  if (patch !== null) {
    const [namespace, name, steps] = patch.slice(1).map((text) => unquote(text));
    const place = placeOf({ kind: "NetworkPolicy", namespace: namespace!, name: name! }, finding);
    return (JSON.parse(steps!) as Step[]).map((step) => `In ${place}, ${explain(step)}`).join(
      "\n\n",
    );
  }
  const removed = DELETE.exec(command);
  if (removed === null) return undefined;
  const [namespace, name] = removed.slice(1).map((text) => unquote(text));
  const ref = { kind: "NetworkPolicy", namespace: namespace!, name: name! };
  return `Remove ${placeOf(ref, finding)}.`;
}

/** The objects that a command creates one by one; undefined if it does something else. */
function createdBy(command: string): unknown[] | undefined {
  const objects: unknown[] = [];
  for (let rest = command; rest !== "";) {
    const found = CREATE.exec(rest);
    if (found === null) return undefined;
    objects.push(JSON.parse(unquote(found[1]!)));
    rest = rest.slice(found[0].length);
  }
  return objects;
}

function placeOf(ref: Required<ObjectRef>, { objectRef, file, line }: Finding): string {
  const named = `${ref.kind} ${ref.namespace}/${ref.name}`;
  const isHere = objectRef?.kind === ref.kind && objectRef.name === ref.name &&
    objectRef.namespace === ref.namespace;
  return isHere && file !== undefined
    ? `${named} (${file}${line === undefined ? "" : `:${line}`})`
    : named;
}

/** One step of a JSON patch. */
interface Step {
  readonly op: "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}

function explain({ op, path, value }: Step): string {
  const names = path.slice(1).split("/");
  const field = fieldOf(names);
  if (op === "remove") return `remove ${field}.`;
  if (op === "replace") return `replace ${field} with:\n${yaml(value)}`;
  return names.at(-1) === "-"
    ? `append to ${fieldOf(names.slice(0, -1))}:\n${yaml([value])}`
    : `add ${field}:\n${yaml(value)}`;
}

function fieldOf(names: readonly string[]): string {
  return names.map((name) => /^\d+$/.test(name) ? `[${name}]` : `.${name}`).join("").slice(1);
}

/** Writes YAML as kubectl reads it, which follows YAML 1.1. */
function yaml(value: unknown): string {
  return stringify(value, { version: "1.1", lineWidth: 0 }).trimEnd();
}

/** Removes the quotes of a shell. */
function unquote(text: string): string {
  return text.replace(/'([^']*)'|\\'/g, (_, inner) => inner ?? "'");
}
