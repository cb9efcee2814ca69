import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import {
  formatTableName,
  readTableName,
  type TableName,
} from "../../pipeline/contract/table_name.ts";
import { Failure } from "../../pipeline/errors.ts";
import { child, type Fields, isFields, type Problem } from "../kubernetes/fields.ts";
import { closestWord } from "../kubernetes/spelling.ts";
import { parseDocuments } from "../kubernetes/yaml.ts";

/** A rule for the value of a field. */
export interface Rule {
  /** The form of a valid value. */
  readonly form: RegExp;
  /** The most characters. */
  readonly longest: number;
  /** The valid value for people, after "must be". */
  readonly wanted: string;
}

const DNS_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const WORD = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
/** A key, alone or with a value. */
const LABEL = `(${DNS_LABEL}(\\.${DNS_LABEL})*/)?${WORD}(=(${WORD})?)?`;
/** A key with its value. */
const PAIR = `(${DNS_LABEL}(\\.${DNS_LABEL})*/)?${WORD}=(${WORD})?`;
/** Labels with their values. */
const PODS: Rule = {
  form: new RegExp(`^${PAIR}(,${PAIR})*$`),
  longest: 1000,
  wanted: "labels of pods, as in app=postgres or app=postgres,tier=db",
};

/** A name in SQL: a word, or any text in double quotes. */
const IDENTIFIER = '([\\p{L}_][\\p{L}\\p{N}_$]{0,62}|"([^"\\u0000-\\u001f\\u007f]|""){1,63}")';

const NAMESPACE: Rule = {
  form: new RegExp(`^${DNS_LABEL}$`),
  longest: 63,
  wanted: "the name of a namespace: lowercase letters, digits and hyphens",
};

const SECRET: Rule = {
  form: new RegExp(`^${DNS_LABEL}(\\.${DNS_LABEL})*$`),
  longest: 253,
  wanted: "the name of a Secret: lowercase letters, digits, hyphens and dots",
};

/** The name of a database or a role: any text on one line, without blanks at its ends. */
const POSTGRES_NAME = new RegExp(
  "^(?![a-z]+://)[^\\s\\u0000-\\u001f\\u007f]([^\\u0000-\\u001f\\u007f]*" +
    "[^\\s\\u0000-\\u001f\\u007f])?$",
  "u",
);

/** The rules of the fields. `docs/deep-storage.schema.json` has the same rules. */
export const RULES: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  jobs: {
    namespace: NAMESPACE,
    image: {
      form: /^[a-z0-9][-a-z0-9._:/]*(:[A-Za-z0-9_][-A-Za-z0-9_.]*)?(@sha256:[0-9a-f]{64})?$/,
      longest: 500,
      wanted: "an image, as in registry.example.com/team/spark:3.5.8",
    },
  },
  database: {
    namespace: NAMESPACE,
    host: {
      form: /^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$/,
      longest: 253,
      wanted: "a host without a port, as in postgres.shop.svc.cluster.local",
    },
    name: { form: POSTGRES_NAME, longest: 63, wanted: "the name of a database, as in shop" },
    user: { form: POSTGRES_NAME, longest: 63, wanted: "the name of a role, as in shop_jobs" },
    table: {
      form: new RegExp(`^${IDENTIFIER}(\\.${IDENTIFIER})?$`, "u"),
      longest: 300,
      wanted: 'a table as in SQL: events, shop.events or shop."Stop Events"',
    },
    secret: SECRET,
    pods: PODS,
  },
  lake: {
    endpoint: {
      form: /^https?:\/\/[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?$/,
      longest: 300,
      wanted: "a URL without a path, as in https://s3.example.com",
    },
    bucket: {
      form: /^[A-Za-z0-9_]([-A-Za-z0-9._]*[A-Za-z0-9_])?$/,
      longest: 63,
      wanted: "the name of a bucket, as in shop-lake",
    },
    secret: SECRET,
    pods: PODS,
  },
  nodes: {
    label: {
      form: new RegExp(`^${LABEL}$`),
      longest: 400,
      wanted: "a label, as in example.com/pool=spark or node-role.kubernetes.io/spark",
    },
    taint: {
      form: new RegExp(`^${LABEL}(:(NoSchedule|PreferNoSchedule|NoExecute))?$`),
      longest: 400,
      wanted:
        "a taint, as in example.com/dedicated=spark:NoSchedule, spark:NoExecute or spark; the " +
        "effects are NoSchedule, PreferNoSchedule and NoExecute",
    },
  },
};

/**
 * Reads the names of a platform from the text of a project file, in JSON or YAML. A field that is not
 * set has the name of Robson's platform, except that the pods of another database have no default.
 *
 * @param file the file, for messages
 * @throws {Failure} configuration: the text cannot be parsed, a field is unknown, or a value is
 *   invalid
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseProject } from "./project.ts";
 *
 * const { jobs, database } = parseProject("deep-storage.yaml", "jobs: {namespace: etl}");
 * assertEquals([jobs.namespace, database.namespace], ["etl", "robson"]);
 * ```
 */
export function parseProject(file: string, text: string): Project {
  const { documents, problems } = parseDocuments(text);
  const [problem] = problems;
  if (problem !== undefined) throw invalid(`${file}:${problem.line}`, problem.problem);
  const [document, second] = documents;
  if (document === undefined) throw invalid(file, "it is empty");
  if (second !== undefined) throw invalid(file, "it has more than one document");
  const found = problemIn(document.value) ?? tableProblem(document.value as Fields);
  if (found === undefined) return withDefaults(document.value as Fields);
  const line = document.lines.get(found.path);
  throw invalid(line === undefined ? file : `${file}:${line}`, found.problem, found.remedy);
}

/** A problem of a field, which can have a remedy of its own. */
interface FieldProblem extends Problem {
  readonly remedy?: string;
}

function withDefaults(given: Fields): Project {
  const { jobs, lake, nodes } = DEFAULT_PROJECT;
  const own = given.database as Partial<Project["database"]> | undefined;
  const { pods, ...names } = DEFAULT_PROJECT.database;
  const isOther = own?.namespace !== undefined || own?.host !== undefined;
  const database = { ...names, ...(isOther ? {} : { pods }), ...own };
  const table = readTableName(database.table) as TableName;
  return {
    jobs: { ...jobs, ...given.jobs as Partial<Project["jobs"]> },
    database: { ...database, table: formatTableName(table) },
    lake: { ...lake, ...given.lake as Partial<Project["lake"]> },
    nodes: { ...nodes, ...given.nodes as Partial<Project["nodes"]> },
  };
}

/** Returns the first problem of the content; undefined if the content is valid. */
function problemIn(value: unknown): FieldProblem | undefined {
  if (!isFields(value)) return wrongType("", "an object", value);
  for (const [group, content] of Object.entries(value)) {
    if (group === "$schema") {
      if (typeof content !== "string") return wrongType(group, "a string", content);
      continue;
    }
    const rules = Object.hasOwn(RULES, group) ? RULES[group]! : undefined;
    if (rules === undefined) return unknownField(group, group, Object.keys(RULES));
    if (!isFields(content)) return wrongType(group, "an object", content);
    for (const [name, text] of Object.entries(content)) {
      const path = child(group, name);
      const rule = Object.hasOwn(rules, name) ? rules[name]! : undefined;
      const problem = rule === undefined
        ? unknownField(path, name, Object.keys(rules))
        : problemOf(path, text, rule);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function problemOf(
  path: string,
  value: unknown,
  { form, longest, wanted }: Rule,
): FieldProblem | undefined {
  if (typeof value !== "string") return wrongType(path, "a string", value);
  if (value.length <= longest && form.test(value)) return undefined;
  const shown = JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  return { path, problem: `${path} is ${shown}, but must be ${wanted}` };
}

/** The problem of the name of a table that has the form of one; undefined if Postgres accepts it. */
function tableProblem({ database }: Fields): FieldProblem | undefined {
  const table = isFields(database) ? database.table : undefined;
  if (typeof table !== "string") return undefined;
  const name = readTableName(table);
  if (!("problem" in name)) return undefined;
  const problem = `database.table is ${JSON.stringify(table)}: ${name.problem}`;
  return { path: "database.table", problem };
}

function unknownField(path: string, name: string, known: readonly string[]): FieldProblem {
  const problem = `there is no field ${path}`;
  const beside = closestWord(name, known);
  if (beside !== undefined) {
    return { path, problem, remedy: `Did you mean ${path.slice(0, -name.length)}${beside}?` };
  }
  const names = Object.entries(RULES).flatMap(([group, rules]) =>
    Object.keys(rules).map((field) => ({ group, field }))
  );
  const meant = closestWord(name, names.map(({ field }) => field));
  const elsewhere = names.filter(({ field }) => field === meant)
    .map(({ group, field }) => child(group, field));
  const remedy = elsewhere.length > 0
    ? `Did you mean ${elsewhere.join(" or ")}?`
    : `The fields are ${known.join(", ")}.`;
  return { path, problem, remedy };
}

function wrongType(path: string, wanted: string, value: unknown): FieldProblem {
  const actual = value === null
    ? "null"
    : Array.isArray(value)
    ? "a list"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`;
  return { path, problem: `${path || "the content"} must be ${wanted}, not ${actual}` };
}

function invalid(
  place: string,
  problem: string,
  remedy = "List the fields with: deno task explain configuration",
): Failure {
  return new Failure({ kind: "configuration", task: `use ${place}`, problem, remedy });
}
