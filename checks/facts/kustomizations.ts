import { shellPath } from "../../pipeline/shell.ts";
import { objectId } from "../kubernetes/objects.ts";
import { naming } from "../list_names.ts";
import { replacedAmong } from "./duplicates.ts";
import {
  isComponent,
  type Kustomization,
  kustomizationIn,
  partsOf,
  resourcesOf,
  type TextFile,
} from "./kustomization.ts";
import { EMPTY, type FileReading, readFile } from "./manifest_text.ts";
import { renderKustomization } from "./render_kustomization.ts";
import { embeddedScripts } from "./scripts.ts";
import { isBelow } from "./templates.ts";

/** The files that are read as they are, and the readings of what was rendered. */
export interface Kustomized {
  /** The files that no rendered kustomization replaces. */
  readonly files: readonly TextFile[];
  /** The rendered objects, the problems of kustomizations, and the files that are left out. */
  readonly readings: readonly FileReading[];
}

/** A kustomization that is rendered, with the result. */
interface Rendered {
  readonly root: Kustomization;
  readonly reading: FileReading;
  /** Whether the reading replaces the files of the kustomization. */
  readonly isWhole: boolean;
}

/**
 * Renders the kustomizations among files. The result replaces the files in their folders, as with
 * `kubectl apply -k`. If a kustomization cannot be rendered, its files are read as they are, and
 * the kustomization is a problem.
 */
export async function kustomized(
  directory: string,
  files: readonly TextFile[],
  signal?: AbortSignal,
): Promise<Kustomized> {
  const all = files.flatMap((file) => kustomizationIn(file) ?? []);
  if (all.length === 0) return { files, readings: [] };
  const rendered: Rendered[] = [];
  for (const root of rootsOf(all)) rendered.push(await render(directory, root, signal));
  const readings = withoutAlternatives(directory, rendered);
  const whole = usedBy(rendered.filter(({ isWhole }) => isWhole), all);
  const raw = usedBy(rendered.filter(({ isWhole }) => !isWhole), all);
  const parts = new Set(all.flatMap(partsOf));
  const rest: TextFile[] = [];
  const left: FileReading[] = [];
  for (const each of files) {
    const owner = ownerOf(each.file, all);
    if (owner === undefined || !/\.(ya?ml|json)$/.test(each.file)) {
      if (each.file !== owner?.file) rest.push(each);
    } else if (each.file === owner.file) {
      if (!whole.has(owner) && !raw.has(owner)) left.push(ignored(each, UNUSED));
    } else if (parts.has(each.file)) left.push(ignored(each, "a part of a kustomization"));
    else if (raw.has(owner)) rest.push(each);
    else if (whole.has(owner) && !resourcesOf(owner).includes(each.file) && hasObjects(each)) {
      left.push(ignored(each, `objects that ${owner.file} does not list`));
    }
  }
  return { files: rest, readings: [...readings, ...left] };
}

const UNUSED = "a kustomization that the one of the directory itself does not use";

/** The kustomizations that no other one uses. With one in the directory itself, only that one. */
function rootsOf(all: readonly Kustomization[]): readonly Kustomization[] {
  const candidates = all.filter((each) => !isComponent(each));
  const top = candidates.filter(({ folder }) => folder === "");
  if (top.length > 0) return top;
  const used = new Set(all.flatMap(resourcesOf));
  return candidates.filter(({ folder }) => !used.has(folder));
}

function usedBy(
  rendered: readonly Rendered[],
  all: readonly Kustomization[],
): Set<Kustomization> {
  const seen = new Set<Kustomization>();
  const visit = (each: Kustomization) => {
    if (seen.has(each)) return;
    seen.add(each);
    const folders = resourcesOf(each);
    all.filter(({ folder }) => folders.includes(folder)).forEach(visit);
  };
  rendered.forEach(({ root }) => visit(root));
  return seen;
}

/** The closest kustomization around a file. */
function ownerOf(file: string, all: readonly Kustomization[]): Kustomization | undefined {
  const around = all.filter(({ folder }) => isBelow(file, folder));
  return around.sort((a, b) => b.folder.length - a.folder.length)[0];
}

async function render(
  directory: string,
  root: Kustomization,
  signal?: AbortSignal,
): Promise<Rendered> {
  const result = await renderKustomization(directory, root, signal);
  if (!("yaml" in result)) {
    return {
      root,
      reading: { ...EMPTY, problems: [{ file: root.file, ...result }] },
      isWhole: false,
    };
  }
  const folder = [directory, root.folder].filter((each) => each !== "").join("/");
  const build = `kubectl kustomize ${shellPath(folder)}`;
  const { objects, problems } = readFile(root.file, result.yaml, "-");
  // The lines of what was rendered are not the lines of a file.
  const placed = objects.map((object) => ({ ...object, line: 1, lines: new Map() }));
  const scripts = placed.flatMap(embeddedScripts);
  const reading = {
    objects: placed,
    scripts,
    problems: problems.map(({ line: _, column: __, render, ...problem }) => ({
      ...problem,
      ...(render === undefined ? {} : { render: render.replace("<command>", () => build) }),
    })),
    ignored: [],
  };
  return { root, reading, isWhole: true };
}

/**
 * The readings of kustomizations. Overlays of one base for several environments declare the same
 * objects, and only one of them can be checked at a time.
 */
function withoutAlternatives(directory: string, rendered: readonly Rendered[]): FileReading[] {
  // Two applications in one namespace can both declare the namespace.
  const twice = replacedAmong(rendered.flatMap(({ reading }) => reading.objects))
    .filter(({ object }) => object.kind !== "Namespace");
  const files = new Set(twice.flatMap(({ object, by }) => [object.file, by.file]));
  const others = rendered.filter(({ root }) => !files.has(root.file)).map((each) => each.reading);
  const [first, ...more] = rendered.filter(({ root }) => files.has(root.file));
  if (first === undefined || more.length === 0) return rendered.map(({ reading }) => reading);
  const names = naming([...new Set(twice.map(({ object }) => objectId(object)))]);
  const problem = {
    file: first.root.file,
    problem:
      `the kustomization and ${naming(more.map(({ root }) => root.file))} declare the same ` +
      `objects (${names}), so none of them was checked`,
    render: `Check one of them at a time, as in deno task preflight --manifests ${
      shellPath([directory, first.root.folder].join("/"))
    }`,
  };
  return [...others, { ...EMPTY, problems: [problem] }];
}

function hasObjects({ file, text }: TextFile): boolean {
  const { objects, problems } = readFile(file, text);
  return objects.length + problems.length > 0;
}

function ignored({ file }: TextFile, content: string): FileReading {
  return { ...EMPTY, ignored: [{ file, content }] };
}
