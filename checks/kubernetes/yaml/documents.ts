import { LineCounter } from "yaml";
import { compose } from "./compose.ts";
import { convert } from "./convert.ts";
import { Inconvertible } from "./inconvertible.ts";

/** A document of a file. */
export interface ManifestDocument {
  /** Which one, counted from 1, documents without content not counted. */
  readonly document: number;
  /** What it holds. */
  readonly value: unknown;
  /** The line in the file on which each field begins, by its path; the document as a whole has "". */
  readonly lines: ReadonlyMap<string, number>;
}

/** A part of a file that cannot be understood. */
export interface DocumentProblem {
  /** The line in the file, counted from 1. */
  readonly line: number;
  /** The column, counted from 1. */
  readonly column: number;
  /** What is wrong. */
  readonly problem: string;
}

/** What a file holds. */
export interface Documents {
  /** What can be understood. */
  readonly documents: readonly ManifestDocument[];
  /** What cannot. One broken document does not spoil the others. */
  readonly problems: readonly DocumentProblem[];
}

/** The API server refuses requests above this many characters, so no larger document is an object. */
export const MAX_DOCUMENT = 3 * 1024 * 1024;

/** Reads the documents of a YAML or JSON file; JSON is YAML. Never throws. */
export function parseDocuments(text: string): Documents {
  const documents: ManifestDocument[] = [];
  const problems: DocumentProblem[] = [];
  for (const chunk of split(text)) {
    const read = parseChunk(chunk);
    problems.push(...read.problems);
    for (const { value, lines } of read.documents) {
      documents.push({ document: documents.length + 1, value, lines });
    }
  }
  return { documents, problems };
}

interface Chunk {
  readonly text: string;
  /** How many lines of the file come before it. */
  readonly before: number;
}

/** As kubectl does, files are cut at their `---` lines before anything is parsed. */
function split(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let start = 0;
  let before = 0;
  let lines = 0;
  for (const { 0: line, index } of text.replace(/^\uFEFF/, " ").matchAll(/.*(?:\r\n|\n|\r|$)/g)) {
    if (/^---(\s|$)/.test(line) && index > start) {
      chunks.push({ text: text.slice(start, index), before });
      start = index;
      before = lines;
    }
    lines++;
  }
  chunks.push({ text: text.slice(start).replace(/^\uFEFF/, ""), before });
  return chunks;
}

function parseChunk({ text, before }: Chunk): Documents {
  if (text.length > MAX_DOCUMENT) {
    const size = `${(text.length / 1024 / 1024).toFixed(1)} MiB`;
    const problem = `a document of ${size} is no object: the API server takes 3 MiB at most`;
    return { documents: [], problems: [{ line: before + 1, column: 1, problem }] };
  }
  if (saysNothing(text)) return { documents: [], problems: [] };
  const counter = new LineCounter();
  const place = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return { line: before + Math.max(line, 1), column: Math.max(col, 1) };
  };
  const documents: ManifestDocument[] = [];
  try {
    for (const each of compose(text, counter)) {
      const { value, offsets } = convert(each);
      if (value === null) continue;
      const lines = new Map([...offsets].map(([path, offset]) => [path, place(offset).line]));
      documents.push({ document: 0, value, lines });
    }
    return { documents, problems: [] };
  } catch (error) {
    if (!(error instanceof Inconvertible)) throw error;
    return { documents, problems: [{ ...place(error.offset), problem: error.message }] };
  }
}

/** Comments and directives, such as %YAML, mean nothing to kubectl. */
function saysNothing(text: string): boolean {
  return text.replace(/^---/, "").split(/\r?\n|\r/)
    .every((line) => /^(%.*|\s*(#.*)?)$/.test(line));
}
