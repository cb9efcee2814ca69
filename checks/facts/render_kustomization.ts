import { shellPath } from "../../pipeline/shell.ts";
import { isResource, type Kustomization, kustomizationIn, pathsOf } from "./kustomization.ts";
import { joinPaths } from "./manifest_files.ts";
import { PIPE, type Unrendered } from "./templates.ts";

/** The YAML that a kustomization renders, or the reason why it cannot be rendered. */
export type Rendering = { readonly yaml: string } | { readonly problem: string } | Unrendered;

/** The programs that render a kustomization, with their arguments before the folder. */
const PROGRAMS = [["kustomize", "build"], ["kubectl", "kustomize"]] as const;

/** A path that kustomize would download: a URL, or a repository on a server. */
const REMOTE = /^[a-z][a-z0-9+.-]*:|^[\w.-]+@|[?&]ref=|^[\w-][\w.-]*\.[a-z]{2,}(:\d+)?\/.+\/./i;

/** The longest message of a program that is shown, in characters. */
const MAX_MESSAGE = 500;

/**
 * Renders a kustomization with a program on the PATH. Nothing is downloaded: a kustomization that
 * needs a remote file is refused, and the program gets no variables, so it finds neither git nor a
 * network proxy that works.
 */
export async function renderKustomization(
  directory: string,
  root: Kustomization,
  signal?: AbortSignal,
): Promise<Rendering> {
  const folder = joinPaths(directory, root.folder) || ".";
  const refused = await refusal(directory, root, folder);
  if (refused !== undefined) return refused;
  let isForbidden = false;
  for (const [program, command] of PROGRAMS) {
    const result = await run(program, [command, folder], signal);
    if (typeof result === "object") return result;
    isForbidden ||= result === "forbidden";
  }
  return isForbidden
    ? unrendered("this command may not start programs", folder)
    : unrendered("neither kustomize nor kubectl is on the PATH", folder, "Install kustomize, or ");
}

function unrendered(why: string, folder: string, before = "", flag = ""): Unrendered {
  const command = `${before === "" ? "R" : `${before}r`}ender it, and check the result: `;
  return {
    problem: `the kustomization was not rendered, and its files were checked as they are: ${why}`,
    render: `${command}kustomize build ${flag}${shellPath(folder)} | ${PIPE}`,
  };
}

/** Looks for paths that do not exist here, in a kustomization and in all that it uses. */
async function refusal(
  directory: string,
  kustomization: Kustomization,
  folder: string,
  seen: Set<string> = new Set(),
): Promise<Rendering | undefined> {
  if (seen.has(kustomization.file)) return undefined;
  seen.add(kustomization.file);
  const { file, fields } = kustomization;
  if (fields.helmCharts !== undefined || fields.helmChartInflationGenerator !== undefined) {
    return unrendered(
      `${file} renders Helm charts, which can be remote`,
      folder,
      "",
      "--enable-helm ",
    );
  }
  for (const { field, path } of pathsOf(kustomization)) {
    const at = joinPaths(directory, kustomization.folder, path);
    const info = await Deno.stat(at).catch(() => undefined);
    if (info === undefined && REMOTE.test(path)) {
      // A URL can contain a login.
      const shown = path.replace(/\/\/[^/@]*@/, "//…@");
      return unrendered(`${file} needs ${shown}, and preflight downloads nothing`, folder);
    }
    if (info === undefined && isResource(field)) {
      return { problem: `kustomize fails: ${field} names ${path}, which does not exist` };
    }
    if (!info?.isDirectory) continue;
    const inner = await kustomizationAt(directory, joinPaths(kustomization.folder, path));
    const problem = inner && await refusal(directory, inner, folder, seen);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

async function kustomizationAt(
  directory: string,
  folder: string,
): Promise<Kustomization | undefined> {
  for (const name of ["kustomization.yaml", "kustomization.yml", "Kustomization"]) {
    const file = joinPaths(folder, name);
    const text = await Deno.readTextFile(joinPaths(directory, file)).catch(() => undefined);
    if (text !== undefined) return kustomizationIn({ file, text });
  }
  return undefined;
}

/** Runs a program that may not be installed, and that this command may not be allowed to start. */
async function run(
  program: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<Rendering | "missing" | "forbidden"> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      clearEnv: true,
      env: { HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(signal === undefined ? {} : { signal }),
    }).output();
    signal?.throwIfAborted();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    if (success) return { yaml: text(stdout) };
    const lines = text(stderr).trim().replace(/\s+/g, " ");
    const message = (/ err="(.*)"$/.exec(lines)?.[1] ?? lines).slice(0, MAX_MESSAGE);
    return { problem: `${program} cannot render the kustomization: ${message}` };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "missing";
    if (error instanceof Deno.errors.NotCapable) return "forbidden";
    if (error instanceof Deno.errors.PermissionDenied) return "forbidden";
    throw error;
  }
}
