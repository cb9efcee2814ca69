import { type ManifestObject, namespaceOf, ofKind } from "../../kubernetes/objects.ts";
import { instructionsOf } from "../../source_code/dockerfile.ts";
import type { Code } from "../../source_code/code.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import type { Workload } from "../../kubernetes/workloads.ts";
import { keysOf } from "./secret_references.ts";

/** The variables that a job's containers have. */
export interface Given {
  /** Those that the manifests or the Dockerfile name. */
  readonly names: ReadonlySet<string>;
  /** Whether there can be more: they come from an object that is not in the manifests. */
  readonly open: boolean;
}

/** Finds out which variables a job's code gets. */
export function givenTo(
  { object, containers }: Workload,
  objects: readonly ManifestObject[],
  code: readonly Code[],
): Given {
  const names = new Set<string>(fromImages(code));
  let open = false;
  for (const { env, fields } of containers) {
    for (const { name } of env) names.add(name);
    for (const source of listOf(fields.envFrom)) {
      const kind = isFields(source.secretRef) ? "Secret" : "ConfigMap";
      const ref = kind === "Secret" ? source.secretRef : source.configMapRef;
      const wanted = isFields(ref) ? textOf(ref.name) : undefined;
      const found = ofKind(objects, kind, namespaceOf(object)).find(({ name }) => name === wanted);
      if (found === undefined) open = true;
      else for (const key of keysOf(found)) names.add(`${textOf(source.prefix) ?? ""}${key}`);
    }
  }
  return { names, open };
}

/** What shells, images and Kubernetes set without anybody asking. */
const USUAL =
  /^(HOME|PATH|PWD|OLDPWD|HOSTNAME|USER|SHELL|TMPDIR|LANG|LC_\w+|TERM|TZ|RANDOM|SECONDS|UID|EUID|PPID|IFS|OPTARG|OPTIND|LINENO|BASH\w*|FUNCNAME|PYTHON\w+|PYSPARK_\w+|JAVA_\w+|SPARK_\w+|HADOOP_\w+|KUBERNETES_\w+|\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT))$/;

/** Whether a variable will be missing. The day to run for is a matter of its own: timestamp-env. */
export function isSetByNobody(name: string, { names, open }: Given): boolean {
  if (open || names.has(name) || name === "JOB_DATE") return false;
  // DJANGO_DB_PORT looks like what Kubernetes sets for a service, and is none.
  return !USUAL.test(name) || /^(DJANGO|AWS|S3)_/.test(name);
}

function fromImages(code: readonly Code[]): string[] {
  return code.filter(({ language }) => language === "dockerfile").flatMap(instructionsOf)
    .filter(({ name }) => name === "ENV")
    .flatMap(({ text }) => [...text.matchAll(/(?:^|\s)(\w+)(?:=| )/g)].map(([, name]) => name!));
}
