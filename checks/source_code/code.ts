import type { Place } from "../finding.ts";
import type { Python } from "./python.ts";

/** The language of a text. `conf` is a properties file of Spark. */
export type Language = "python" | "sql" | "shell" | "dockerfile" | "conf";

/** Source code or configuration of a job. */
export interface Code {
  /** The language. */
  readonly language: Language;
  /** The file, relative to the working directory; undefined in an object of a cluster. */
  readonly file: string | undefined;
  /** The line of that file on which the text begins, counted from 1; 1 without a file. */
  readonly line: number;
  /** The Kubernetes object around the text, as in `ConfigMap analytics-jobs/scripts`. */
  readonly object?: string;
  /** The field of that object, as in `data["job.py"]`. */
  readonly field?: string;
  /** The path in an image, of a script that a Dockerfile writes. */
  readonly target?: string;
  /** The text. */
  readonly text: string;
  /** The dialect of SQL, if it is known not to be Spark's. */
  readonly dialect?: "postgres";
  /** Parses Python code once, when a check first asks for the parsed form. */
  readonly python?: () => Python;
}

/** The line of the file at an offset of the text. */
export function lineAt({ text, line }: Code, offset: number): number {
  let found = line;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) {
    found++;
  }
  return found;
}

/** The place of a finding at an offset of the text. */
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

/** Replaces all characters except line breaks by spaces, which keeps offsets and lines unchanged. */
export function blank(text: string): string {
  return text.replace(/[^\n]+/g, (line) => " ".repeat(line.length));
}
