import { type Fields, isFields } from "../kubernetes/fields.ts";
import { parseDocuments } from "../kubernetes/yaml.ts";
import { isKustomization, joinPaths, parentOf } from "./manifest_files.ts";

/** A file with its text. */
export interface TextFile {
  /** The path relative to the directory that was read. */
  readonly file: string;
  /** The text. */
  readonly text: string;
}

/** A kustomization.yaml. */
export interface Kustomization {
  /** The file, relative to the directory that was read. */
  readonly file: string;
  /** Its folder; "" for the directory itself. */
  readonly folder: string;
  /** The content. */
  readonly fields: Fields;
}

/** Reads a file as a kustomization; undefined if it is something else, such as an object of Flux. */
export function kustomizationIn({ file, text }: TextFile): Kustomization | undefined {
  if (!isKustomization(file)) return undefined;
  const { documents: [document], problems } = parseDocuments(text);
  const fields = document?.value;
  if (problems.length > 0 || !isFields(fields)) return undefined;
  const { apiVersion = "kustomize.config.k8s.io/v1beta1" } = fields;
  const isOne = typeof apiVersion === "string" && apiVersion.startsWith("kustomize.config.k8s.io/");
  return isOne ? { file, folder: parentOf(file), fields } : undefined;
}

/** Returns whether a kustomization is a component, which only other kustomizations use. */
export function isComponent({ fields }: Kustomization): boolean {
  return fields.kind === "Component";
}

/** The path of a file or folder that a kustomization names, below the directory that was read. */
export function within({ folder }: Kustomization, path: string): string {
  return joinPaths(folder, path);
}

/** The files and folders that a kustomization lists as resources. */
export function resourcesOf(kustomization: Kustomization): string[] {
  return pathsOf(kustomization).filter(({ field }) => isResource(field))
    .map(({ path }) => within(kustomization, path));
}

/** The files that change objects, or that generate them. They are no objects themselves. */
export function partsOf(kustomization: Kustomization): string[] {
  return pathsOf(kustomization).filter(({ field }) => !isResource(field))
    .map(({ path }) => within(kustomization, path));
}

/** Returns whether a field of a kustomization lists resources. */
export function isResource(field: string): boolean {
  return field === "resources" || field === "bases" || field === "components";
}

/** A path that a kustomization names, with the field that names it. */
export interface NamedPath {
  /** The field, as in `resources`. */
  readonly field: string;
  /** The path as written. */
  readonly path: string;
}

/** The paths that a kustomization names. */
export function pathsOf({ fields }: Kustomization): NamedPath[] {
  const lists = [
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "patchesStrategicMerge",
  ];
  const listed = lists.flatMap((field) => textsIn(fields[field]).map((path) => ({ field, path })));
  const items = ["patches", "patchesJson6902", "replacements"].flatMap((field) =>
    fieldsIn(fields[field]).flatMap(({ path }) => typeof path === "string" ? [{ field, path }] : [])
  );
  const generated = ["configMapGenerator", "secretGenerator"].flatMap((field) =>
    fieldsIn(fields[field]).flatMap(({ files, envs, env }) =>
      [...textsIn(files), ...textsIn(envs), ...textsIn([env])].map((entry) => (
        { field, path: entry.slice(entry.indexOf("=") + 1) }
      ))
    )
  );
  const { openapi } = fields;
  const schema = isFields(openapi) ? textsIn([openapi.path]) : [];
  return [...listed, ...items, ...generated, ...schema.map((path) => ({ field: "openapi", path }))]
    // A field can also contain YAML instead of a path.
    .filter(({ path }) => !path.includes("\n"));
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function fieldsIn(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}
