import { type AddressRange, parseCidr } from "./address.ts";
import { child, readFields, readList, readText, type Report } from "../kubernetes/fields.ts";
import type { BlockPeer, Peer } from "./policy.ts";
import { readSelector } from "../kubernetes/selector.ts";

type Block = AddressRange & { readonly bits: number };

/** Reads a peer: a block of addresses, or pods. */
export function readPeer(value: unknown, path: string, report: Report): Peer | undefined {
  const known = ["podSelector", "namespaceSelector", "ipBlock"];
  const fields = readFields(value, path, report, known);
  if (fields === undefined) return undefined;
  const [hasPods, hasNamespaces, hasBlock] = known.map((name) =>
    fields[name] !== undefined && fields[name] !== null
  );
  if (!hasPods && !hasNamespaces && !hasBlock) {
    report(path, `names nobody: it needs one of ${known.join(", ")}`);
    return undefined;
  }
  const pods = (name: "podSelector" | "namespaceSelector") =>
    readSelector(fields[name], child(path, name), report);
  const selectors = {
    ...(hasNamespaces ? { namespaces: pods("namespaceSelector") } : {}),
    ...(hasPods ? { pods: pods("podSelector") } : {}),
  };
  if (!hasBlock) return { type: "pods", path, ...selectors };
  if (hasPods || hasNamespaces) {
    report(path, "has ipBlock together with a selector, and no peer is both addresses and pods");
  }
  return readBlock(fields.ipBlock, path, report);
}

function readBlock(value: unknown, path: string, report: Report): BlockPeer | undefined {
  const blockPath = child(path, "ipBlock");
  const fields = readFields(value, blockPath, report, ["cidr", "except"]);
  if (fields === undefined) return undefined;
  const cidrPath = child(blockPath, "cidr");
  const cidr = readText(fields.cidr, cidrPath, report);
  if (cidr === undefined && (fields.cidr === undefined || fields.cidr === null)) {
    report(cidrPath, "is missing");
  }
  const range = cidr === undefined ? undefined : readCidr(cidr, cidrPath, report);
  const exceptPath = child(blockPath, "except");
  const except = readList(fields.except, exceptPath, report).flatMap((each, i) => {
    const text = readText(each ?? "", `${exceptPath}[${i}]`, report);
    if (text === undefined) return [];
    const left = readCidr(text, `${exceptPath}[${i}]`, report);
    if (left === undefined) return [];
    if (range !== undefined && !isStrictlyWithin(left, range)) {
      const problem = `${JSON.stringify(text)} does not lie within ${cidr}, or is all of it`;
      report(`${exceptPath}[${i}]`, problem);
    }
    return [left];
  });
  return cidr === undefined || range === undefined
    ? undefined
    : { type: "block", path, cidr, range, except };
}

function readCidr(text: string, path: string, report: Report): Block | undefined {
  const block = parseCidr(text);
  if (block === undefined) {
    report(
      path,
      `${JSON.stringify(text)} is no block of addresses, such as 10.0.0.0/8 or fd00::/8`,
    );
  }
  return block;
}

function isStrictlyWithin(inner: Block, outer: Block): boolean {
  return inner.family === outer.family && inner.bits > outer.bits &&
    outer.first <= inner.first && inner.last <= outer.last;
}
