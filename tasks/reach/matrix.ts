import { formatAddress, formatRange } from "../../checks/network_policy/address.ts";
import { isItself } from "../../checks/network_policy/evaluate.ts";
import type {
  Matrix,
  OutsideConnection,
  PodConnection,
} from "../../checks/network_policy/matrix.ts";
import { type Pod, podId } from "../../checks/network_policy/model.ts";
import type { PortSet } from "../../checks/network_policy/open_ports.ts";
import { endDocument, portList } from "./json.ts";
import { matrixNotes } from "./matrix_notes.ts";
import type { Reading } from "./reading.ts";
import { formatPorts } from "./text.ts";

/**
 * Renders all allowed connections as text, one per line, without connections of a bare Pod to
 * itself. Yields the text in pieces.
 */
export function* renderMatrix(reading: Reading, matrix: Matrix): Generator<string> {
  const { cluster, directory, workloads } = reading;
  const widths: [number, number] = [0, 0];
  const take = (from: string, to: string) => {
    widths[0] = Math.max(widths[0], from.length);
    widths[1] = Math.max(widths[1], to.length);
  };
  const id = remembered(podId);
  for (const { from, to } of others(matrix.within)) take(id(from), id(to));
  for (const { pod, range } of matrix.outward) take(id(pod), formatRange(range));
  for (const { pod, range } of matrix.inward) take(formatRange(range), id(pod));

  const first = remembered((pod: Pod) => `${podId(pod).padEnd(widths[0])}  ->  `);
  const second = remembered((pod: Pod) => `${podId(pod).padEnd(widths[1])}  `);
  const end = remembered((ports: PortSet) => `${formatPorts(ports)}\n`);
  let rows = 0;
  for (const { from, to, ports } of others(matrix.within)) {
    rows++;
    yield first(from) + second(to) + end(ports);
  }
  for (const { pod, range, ports } of matrix.outward) {
    rows++;
    yield `${first(pod)}${formatRange(range).padEnd(widths[1])}  ${end(ports)}`;
  }
  for (const { pod, range, ports } of matrix.inward) {
    rows++;
    yield `${formatRange(range).padEnd(widths[0])}  ->  ${second(pod)}${end(ports)}`;
  }
  for (const note of matrixNotes(reading)) yield `note: ${note}\n`;
  const count = `${workloads} workloads, ${cluster.policies.length} policies`;
  yield `reach ${directory}: ${count}, ${rows} connections allowed; all others between these ` +
    "workloads and with addresses outside the cluster are denied\n";
}

/** The connections without those of a bare Pod to itself. */
function* others(within: Iterable<PodConnection>): Generator<PodConnection> {
  for (const each of within) if (!isItself(each.from, each.to)) yield each;
}

/**
 * Renders all allowed connections as a JSON document. Each end is a workload or a range of
 * addresses. Yields the text in pieces, as a string has a maximum length.
 */
export function* renderMatrixJson(reading: Reading, matrix: Matrix): Generator<string> {
  const { cluster } = reading;
  yield '{\n  "command": "reach",\n  "exitCode": 0,\n';
  yield `  "workloads": ${indented(cluster.pods.map(endDocument), 2)},\n  "connections": [`;
  const end = remembered((pod: Pod) => indented(endDocument(pod), 6));
  const portsText = remembered((ports: PortSet) => indented(portList(ports), 6));
  let separator = "\n    {\n";
  const connection = (from: string, to: string, ports: PortSet, itself = "") => {
    const text = `${separator}      "from": ${from},\n      "to": ${to},\n${itself}` +
      `      "ports": ${portsText(ports)}\n    }`;
    separator = ",\n    {\n";
    return text;
  };
  for (const { from, to, ports } of matrix.within) {
    const itself = isItself(from, to) ? '      "itself": true,\n' : "";
    yield connection(end(from), end(to), ports, itself);
  }
  for (const each of matrix.outward) {
    yield connection(end(each.pod), indented(addresses(each), 6), each.ports);
  }
  for (const each of matrix.inward) {
    yield connection(indented(addresses(each), 6), end(each.pod), each.ports);
  }
  yield separator.startsWith(",") ? "\n  ],\n" : "],\n";
  yield `  "notes": ${indented(matrixNotes(reading), 2)}\n}\n`;
}

/**
 * Renders all allowed connections as newline-delimited JSON: a line for the command, then one for
 * each workload, connection and note.
 */
export function* renderMatrixLines(reading: Reading, matrix: Matrix): Generator<string> {
  const line = (type: string, fields: unknown) =>
    `${JSON.stringify({ type, ...fields as object })}\n`;
  yield line("reach", { command: "reach", exitCode: 0 });
  for (const pod of reading.cluster.pods) yield line("workload", endDocument(pod));
  const end = remembered((pod: Pod) => JSON.stringify(endDocument(pod)));
  const portsText = remembered((ports: PortSet) => JSON.stringify(portList(ports)));
  const connection = (from: string, to: string, ports: PortSet, itself = "") =>
    `{"type":"connection","from":${from},"to":${to},${itself}"ports":${portsText(ports)}}\n`;
  for (const { from, to, ports } of matrix.within) {
    yield connection(end(from), end(to), ports, isItself(from, to) ? '"itself":true,' : "");
  }
  for (const each of matrix.outward) {
    yield connection(end(each.pod), JSON.stringify(addresses(each)), each.ports);
  }
  for (const each of matrix.inward) {
    yield connection(JSON.stringify(addresses(each)), end(each.pod), each.ports);
  }
  for (const text of matrixNotes(reading)) yield line("note", { text });
}

function addresses({ range: { family, first, last } }: OutsideConnection) {
  return {
    addresses: {
      from: formatAddress({ family, value: first }),
      to: formatAddress({ family, value: last }),
    },
  };
}

/** Renders a value as JSON that stands at a depth of so many spaces. */
function indented(value: unknown, depth: number): string {
  return JSON.stringify(value, null, 2).replaceAll("\n", `\n${" ".repeat(depth)}`);
}

/** Returns a function that computes each result once, for the lifetime of the function. */
function remembered<Key, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) known.set(key, value = compute(key));
    return value;
  };
}
