import type { Matrix } from "../../checks/network_policy/matrix.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import type { Reading } from "../reach/reading.ts";
import type { Content } from "../report/content.ts";

/** What an HTML report depends on besides its content. */
interface HtmlOptions {
  /** The names of the platform, for the pages of the runbook. */
  readonly project: Project | undefined;
  /** Whether the report has pictures. */
  readonly hasPictures?: boolean;
}

/** Renders an HTML report. Its modules and libraries are loaded here, not at the start of a command. */
export async function htmlReport(
  content: Omit<Content, "made">,
  { project, hasPictures = false }: HtmlOptions,
): Promise<string> {
  const [{ readTemplate }, { renderDocument }] = await Promise.all([
    load<typeof import("../report/template.ts")>("../report/template.ts"),
    load<typeof import("../report/document.ts")>("../report/document.ts"),
  ]);
  const made = new Date().toISOString().slice(0, 19).replace("T", " ");
  return await renderDocument({ ...content, made }, await readTemplate(project, hasPictures));
}

/** Renders the connections that policies allow. */
export async function htmlOfReach(
  reading: Reading,
  matrix: Matrix,
  project: Project | undefined,
): Promise<string> {
  const { reachData } = await load<typeof import("../report/reach_data.ts")>(
    "../report/reach_data.ts",
  );
  const reach = reachData(reading, matrix);
  return await htmlReport({ command: "reach", reach }, { project, hasPictures: true });
}

/** Loads a module. With a literal `import()`, Deno would read the module at the start. */
function load<M>(specifier: string): Promise<M> {
  return import(specifier);
}
