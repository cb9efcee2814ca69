import { setTimeout as pause } from "node:timers/promises";
import { Failure } from "../errors.ts";
import { ApiError, isFields, type Kind, type KubeObject, type Watching } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { uidOf } from "./fields.ts";
import { linesOf } from "./lines.ts";
import { parseObject } from "./request_errors.ts";

// A list and a watch in turn. The watch begins at the version of the list, so no change is lost.
// After the end of a watch, for any reason, the next list finds what has changed meanwhile. If the
// server refuses every watch, the lists alone still show each state.

/** The objects at one time, and where to watch them. */
export interface Found {
  /** The path of the kind in the namespace. */
  readonly path: string;
  /** The objects. */
  readonly objects: readonly KubeObject[];
  /** The version of the list. */
  readonly version: string;
}

/** What to watch. */
export interface WatchTask extends Watching {
  /** The task, which follows "Cannot" in messages: `watch Pod objects in the namespace robson`. */
  readonly task: string;
  /** The kind of the objects. */
  readonly kind: Kind;
  /** Lists the objects. */
  readonly find: () => Promise<Found>;
}

/** The seconds after which the server ends a watch. */
const LENGTH = 60;
/** The milliseconds after which a watch that the server did not end has lost its connection. */
const DEADLINE = (LENGTH + 15) * 1000;
/** The milliseconds between a watch that ends and the next list: at first, and at most. */
const [SHORTEST_PAUSE, LONGEST_PAUSE] = [250, 4_000];

/**
 * Watches the objects of a kind until the signal aborts.
 *
 * @throws {Failure} the server refuses the first list
 * @throws an error of `onChange`
 */
export async function watchObjects(connection: Connection, task: WatchTask): Promise<void> {
  const { signal, find, onTrouble } = task;
  // A lost connection is no error of a watch, but an error of the receiver is one.
  const receiverErrors: unknown[] = [];
  const onChange: Watching["onChange"] = (objects) => {
    try {
      task.onChange(objects);
    } catch (error) {
      receiverErrors.push(error);
      throw error;
    }
  };
  let wasListed = false;
  let wait = SHORTEST_PAUSE;
  while (!signal.aborted) {
    try {
      const found = await find();
      wasListed = true;
      const hasEnded = await watchOnce(connection, { ...task, onChange }, found)
        .catch(() => false);
      wait = hasEnded ? SHORTEST_PAUSE : Math.min(2 * wait, LONGEST_PAUSE);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Failure)) throw error;
      const isExpired = error instanceof ApiError && error.status === 410;
      // A server that starts refuses requests until it has read the roles.
      if (error.kind === "configuration" && !wasListed) throw error;
      if (!isExpired) onTrouble(error);
      wait = Math.min(2 * wait, LONGEST_PAUSE);
    }
    if (receiverErrors.length > 0) throw receiverErrors[0];
    await pause(wait, undefined, { signal }).catch(() => {});
  }
}

/**
 * Watches until the server or the connection ends the watch.
 *
 * @returns true if the server sent changes, or ended the watch as planned
 */
async function watchOnce(
  connection: Connection,
  { task, kind, signal, onChange }: WatchTask,
  { path, objects, version }: Found,
): Promise<boolean> {
  const known = new Map(objects.map((object) => [uidOf(object), object]));
  onChange(known);
  const query = new URLSearchParams({
    watch: "true",
    resourceVersion: version,
    timeoutSeconds: String(LENGTH),
  });
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), DEADLINE);
  try {
    const { response, login } = await connection.stream({
      task,
      method: "GET",
      path: `${path}?${query}`,
      signal: AbortSignal.any([signal, deadline.signal]),
    });
    const { status, headers, body, ok } = response;
    if (!ok || body === null) {
      const answer = { status, headers, text: await response.text(), login };
      parseObject(answer, { task, access: connection.access });
      return false;
    }
    let changes = 0;
    for await (const line of linesOf(body)) {
      const change = parseChange(line, kind);
      if (change === undefined) return changes > 0;
      changes++;
      if (change.type === "DELETED") known.delete(uidOf(change.object));
      else known.set(uidOf(change.object), change.object);
      onChange(known);
    }
    return true;
  } finally {
    clearTimeout(timer);
  }
}

/** A change of an object. */
interface Change {
  readonly type: unknown;
  readonly object: KubeObject;
}

/** Parses a change. Returns undefined for an error, such as an expired version, and half a line. */
function parseChange(line: string, { apiVersion, kind }: Kind): Change | undefined {
  try {
    const { type, object } = JSON.parse(line);
    if (type === "ERROR" || !isFields(object) || !isFields(object.metadata)) return undefined;
    return { type, object: { apiVersion, kind, ...object } as KubeObject };
  } catch {
    return undefined;
  }
}
