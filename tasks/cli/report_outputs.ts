import { shellPath } from "../../pipeline/shell.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";
import type { ReportFiles } from "./report_files.ts";
import { didYouMean } from "./suggestion.ts";

/** The output formats of a report. */
export const FORMATS = ["text", "json", "junit", "github"] as const;

/** The formats of preflight. Markdown is the summary of a workflow run. */
export const PREFLIGHT_FORMATS = [...FORMATS, "markdown"] as const;

/** An output format of a report, as in `json`. */
export type Format = (typeof PREFLIGHT_FORMATS)[number];

/** The formats of preflight in files. HTML is for a browser, so it goes into a file. */
export const FILE_FORMATS = [...PREFLIGHT_FORMATS, "html"] as const;

/** A file that receives a report. */
export interface FileOutput<F = Format> {
  readonly format: F;
  readonly path: string;
  /**
   * Writes the report. The process needs no permission.
   *
   * @throws {Failure} configuration: the file cannot be written
   */
  write(report: string | Iterable<string>): Promise<void>;
}

/** Where a report goes: to standard output in one format, and into files. */
export interface ReportOutputs<F = Format> {
  readonly output: F;
  readonly files: readonly FileOutput<F>[];
  /** The file that receives the HTML report. */
  readonly html?: FileOutput<"html">;
}

/**
 * Reads `--output`, which can be repeated: FORMAT for standard output, and FORMAT=FILE for a file. HTML
 * is for a browser, so it goes into a file. The files are opened here, before the work begins.
 *
 * @param reports opens the files
 * @param formats the formats for standard output, the default first
 * @throws {Failure} configuration: an unknown format, two formats for standard output, two files with
 *   HTML, or a file that cannot be written
 */
export async function reportOutputs<F extends string>(
  flags: Flags,
  reports: ReportFiles,
  formats: readonly F[],
): Promise<ReportOutputs<F>> {
  const terminal: F[] = [];
  const files: Target<F>[] = [];
  const pages: Target<"html">[] = [];
  for (const text of flags.all("output")) {
    const [word, ...rest] = text.split("=");
    const path = rest.length === 0 ? undefined : rest.join("=");
    if (word === "html") {
      if (path === undefined) {
        throw wrong(text, "HTML goes into a file", "Write --output html=FILE.");
      }
      pages.push(await targetOf("html", path, text));
      continue;
    }
    const format = formats.find((each) => each === word);
    if (format === undefined) {
      const all = [...formats, "html"];
      const remedy = `${didYouMean(word!, all)}Use one of ${all.join(", ")}=FILE.`;
      throw wrong(text, "the format is not supported", remedy);
    }
    if (path === undefined) terminal.push(format);
    else files.push(await targetOf(format, path, text));
  }
  const [output = formats[0]!, second] = terminal;
  if (second !== undefined) {
    const problem = `standard output already has the format ${output}`;
    throw wrong(second, problem, `Write it into a file: --output ${second}=FILE.`);
  }
  const [html, another] = pages;
  if (another !== undefined) {
    throw wrong(`html=${another.path}`, `${html!.path} already receives HTML`, "Give one file.");
  }
  const all = [...files, ...pages];
  const twice = all.find(({ path }, i) => all.findIndex((each) => each.path === path) < i);
  if (twice !== undefined) {
    const problem = `another --output writes into ${twice.path}`;
    throw wrong(`${twice.format}=${twice.path}`, problem, "Give each format a file of its own.");
  }
  // A refused command line changes no file.
  const page = html && await openFile(html, reports);
  const opened: FileOutput<F>[] = [];
  for (const file of files) opened.push(await openFile(file, reports));
  return { output, files: opened, ...(page && { html: page }) };
}

/** A file of `--output FORMAT=FILE`. */
interface Target<F> {
  readonly format: F;
  readonly path: string;
  /** The value of the flag. */
  readonly text: string;
}

async function targetOf<F>(format: F, path: string, text: string): Promise<Target<F>> {
  if (path === "") throw wrong(text, "there is no file after =", `Write --output ${format}=FILE.`);
  const folder = path.slice(0, path.lastIndexOf("/") + 1) || ".";
  const isFolder = (place: string) =>
    Deno.stat(place).then(({ isDirectory }) => isDirectory, () => false);
  if (!await isFolder(folder)) {
    throw wrong(text, `there is no folder ${folder}`, `Create it: mkdir -p ${shellPath(folder)}`);
  }
  if (await isFolder(path)) throw wrong(text, `${path} is a folder`, "Name a file.");
  return { format, path, text };
}

async function openFile<F extends string>(
  { format, path, text }: Target<F>,
  reports: ReportFiles,
): Promise<FileOutput<F>> {
  const attempt = async <T>(action: () => T | Promise<T>) => {
    try {
      return await action();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw wrong(text, problem, "Make the file writable, or name another one.");
    }
  };
  const write = await attempt(() => reports.open(format, path));
  return { format, path, write: (report) => attempt(() => write(report)) };
}

function wrong(text: string, problem: string, remedy: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use --output ${JSON.stringify(text)}`,
    problem,
    remedy,
  });
}
