import { showProcess } from "./hidden_process.ts";
// See checks/kubernetes/yaml.ts for the choice of the module.
// @ts-types="@lezer/python"
import { parser } from "@lezer/python/esm";

showProcess();

/** A node of the syntax tree of a source. */
export interface SyntaxNode {
  /** The parser's name, as in `CallExpression`. */
  readonly name: string;
  /** The start of the node in the source. */
  readonly from: number;
  /** The end of the node in the source, exclusive. */
  readonly to: number;
}

/**
 * Parses Python, and visits the nodes in the order of the source.
 *
 * @param enter called before the children of a node, which are left out if it returns false
 * @param leave called after the children of a node that was entered
 */
export function visitPython(
  source: string,
  enter: (node: SyntaxNode) => false | void,
  leave: () => void = () => {},
): void {
  parser.parse(source).iterate({ enter, leave });
}
