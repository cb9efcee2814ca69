import type { Matrix } from "../../checks/network_policy/matrix.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import type { Reading } from "../reach/reading.ts";
import type { About, Content, Template } from "../report/content.ts";
import { aboutOf, type LookedAt } from "./about.ts";
import type { ReportOutputs } from "./report_outputs.ts";

/** What an HTML report depends on besides its content. */
interface HtmlOptions {
  /** The names of the platform, for the pages of the runbook. */
  readonly project: Project | undefined;
  /** Whether the report has pictures. */
  readonly hasPictures?: boolean;
  /** What the command looks at. */
  readonly lookedAt: LookedAt;
}

/** The content of a report without what every report has. */
export type NewContent = Omit<Content, "made" | "about">;

/** Renders an HTML report. Its modules and libraries are loaded here, not at the start of a command. */
export async function htmlReport(content: NewContent, options: HtmlOptions): Promise<string> {
  return await (await htmlRenderer(options))(content);
}

/** Loads what an HTML report needs from files. The renderer then works without permissions. */
async function htmlRenderer(
  { project, hasPictures = false, lookedAt }: HtmlOptions,
): Promise<(content: NewContent) => Promise<string>> {
  const about: About = aboutOf(lookedAt);
  const [{ readTemplate }, { renderDocument }] = await Promise.all([
    load<typeof import("../report/template.ts")>("../report/template.ts"),
    load<typeof import("../report/document.ts")>("../report/document.ts"),
  ]);
  const template = await readTemplate(project, hasPictures);
  return (content) => {
    const made = new Date().toISOString().slice(0, 19).replace("T", " ");
    return renderDocument({ ...content, about, made }, template);
  };
}

/** The reports of a worker for files, as plain data. */
export interface WorkerReports {
  /** The report in each format of a file. */
  readonly files: Readonly<Record<string, string>>;
  /** The content of the HTML report. */
  readonly html?: NewContent;
}

/**
 * Prepares the files of `--output FORMAT=FILE`, so that a process without permissions can write them.
 * An HTML report has pictures.
 *
 * @returns writes the reports of a worker; undefined without files
 */
export async function prepareReports(
  { files, html }: Pick<ReportOutputs<string>, "files" | "html">,
  project: Project | undefined,
  lookedAt: LookedAt,
): Promise<((reports: WorkerReports) => Promise<void>) | undefined> {
  if (files.length === 0 && html === undefined) return undefined;
  const render = html && await htmlRenderer({ project, hasPictures: true, lookedAt });
  return async (reports) => {
    for (const { format, write } of files) await write(reports.files[format] ?? "");
    if (reports.html !== undefined) await html?.write(await render!(reports.html));
  };
}

/** Reads the files of a page, for a process that renders it later. */
export async function htmlTemplate(
  { project, hasPictures = false }: Omit<HtmlOptions, "lookedAt">,
): Promise<Template> {
  const { readTemplate } = await load<typeof import("../report/template.ts")>(
    "../report/template.ts",
  );
  return await readTemplate(project, hasPictures);
}

/** Renders the connections that policies allow. */
export async function htmlOfReach(
  reading: Reading,
  matrix: Matrix,
  project: Project | undefined,
  exit: NonNullable<Content["exit"]>,
): Promise<string> {
  const { reachData } = await load<typeof import("../report/reach_data.ts")>(
    "../report/reach_data.ts",
  );
  const reach = reachData(reading, matrix);
  const lookedAt = { manifests: reading.directory };
  return await htmlReport({ command: "reach", exit, reach }, {
    project,
    hasPictures: true,
    lookedAt,
  });
}

/** Loads a module. With a literal `import()`, Deno would read the module at the start. */
function load<M>(specifier: string): Promise<M> {
  return import(specifier);
}
