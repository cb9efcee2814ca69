import { fieldsIn, listOf, textOf } from "./fields.ts";
import { lineOf, type ManifestObject, objectsOf } from "./objects.ts";
import { groupOf } from "./workloads.ts";
import { parseDocuments } from "./yaml.ts";

/** A template of an Argo Workflow that creates an object. */
interface ResourceTemplate {
  /** The name of the template, as in `submit`. */
  readonly name: string;
  /** The path of the manifest, as in `spec.templates[0].resource.manifest`. */
  readonly path: string;
  /** The manifest; undefined if the workflow reads the manifest from another place. */
  readonly manifest: string | undefined;
}

/** The objects in an Argo Workflow, and the templates whose objects are not known. */
export interface ResourceReading {
  /** The objects that the workflow creates, with lines of the workflow's file. */
  readonly objects: readonly ManifestObject[];
  /** The manifests that are not valid YAML. */
  readonly problems: readonly { readonly path: string; readonly problem: string }[];
  /** The reasons why objects are not known, as in `template a: the manifest has parameters`. */
  readonly unknown: readonly string[];
}

/** Reads the objects that the templates of an Argo Workflow create. */
export function readResources(workflow: ManifestObject): ResourceReading {
  const readings = templatesOf(workflow).map((each) => readTemplate(workflow, each));
  return {
    objects: readings.flatMap(({ objects }) => objects),
    problems: readings.flatMap(({ problems }) => problems),
    unknown: readings.flatMap(({ unknown }) => unknown),
  };
}

/** An object and the objects that it creates, if it is an Argo Workflow. */
export function withResources(object: ManifestObject): ManifestObject[] {
  return [object, ...readResources(object).objects];
}

function templatesOf({ apiVersion, kind, value }: ManifestObject): ResourceTemplate[] {
  if (groupOf(apiVersion) !== "argoproj.io") return [];
  const isCron = kind === "CronWorkflow";
  const spec = fieldsIn(value.spec);
  const base = isCron ? "spec.workflowSpec" : "spec";
  const { templates } = isCron ? fieldsIn(spec.workflowSpec) : spec;
  return listOf(templates).flatMap(({ name, resource }, i): ResourceTemplate[] => {
    const { action, manifest, manifestFrom } = fieldsIn(resource);
    if (manifest === undefined && manifestFrom === undefined) return [];
    if (!["create", "apply", "replace", "patch"].includes(textOf(action) ?? "")) return [];
    return [{
      name: textOf(name) ?? String(i),
      path: `${base}.templates[${i}].resource.manifest`,
      manifest: action === "patch" ? undefined : textOf(manifest),
    }];
  });
}

function readTemplate(
  workflow: ManifestObject,
  { name, path, manifest }: ResourceTemplate,
): ResourceReading {
  const unknown = (reason: string): ResourceReading => (
    { objects: [], problems: [], unknown: [`template ${name}: ${reason}`] }
  );
  if (manifest === undefined) return unknown("the manifest of its object is in another place");
  if (manifest.includes("{{")) return unknown("the manifest of its object has parameters");
  const { documents, problems } = parseDocuments(manifest);
  // The text of a block begins on the line after its field.
  const before = lineOf(workflow, path) - (manifest.includes("\n") ? 0 : 1);
  const readings = documents.map((each) => objectsOf(workflow.file ?? "", each));
  const wrong = [...problems, ...readings.flatMap((each) => each.problems)];
  return {
    objects: readings.flatMap(({ objects }) => objects).map((object): ManifestObject => ({
      ...object,
      file: workflow.file,
      document: workflow.document,
      namespace: object.namespace ?? workflow.namespace,
      line: object.line + before,
      lines: new Map([...object.lines].map(([field, line]) => [field, line + before])),
    })),
    problems: wrong.map(({ line, problem }) => (
      { path, problem: `the manifest of template ${name}, line ${line}: ${problem}` }
    )),
    unknown: [],
  };
}
