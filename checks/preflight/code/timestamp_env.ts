import { parseDay } from "../../../pipeline/contract/window.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { placeIn } from "../../source_code/code.ts";
import { variablesReadBy } from "../../source_code/environment.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { keysOf } from "../secrets/secret_references.ts";
import { shellIn } from "../../source_code/shell.ts";
import { type Container, type Workload, workloadsOf } from "../../kubernetes/workloads.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { type Judged, outcomeOf } from "../outcome.ts";
import type { Tree } from "../../facts/tree.ts";

/**
 * No variable has shell syntax, which Kubernetes ignores, and all job code runs without JOB_DATE.
 */
export const timestampEnv: PlatformCheck = platformCheck({
  id: "timestamp-env",
  title: "variables hold values, not shell expressions",
  reads: JOBS,
  judge: (platform) =>
    outcomeOf(
      platform,
      judgeEnvironments(platform.tree),
      "no workloads and no job code",
    ),
});

/**
 * Judges whether variables hold values instead of shell expressions, and whether JOB_DATE is a
 * date.
 *
 * @returns undefined without any workload and job code
 */
export function judgeEnvironments({ objects, code }: Tree): Judged | undefined {
  const workloads = workloadsOf(objects);
  const sources = code.filter(({ language }) => language === "python" || language === "shell");
  if (workloads.length + sources.length === 0) return undefined;
  const containers = workloads.flatMap((workload) =>
    workload.containers.map((container) => ({ workload, container }))
  );
  const used = ofKind(objects, "ConfigMap").filter((map) =>
    workloads.some((workload) => isEnvironmentOf(map, workload))
  );
  const variables = containers.flatMap(({ container }) => container.env).length;
  return {
    examined: `${plural(variables, "variable")} of ${plural(containers.length, "container")}, ${
      plural(sources.length, "job source file")
    }`,
    findings: [
      ...containers.flatMap(({ workload, container }) => ofContainer(workload, container, objects)),
      ...used.flatMap(ofConfigMap),
      ...sources.flatMap((source) =>
        variablesReadBy(source).filter(({ name, optional }) => name === "JOB_DATE" && !optional)
          .map(({ offset }): Finding => ({
            severity: "fail",
            ...placeIn(source, offset),
            problem: "JOB_DATE is read without a default",
            why: "a run for today has no JOB_DATE, so the job stops here",
            fix: source.language === "shell"
              ? "Write ${JOB_DATE:-$(date -u +%F)}"
              : 'Write os.environ.get("JOB_DATE") or datetime.now(timezone.utc).strftime("%Y-%m-%d")',
          }))
      ),
    ],
  };
}

function ofContainer(
  { object }: Workload,
  { env, fields, words }: Container,
  objects: readonly ManifestObject[],
): Finding[] {
  const maps = listOf(fields.envFrom).map(({ configMapRef, secretRef }) =>
    isFields(configMapRef) ? textOf(configMapRef.name) : isFields(secretRef) ? "" : undefined
  );
  const inherited = ofKind(objects, "ConfigMap", namespaceOf(object))
    .filter(({ name }) => maps.includes(name)).flatMap(keysOf);
  // Variables from objects that are not in the manifests can have any name.
  const open = maps.some((map) =>
    map !== undefined &&
    !ofKind(objects, "ConfigMap", namespaceOf(object)).some(({ name }) => name === map)
  );
  const declared = new Set(inherited);
  const later = env.map(({ name }) => name);
  const ofWords = hasShell(words)
    ? []
    : words.flatMap(({ path, text }) =>
      judgeWord(object, path, text, { declared: new Set([...inherited, ...later]), later, open })
    );
  const ofVariables = env.flatMap(({ name, value, path }) => {
    const findings = value === undefined
      ? []
      : judgeValue(object, `${path}.value`, name, value, { declared, later, open });
    declared.add(name);
    return findings;
  });
  return [...ofVariables, ...ofWords];
}

/** Returns whether a shell can run the words of a container, so that `$(…)` may be its command. */
function hasShell(words: Container["words"]): boolean {
  return words.some(({ text }) =>
    /(^|\/)(\w*sh|entrypoint\S*)$|\.sh$/.test(text) || /\s-\w*c\s/.test(text)
  );
}

/**
 * Finds shell syntax in a word of command or args. Kubernetes replaces `$(NAME)` if the container
 * declares the variable.
 */
function judgeWord(
  object: ManifestObject,
  field: string,
  text: string,
  known: NonNullable<Parameters<typeof shellIn>[1]>,
): Finding[] {
  const references = [...text.matchAll(/\$\$|\$\([^)]*\)/g)].map(([each]) => each)
    .filter((each) => each !== "$$");
  const wrong = references.map((each) => shellIn(each, known)).find((each) => each !== undefined);
  if (wrong === undefined) return [];
  return [{
    severity: "fail",
    ...placeOf(object, field),
    problem: `the argument contains ${wrong.what} ${wrong.written}${wrong.detail}`,
    why: "Kubernetes does not run a shell for command and args: it replaces $(NAME) of variables " +
      "that the container declares, and leaves everything else unchanged",
    fix: "Declare the variable in env, or write the value itself. If the text is intended, write " +
      "$$ for each $.",
  }];
}

function ofConfigMap(object: ManifestObject): Finding[] {
  const data = isFields(object.value.data) ? object.value.data : {};
  return Object.entries(data).flatMap(([name, value]) => {
    // A key that is not a valid variable name becomes a file.
    if (!/^[A-Za-z_]\w*$/.test(name)) return [];
    return judgeValue(object, `data.${name}`, name, textOf(value) ?? "");
  });
}

function isEnvironmentOf(map: ManifestObject, { object, containers }: Workload): boolean {
  if (namespaceOf(map) !== namespaceOf(object)) return false;
  return containers.some(({ env, fields }) =>
    [
      ...listOf(fields.envFrom).map(({ configMapRef }) => configMapRef),
      ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef),
    ].some((ref) => isFields(ref) && ref.name === map.name)
  );
}

function judgeValue(
  object: ManifestObject,
  field: string,
  name: string,
  value: string,
  known?: Parameters<typeof shellIn>[1],
): Finding[] {
  const place = placeOf(object, field);
  const shell = shellIn(value, known);
  if (shell !== undefined) {
    const expression = /PASS|SECRET|KEY|TOKEN|CREDENTIAL/i.test(name) ? "" : ` ${shell.written}`;
    return [{
      severity: "fail",
      ...place,
      problem: `the value of ${name} contains ${shell.what}${expression}${shell.detail}`,
      why: "Kubernetes does not run a shell for env: it replaces $(NAME) of variables that are " +
        "declared before, and does not change other text",
      fix: name === "JOB_DATE"
        ? 'Remove JOB_DATE: the job then runs for today in UTC. Or set a day such as "2025-12-28".'
        : `Write the value itself, or compute it in the job's code. If the ` +
          "text is intended, write $$ for each $.",
    }];
  }
  const isDay = value === "today" || value === "yesterday" || parseDay(value) !== undefined;
  if (name !== "JOB_DATE" || isDay) return [];
  return [{
    severity: "fail",
    ...place,
    problem: `JOB_DATE is ${JSON.stringify(value)}, which is not a date`,
    why: "the job stops, or works on the wrong day",
    fix: 'Remove JOB_DATE: the job then runs for today in UTC. Or set a day: value: "2025-12-28"',
  }];
}
