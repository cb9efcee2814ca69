import { renderSuites } from "../../checks/report/junit.ts";
import { renderWithoutReport } from "../report/without_report.ts";
import type { FailureReporter } from "./failure.ts";
import { renderLine } from "./json_line.ts";

/** An open file that gets a report. */
interface ReportFile {
  readonly format: string;
  readonly file: Deno.FsFile;
  /** Whether the file keeps its content, unlike a pipe. */
  readonly isRegular: boolean;
}

/**
 * The files of the reports of a command. A file loses its old content when it is opened, so that a
 * reader does not take an old report for the report of this run. If the command ends without its
 * report, the file says so.
 */
export class ReportFiles {
  readonly #command: string;
  readonly #began: Date = new Date();
  readonly #waiting: Set<ReportFile> = new Set();
  readonly #messages: string[] = [];

  /** @param command the command that writes the reports */
  constructor(command: string) {
    this.#command = command;
  }

  /**
   * Opens a file. Afterwards, a process without permissions can write the report. A report that is too
   * long for one string has several.
   *
   * @returns writes the report
   * @throws the error of the system
   */
  async open(format: string, path: string): Promise<(report: string | Iterable<string>) => void> {
    const file = await Deno.open(path, { write: true, create: true });
    const { isFile: isRegular } = await file.stat();
    const opened = { format, file, isRegular };
    replace(opened, this.#render(opened, undefined));
    this.#waiting.add(opened);
    return (report) => {
      replace(opened, report);
      this.#waiting.delete(opened);
    };
  }

  /** Takes a message about the failure of the command. */
  addMessage(message: string): void {
    this.#messages.push(message);
  }

  /** Returns a reporter that also writes the messages of failures into the files. */
  watch(reporter: FailureReporter): FailureReporter {
    return { ...reporter, onFailure: (message) => this.addMessage(message) };
  }

  /** Writes the exit code and the messages into the files that have no report. */
  end(exitCode: number): void {
    for (const each of this.#waiting) {
      try {
        replace(each, this.#render(each, exitCode));
      } catch {
        // The command has failed already, and the terminal has the reason.
      }
    }
    this.#waiting.clear();
  }

  /** Renders the content without a report. The exit code is undefined until the command ends. */
  #render({ format, isRegular }: ReportFile, exitCode: number | undefined): string {
    if (!isRegular && exitCode === undefined) return "";
    const command = this.#command;
    const message = this.#messages.join("\n");
    if (format === "html") {
      return renderWithoutReport({ command, began: this.#began, message, exitCode });
    }
    if (format === "junit") return this.#renderJunit(message, exitCode);
    if (exitCode === undefined) return "";
    if (format === "json") return `${renderLine(command, "failed", { message, exitCode })}\n`;
    return format === "text" || format === "markdown" ? `${message}\n` : "";
  }

  /** Renders an error, because a consumer of JUnit can ignore an empty file. */
  #renderJunit(text: string, exitCode: number | undefined): string {
    const command = this.#command;
    const message = exitCode === undefined
      ? `${command} has not finished`
      : `${command} ended with exit code ${exitCode}, and without a report`;
    const outcome = { element: "error", message, ...(text !== "" && { text }) } as const;
    const failed = { classname: command, name: command, seconds: 0, outcome };
    return renderSuites(command, [{ name: command, seconds: 0, cases: [failed] }]);
  }
}

/** Replaces the content of a file. */
function replace({ file, isRegular }: ReportFile, text: string | Iterable<string>): void {
  if (isRegular) {
    file.truncateSync(0);
    file.seekSync(0, Deno.SeekMode.Start);
  }
  for (const piece of typeof text === "string" ? [text] : text) {
    let rest = new TextEncoder().encode(piece);
    while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
  }
}
