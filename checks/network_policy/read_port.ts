import {
  child,
  kindOf,
  readFields,
  readInteger,
  readText,
  type Report,
} from "../kubernetes/fields.ts";
import { type Protocol, PROTOCOLS } from "./model.ts";
import { wrongPort, wrongPortName } from "../kubernetes/names.ts";
import type { PolicyPort } from "./policy.ts";

/** Reads a port of a rule: a number, a name or a range, of a protocol that is TCP unless told. */
export function readPort(value: unknown, path: string, report: Report): PolicyPort | undefined {
  const fields = readFields(value, path, report, ["protocol", "port", "endPort"]);
  if (fields === undefined) return undefined;
  const protocol = readProtocol(fields.protocol, child(path, "protocol"), report);
  const port = readNumberOrName(fields.port, child(path, "port"), report);
  const endPath = child(path, "endPort");
  const endPort = readInteger(fields.endPort, endPath, report);
  if (endPort !== undefined) {
    if (typeof port === "string") {
      report(endPath, "cannot stand with a named port: a range begins with a number");
    } else if (port === undefined && (fields.port === undefined || fields.port === null)) {
      report(endPath, "cannot stand without port, where the range begins");
    } else {
      const wrong = wrongPort(endPort);
      if (wrong !== undefined) report(endPath, wrong);
      else if (port !== undefined && endPort < port) {
        report(endPath, `${endPort} is smaller than port, which is ${port}`);
      }
    }
  }
  return {
    path,
    protocol,
    ...(port === undefined ? {} : { port }),
    ...(endPort === undefined ? {} : { endPort }),
  };
}

/** Reads a protocol, in capitals; absent, it is TCP. */
export function readProtocol(value: unknown, path: string, report: Report): Protocol {
  const text = readText(value, path, report) ?? "TCP";
  const protocol = PROTOCOLS.find((each) => each === text);
  if (protocol !== undefined) return protocol;
  report(path, `${JSON.stringify(text)} is no protocol: it is one of ${PROTOCOLS.join(", ")}`);
  return "TCP";
}

function readNumberOrName(
  value: unknown,
  path: string,
  report: Report,
): number | string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" && typeof value !== "string") {
    report(path, `has to be a number or a port's name, and is ${kindOf(value)}`);
    return undefined;
  }
  const port = typeof value === "number" ? readInteger(value, path, report) : value;
  if (port === undefined) return undefined;
  const wrong = typeof port === "number" ? wrongPort(port) : wrongPortName(port);
  if (wrong !== undefined) report(path, wrong);
  return port;
}
