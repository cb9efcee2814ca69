import { maskLiterals } from "./python_tree.ts";

/** An import. */
export interface Import {
  /** The number of dots before the module: 0 for an absolute import. */
  readonly dots: number;
  /** The module, as in `a.b` of `import a.b` and `from a.b import c`; empty in `from . import c`. */
  readonly module: string;
  /** The imported names with their aliases, as in `c` of `from a.b import c`. */
  readonly names: readonly { readonly name: string; readonly alias: string }[];
}

/** Import statements: at the beginning of a line, or after `;` or `:`. */
const IMPORT =
  /(?:^|[;:])[ \t\f]*((?:from\b(?:[^\n\\;:#"'()]|\\\r?\n){0,1000}?)?\bimport\b(?:(?:[ \t\f]|\\\r?\n)*\([^)]*\)?|(?:[^\n\\;#"']|\\\r?\n)*))/gm;

/**
 * Finds the imports without parsing the source, which is slow.
 *
 * @returns undefined if only parsing can decide, because a string or comment may contain an import
 */
export function scannedImports(source: string): Import[] | undefined {
  const found = [...maskLiterals(source).matchAll(IMPORT)];
  const all = [...source.matchAll(IMPORT)];
  const isCertain = all.length === found.length &&
    all.every(({ index }, i) => index === found[i]!.index);
  return isCertain ? found.flatMap(({ 1: statement }) => importsOf(statement!)) : undefined;
}

/** The imports of one statement. */
export function importsOf(statement: string): Import[] {
  const code = statement.replace(/\\\r?\n/g, " ");
  const [, from = "", list = ""] = /^(?:from\b(.*?))?\bimport\b(.*)$/s.exec(code) ?? [];
  const [, dots = "", module = ""] = /^([.\s]*)(.*)$/s.exec(from)!;
  const names = list.replace(/[()]/g, "").split(",").flatMap((each) => {
    const [name = "", , alias = name] = each.trim().split(/\s+/);
    return name === "" ? [] : [{ name, alias }];
  });
  if (!code.startsWith("from")) {
    return names.map(({ name }) => ({ dots: 0, module: name, names: [] }));
  }
  return [{ dots: dots.replace(/\s/g, "").length, module: module.trim(), names }];
}
