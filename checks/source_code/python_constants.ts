import { isString, isWholeString, type Node, spacedText, targetOf } from "./python_tree.ts";

/** The names with one assignment in the whole source, which is of a text. */
export function constantsOf(nodes: readonly Node[]): Map<string, string> {
  const targets = nodes.filter((node) => node.kind === "VariableName" && isBound(node));
  const counts = Map.groupBy(targets, ({ text }) => text);
  return new Map(
    nodes.filter((node) => isWholeString(node) && node.parent?.kind === "AssignStatement")
      .flatMap((node): [string, string][] => {
        const name = targetOf(node);
        return name === undefined || counts.get(name)?.length !== 1
          ? []
          : [[name, spacedText(node).trim()]];
      }),
  );
}

/** Returns whether a name gets a value here: by an assignment, a loop, or as a parameter. */
function isBound(node: Node): boolean {
  const { parent } = node;
  if (parent === undefined) return false;
  if (parent.kind === "ParamList" || node.sibling(-1)?.kind === "as") return true;
  if (parent.kind === "TupleExpression") return isBound(parent);
  const end = /^(Assign|Update)Statement$|^NamedExpression$/.test(parent.kind)
    ? /^(AssignOp|UpdateOp)$/
    : /^(For|.*Comprehension)/.test(parent.kind)
    ? /^in$/
    : undefined;
  if (end === undefined) return false;
  const last = parent.children.findLastIndex(({ kind }) => end.test(kind));
  const first = parent.children.findLastIndex(({ kind }, i) => i < node.index && kind === "for");
  return node.index < last && (end.source !== "^in$" || first >= 0);
}

/** The text of a string or of a constant. */
export function constantText(
  node: Node,
  constants: ReadonlyMap<string, string>,
): string | undefined {
  if (isString(node) || node.kind === "ContinuedString") return spacedText(node).trim();
  return node.kind === "VariableName" ? constants.get(node.text) : undefined;
}
