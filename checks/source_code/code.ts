import type { Place } from "../finding.ts";
import type { Python } from "./python.ts";

/** What a text is written in. `conf` is one of Spark's properties files. */
export type Language = "python" | "sql" | "shell" | "dockerfile" | "conf";

/** A text that a job runs or is configured by. */
export interface Code {
  /** What it is written in. */
  readonly language: Language;
  /** The file that it stands in, relative to the working directory; undefined in a live object. */
  readonly file: string | undefined;
  /** The line of that file on which it begins, from 1 on; without a file, that of the text. */
  readonly line: number;
  /** The object of Kubernetes that it is part of, as in `ConfigMap analytics-jobs/scripts`. */
  readonly object?: string;
  /** The field of that object, as in `data["job.py"]`. */
  readonly field?: string;
  /** The text itself. */
  readonly text: string;
  /** Parses Python code once, when a check first asks for the parsed form. */
  readonly python?: () => Python;
}

/** The line of the file that a place in the text is on. */
export function lineAt({ text, line }: Code, offset: number): number {
  let found = line;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) {
    found++;
  }
  return found;
}

/** The part of a finding that says where in the text it is. */
export function placeIn(
  code: Code,
  offset: number,
): Place {
  const { file, object = file ?? "", field } = code;
  return {
    object,
    ...(field === undefined ? {} : { field }),
    ...(file === undefined ? {} : { file }),
    line: lineAt(code, offset),
  };
}

/** Replaces everything but line breaks by spaces, so that offsets and lines stay. */
export function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
