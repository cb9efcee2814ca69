import type { Call, Python } from "../../source_code/python.ts";
import type { Step } from "./frame_writes.ts";

// The source of a job as statements and chains of calls.

/** A statement of Python: brackets continue a line. The head of a block is a statement too. */
export interface Statement {
  /** The start in the source. */
  readonly start: number;
  /** The end in the source, exclusive. */
  readonly end: number;
  /** The number of spaces before the statement. */
  readonly indent: number;
  /** The first word, if it is a keyword. */
  readonly keyword: string | undefined;
  /** The variable that the statement assigns, as in `df` or `self.df`. */
  readonly target: string | undefined;
  /** The start of the value that the statement assigns, returns or computes. */
  readonly value: number;
}

/** A chain of calls that is no argument of another call of the same chain. */
export interface Chain {
  /** The start in the source. */
  readonly start: number;
  /** The end in the source, exclusive. */
  readonly end: number;
  /** The names before the first method, as in `spark.read` of `spark.read.parquet("p")`. */
  readonly owner: readonly string[];
  /** The first call, and the calls of methods after it. */
  readonly steps: readonly Step[];
}

const KEYWORD =
  /^(?:async[ \t]+)?(def|class|if|elif|else|for|while|with|try|except|finally|return|yield|raise|assert|del|global|nonlocal|import|from|pass|continue|break|case(?=[^\n]*:\s*$))\b/;

const BLOCK = /^(?:def|class|if|elif|else|for|while|with|try|except|finally)$/;

/** The statements of a source, in its order. */
export function statementsOf({ code }: Python): Statement[] {
  const statements: Statement[] = [];
  let [start, depth, colon] = [0, 0, -1];
  let indent: number | undefined;
  const add = (end: number) => {
    const text = code.slice(start, end);
    const own = text.length - text.trimStart().length;
    if (own < text.length) {
      const lineStart = code.lastIndexOf("\n", start + own) + 1;
      statements.push(statementAt(code, start + own, end, indent ?? start + own - lineStart));
    }
  };
  for (let i = 0; i <= code.length; i++) {
    const char = code[i];
    if (char !== undefined && "([{".includes(char)) depth++;
    else if (char !== undefined && ")]}".includes(char)) depth = Math.max(0, depth - 1);
    else if (char === ":" && depth === 0 && colon < 0) colon = i;
    const isLine = char === undefined || char === "\n" && depth === 0 && code[i - 1] !== "\\";
    if (!isLine && !(char === ";" && depth === 0)) continue;
    // The statement after the colon of a block, as in `if a: b`.
    const [, word = ""] = KEYWORD.exec(code.slice(start, i).trimStart()) ?? [];
    if (colon >= 0 && BLOCK.test(word) && code.slice(colon + 1, i).trim() !== "") {
      add(colon + 1);
      const head = statements.at(-1)!;
      [start, indent] = [colon + 1, head.indent + 1];
    }
    add(i);
    [start, colon] = [i + 1, -1];
    if (isLine) indent = undefined;
  }
  return statements;
}

function statementAt(code: string, start: number, end: number, indent: number): Statement {
  const text = code.slice(start, end);
  const keyword = KEYWORD.exec(text)?.[1];
  const [assigned, target] = keyword === undefined
    ? /^([\w.]+)\s*(?::[^=]+)?=(?!=)/.exec(text) ?? [""]
    : /^(?:return|yield)\b/.exec(text) ?? [""];
  return { start, end, indent, keyword, target, value: start + assigned.length };
}

/** Returns whether code uses a variable. */
export function usesName(code: string, name: string): boolean {
  return new RegExp(`(?<![\\w.])${name.replaceAll(".", "\\.")}(?!\\w)`).test(code);
}

/** The chains of calls of a source, in its order. */
export function chainsOf({ calls, code }: Python): Chain[] {
  const chains: Chain[] = [];
  const byEnd = new Map<number, number>();
  const roots = calls.filter(({ receiver }) => receiver === undefined)
    .sort((a, b) => a.start - b.start);
  for (const call of roots) {
    const own = chainFrom(call);
    const isMethod = code[call.start - 1] === ".";
    const steps = own.map((each, i): Step => ({
      path: i === 0 && !isMethod ? [] : namesBefore(each),
      name: each.name,
      call: each,
    }));
    const end = own.at(-1)!.end;
    // After a property, as in `df.select("a").write.parquet("p")`, the chain goes on.
    const before = isMethod ? chainBefore(code, call.start - 1, byEnd) : undefined;
    if (before !== undefined) {
      const { start, owner, steps: first } = chains[before]!;
      chains[before] = { start, end, owner, steps: [...first, ...steps] };
      byEnd.set(end, before);
    } else {
      byEnd.set(
        end,
        chains.push({
          start: call.start,
          end,
          owner: isMethod ? [] : namesBefore(call),
          steps,
        }) - 1,
      );
    }
  }
  return chains;
}

/** The chains that begin in a part of the source. */
export function chainsIn(chains: readonly Chain[], start: number, end: number): Chain[] {
  let [low, high] = [0, chains.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chains[middle]!.start < start) low = middle + 1;
    else high = middle;
  }
  const found: Chain[] = [];
  for (let i = low; i < chains.length && chains[i]!.start < end; i++) found.push(chains[i]!);
  return found;
}

/** The chain that ends before the dot of a method, or before the brackets around it. */
function chainBefore(
  code: string,
  dot: number,
  byEnd: ReadonlyMap<number, number>,
): number | undefined {
  let end = dot;
  while (end > 0) {
    while (/[\s\\]/.test(code[end - 1] ?? "")) end--;
    const found = byEnd.get(end);
    if (found !== undefined || code[end - 1] !== ")") return found;
    end--;
  }
  return undefined;
}

/** A call, the methods on its result, and the methods on brackets around them. */
function chainFrom(call: Call): Call[] {
  const bracketed = call.context.bracketed ?? [];
  return [call, ...call.chain, ...bracketed.filter(({ end }) => end > call.end)];
}

function namesBefore({ callee }: Call): string[] {
  return callee.split(".").slice(0, -1).map((each) => each.trim());
}
