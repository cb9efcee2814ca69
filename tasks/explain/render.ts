import { poolIn } from "../../checks/preflight/capacity/analytics_nodes.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { shellQuote } from "../../pipeline/shell.ts";

/**
 * Writes the names of a platform into a page of the runbook: instead of placeholders such as
 * `<jobs.namespace>`, instead of the values of variables such as JOBS_NAMESPACE in the blocks, and
 * instead of the defaults in the example of a project file.
 */
export function renderPage(page: string, project: Project): string {
  const names = namesOf(project);
  const variables = variablesOf(project);
  return page
    .replace(/```json\n[^`]*```/, `\`\`\`json\n${renderProject(project)}\n\`\`\``)
    .replace(ASSIGNMENT, (line, name) => {
      const value = variables.get(name);
      return value === undefined ? line : `export ${name}=${shellQuote(value)}`;
    })
    .replace(PLACEHOLDER, (whole, name) => names.get(name) ?? whole);
}

/** A line of a block that sets a variable. A comment asks for a value, so the name replaces it too. */
const ASSIGNMENT = /^export ([A-Z_]+)=\S*(?: +#.*)?$/gm;

/** The variables that blocks of a page set to a name of the platform, with that name. */
export function variablesOf(project: Project): ReadonlyMap<string, string> {
  const { jobs, database, lake, nodes } = project;
  return new Map([
    ["JOBS_NAMESPACE", jobs.namespace],
    ["IMAGE", jobs.image],
    ["DATABASE_NAMESPACE", database.namespace],
    ["DATABASE_NAME", database.name],
    ["DATABASE_USER", database.user],
    ["DATABASE_SECRET", database.secret],
    ["DATABASE_SERVICE", serviceOf(database)],
    // One label selects these pods too.
    ...(database.pods === undefined
      ? []
      : [["DATABASE_PODS", database.pods.split(",")[0]!] as const]),
    ["TABLE", database.table],
    ["LAKE_SECRET", lake.secret],
    ["LAKE_HOST", new URL(lake.endpoint).hostname],
    ["NODE_LABEL", nodes.label],
    // kubectl needs an effect. A taint of a project can be without one, for any effect.
    ["NODE_TAINT", nodes.taint.includes(":") ? nodes.taint : `${nodes.taint}:NoSchedule`],
  ]);
}

function serviceOf({ host }: Project["database"]): string {
  return host.split(".")[0]!;
}

/** A placeholder of a page, as in `<jobs.namespace>`. */
export const PLACEHOLDER = /<((?:jobs|database|lake|nodes)\.[a-z.]+)>/g;

/** The text of a project file with all names of a platform. */
export function renderProject({ jobs, database, lake, nodes }: Project): string {
  return JSON.stringify({ jobs, database, lake, nodes }, null, 2);
}

/** The text of each placeholder. */
export function namesOf(project: Project): ReadonlyMap<string, string> {
  const { jobs, database, lake, nodes } = project;
  const { label, taint } = poolIn(project);
  const fields = Object.entries({ jobs, database, lake, nodes }).flatMap(([group, names]) =>
    Object.entries(names).map(([field, name]): [string, string] => [`${group}.${field}`, name])
  );
  return new Map([
    ...fields,
    // The pages use these names in commands.
    ["database.name", shellQuote(database.name)],
    ["database.user", shellQuote(database.user)],
    ["database.service", serviceOf(database)],
    ["lake.host", new URL(lake.endpoint).hostname],
    ...Object.entries(label).map(([part, text]): [string, string] => [`nodes.label.${part}`, text]),
    ...Object.entries(taint).map(([part, text]): [string, string] => [`nodes.taint.${part}`, text]),
  ]);
}
