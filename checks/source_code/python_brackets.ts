/** A part of Python code. */
export interface Piece {
  /** The code, with the content of strings blanked. */
  readonly code: string;
  /** The start in the source. */
  readonly start: number;
}

/** The end of the brackets that open at a position. */
export function endOfBrackets(code: string, start: number): number | undefined {
  let depth = 0;
  for (let i = start; i < code.length; i++) {
    if ("([{".includes(code[i]!)) depth++;
    else if (")]}".includes(code[i]!) && --depth === 0) return i + 1;
  }
  return undefined;
}

/** The parts between the commas of brackets; undefined for other code, or a comprehension. */
export function elementsOf(code: string, start: number): Piece[] | undefined {
  const [open, close] = [code.indexOf(code.match(/[([{]/)?.[0] ?? "\0"), code.length - 1];
  if (open < 0 || endOfBrackets(code, open) !== code.length) return undefined;
  const elements: Piece[] = [];
  let [from, depth] = [open + 1, 0];
  for (let i = from; i <= close; i++) {
    const char = code[i]!;
    if (i < close && "([{".includes(char)) depth++;
    else if (i < close && ")]}".includes(char)) depth--;
    if (i < close && (char !== "," || depth > 0)) continue;
    const text = code.slice(from, i);
    if (depth === 0 && /\bfor\b|^\s*\*/.test(text.replaceAll(/[([{][^]*[)\]}]/g, ""))) {
      return undefined;
    }
    if (text.trim() !== "") {
      elements.push({ code: text.trim(), start: start + from + text.search(/\S/) });
    }
    from = i + 1;
  }
  return elements;
}
