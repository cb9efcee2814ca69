import { jobContainers } from "../../checks/kubernetes/job_containers.ts";
import { type Fields, isFields } from "../../checks/kubernetes/fields.ts";
import type { Container, Workload } from "../../checks/kubernetes/workloads.ts";
import { DATABASE_KEYS, LAKE_KEYS, type Project } from "../../pipeline/contract/project.ts";
import { formatTableName, readTableName } from "../../pipeline/contract/table_name.ts";

/**
 * Returns why a Job of the manifests cannot run a given day and table, or undefined. The day is set
 * in one container, and postflight reads the database and the lake of the project.
 */
export function driverProblem(
  job: Workload,
  namespace: string,
  table: string,
  project: Project,
): string | undefined {
  const spec = isFields(job.object.value.spec) ? job.object.value.spec : {};
  const drivers = jobContainers(job);
  const [driver] = drivers;
  if (driver === undefined || drivers.length > 1) {
    return `it has ${drivers.length} containers that can be the driver, and the day is set in one`;
  }
  if (/\.initContainers\[\d+\]$/.test(driver.path)) {
    return `the init container ${driver.name} runs Spark, and the day is set in a container`;
  }
  const words = driver.words.map(({ text }) => text).join(" ");
  if (
    /--deploy-mode[=\s]+["']?cluster\b|spark\.submit\.deployMode[=\s]+["']?cluster\b/.test(words)
  ) {
    return "its deploy mode is cluster, so the driver runs in a pod that does not get the day";
  }
  if (namespace !== project.jobs.namespace) {
    return `its namespace is ${namespace}, and that of the project is ${project.jobs.namespace}`;
  }
  return countProblem(spec) ?? tableProblem(driver, table) ?? secretProblem(driver, project);
}

function countProblem(spec: Fields): string | undefined {
  const name = ["completions", "parallelism"]
    .find((each) => spec[each] !== undefined && spec[each] !== null && spec[each] !== 1);
  if (name !== undefined) return `its ${name} is ${spec[name]}, and one driver runs a day`;
  const selector = ["manualSelector", "selector"].find((each) => spec[each] ?? false);
  return selector && `it has a ${selector}, so it can adopt the pods of another day`;
}

function tableProblem({ env }: Container, table: string): string | undefined {
  const own = env.filter(({ name }) => name === "OUTBOX_TABLE");
  for (const { value, valueFrom } of own) {
    if (valueFrom !== undefined) {
      return "its OUTBOX_TABLE is not a literal, so it may differ from the table that is checked";
    }
    if (value === undefined || value === "") continue;
    const plain = value.split("$$");
    const name = readTableName(plain.join("$"));
    const isEqual = !plain.some((each) => each.includes("$(")) && !("problem" in name) &&
      formatTableName(name) === table;
    if (!isEqual) return `its OUTBOX_TABLE is ${value}, and the project has ${table}`;
  }
  return undefined;
}

function secretProblem({ env }: Container, { database, lake }: Project): string | undefined {
  const secrets = new Map<string, string>([
    ...DATABASE_KEYS.map((key) => [key, database.secret] as const),
    ...LAKE_KEYS.map((key) => [key, lake.secret] as const),
  ]);
  for (const { name, valueFrom } of env) {
    const wanted = secrets.get(name);
    const source = valueFrom?.secretKeyRef;
    if (wanted === undefined || !isFields(source)) continue;
    if (source.name !== wanted || source.key !== name) {
      return `its ${name} is ${source.key} of the Secret ${source.name}, and that of the project ` +
        `is ${name} of the Secret ${wanted}`;
    }
  }
  return undefined;
}
