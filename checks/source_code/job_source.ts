import { namespaceOf, objectId } from "../kubernetes/objects.ts";
import { isFields, listOf, textOf } from "../kubernetes/fields.ts";
import type { Workload } from "../kubernetes/workloads.ts";
import type { Code } from "./code.ts";
import { pythonOf } from "./python.ts";

/**
 * The code that a workload's pods run: in the workload itself, in ConfigMaps that it mounts, in files
 * that its command names, and in the modules that this code imports.
 */
export function codeRunBy(workload: Workload, code: readonly Code[]): Code[] {
  const { object, containers, specPath, part } = workload;
  const mounted = configMapsOf(workload).map((name) =>
    `ConfigMap ${object.namespace === undefined ? "" : `${namespaceOf(object)}/`}${name}`
  );
  const own = code.filter((each) => {
    if (each.object === undefined) return false;
    const isHere = part === undefined || each.field?.startsWith(`${specPath}.`) === true;
    return each.object === objectId(object) && each.file === object.file && isHere ||
      mounted.includes(each.object);
  });
  const words = containers.flatMap(({ words }) => words.map(({ text }) => text));
  const files = code.filter(({ file, target = file, object, language }) =>
    object === undefined && language !== "dockerfile" && words.some((text) => names(text, target))
  );
  return withImports([...own, ...files], code);
}

function configMapsOf({ spec }: Workload): string[] {
  return listOf(spec.volumes).flatMap((volume) => {
    const sources = isFields(volume.projected) ? listOf(volume.projected.sources) : [];
    return [
      isFields(volume.configMap) ? textOf(volume.configMap.name) : undefined,
      ...sources.map(({ configMap }) => isFields(configMap) ? textOf(configMap.name) : undefined),
    ].filter((name) => name !== undefined);
  });
}

function names(text: string, file = ""): boolean {
  const base = file.slice(file.lastIndexOf("/") + 1);
  if (base === "") return false;
  const at = text.indexOf(base);
  return at >= 0 && !/[\w.-]/.test(text[at - 1] ?? "/") &&
    !/[\w-]/.test(text[at + base.length] ?? "");
}

function withImports(entries: readonly Code[], all: readonly Code[]): Code[] {
  const files = new Map(
    all.filter(({ object }) => object === undefined).map((each) => [each.file, each]),
  );
  const found = new Set(entries);
  const roots = [...new Set(entries.map(({ file }) => folderOf(file)))];
  for (const code of found) {
    if (code.language !== "python" || code.object !== undefined) continue;
    for (const path of importsOf(code, roots)) {
      const module = files.get(`${path}.py`) ?? files.get(`${path}/__init__.py`);
      if (module !== undefined) found.add(module);
    }
  }
  return [...found];
}

/** The paths, without the file extension, of the modules that Python code may import. */
function importsOf(source: Code, roots: readonly string[]): string[] {
  return pythonOf(source).imports.flatMap(({ dots, module, names }) => {
    const bases = dots === 0 ? roots : [parentFolder(folderOf(source.file), dots - 1)];
    return bases.flatMap((base) => {
      const folder = `${base}${module.replaceAll(".", "/")}`;
      return [folder, ...names.map(({ name }) => `${folder.replace(/\/$/, "")}/${name}`)];
    });
  });
}

function folderOf(file = ""): string {
  return file.slice(0, file.lastIndexOf("/") + 1);
}

function parentFolder(folder: string, times: number): string {
  return times <= 0 ? folder : parentFolder(folderOf(folder.slice(0, -1)), times - 1);
}
