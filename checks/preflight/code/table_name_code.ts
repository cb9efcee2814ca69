import { runEnds } from "../run_end.ts";
import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import { readTableName } from "../../../pipeline/contract/table_name.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { naming } from "../../list_names.ts";
import { pythonOf } from "../../source_code/python.ts";
import { wordsIn } from "../../source_code/python_tree.ts";
import { dayEndFindings } from "./day_ends.ts";
import { tableNamesIn } from "./table_references.ts";
import { isFields, textOf } from "../../kubernetes/fields.ts";
import { isInProject } from "../../kubernetes/jobs.ts";
import { workloadsOf } from "../../kubernetes/workloads.ts";
import { type Judged, leavingOut } from "../outcome.ts";
import { type ManifestObject, objectId, ofKind, placeOf } from "../../kubernetes/objects.ts";
import type { Tree } from "../../facts/tree.ts";

/**
 * Judges whether job code, SQL and configuration use the right name of the outbox table.
 *
 * @returns undefined without any code and workload
 */
export function judgeTableNames(
  { objects, code, project, jobs }: Pick<Tree, "objects" | "code" | "project" | "jobs">,
): Judged | undefined {
  const { table } = project.database;
  const sources = code.filter(({ language }) => language !== "dockerfile" && language !== "conf");
  const variables = settingsOf({ objects, jobs });
  const workloads = workloadsOf(objects);
  if (sources.length + workloads.length === 0) return undefined;
  const wanted = tableOf(table);
  const isRead = sources.some(readsOutboxTable);
  const isSet = isRead && isSetInAll(jobs, variables);
  // The variable of the jobs counts more than the default in their code.
  const hasDefault = ({ text }: Code) => isRead && !isSet && ASSIGNS_TABLE.test(text);
  const inCode = sources.filter((source) => mayNameTable(source, project) || hasDefault(source))
    .flatMap((source) =>
      tableNamesIn(source).flatMap(({ name, offset, assignedTo = "", defaultOf }) => {
        const isDefault = isOutboxKey(assignedTo);
        if (isDefault && isSet || defaultOf !== undefined && isGiven(variables, defaultOf)) {
          return [];
        }
        if (isNear(name, wanted)) return [nearMiss(placeIn(source, offset), name, table)];
        return isDefault && isRead && isOther(name, table)
          ? [otherDefault(placeIn(source, offset), name, table)]
          : [];
      })
    );
  const isForeign = ({ key, owner }: Setting) => isOutboxKey(key) && !isInProject(owner, project);
  const foreign = variables.filter(isForeign);
  const own = variables.filter((each) => !isForeign(each));
  const inObjects = own.flatMap(({ key, value, place }) => {
    const read = isOutboxKey(key) && isWritten(value) ? readTableName(value) : undefined;
    if (read !== undefined && "problem" in read) {
      return [invalidTable(place, value, read.problem, table)];
    }
    if (isNear(value, wanted)) return [nearMiss(place, value, table)];
    return isOutboxKey(key) && isOther(value, table) ? [otherTable(place, value, table)] : [];
  });
  const unknown = own
    .filter(({ key, value }) => isOutboxKey(key) && isOther(value, table) === undefined)
    .map(({ value, place }) => `${value} in ${place.object}`);
  const left = [
    [`compared with ${table}, because they do not both have a schema: `, unknown],
    [
      `judged, because it is not in the namespace ${project.jobs.namespace}: OUTBOX_TABLE of `,
      foreign.map(({ place }) => place.object),
    ],
  ] as const;
  const examined = sources.length > 0
    ? plural(sources.length, "job source file")
    : `the variables and arguments of ${plural(workloads.length, "workload")}`;
  return {
    examined,
    ...leavingOut(
      ...left.filter(([, names]) => names.length > 0)
        .map(([reason, names]) => `not ${reason}${naming([...new Set(names)])}`),
    ),
    findings: [...inCode, ...inObjects, ...sources.flatMap(dayEndFindings)],
  };
}

/** Returns whether an object gives a variable a value, so that no job needs its default. */
function isGiven(variables: readonly Setting[], name: string): boolean {
  return variables.some(({ key, value }) => key === name && isWritten(value));
}

/** Returns whether each Spark job has the variable OUTBOX_TABLE, written out. */
function isSetInAll(jobs: Tree["jobs"], variables: readonly Setting[]): boolean {
  const spark = jobs.filter(({ mode }) => mode !== "none");
  return spark.length > 0 &&
    spark.every(({ workload: { object } }) =>
      variables.some(({ key, value, owner }) =>
        objectId(owner) === objectId(object) && key === "OUTBOX_TABLE" && isWritten(value)
      )
    );
}

/** Returns whether Python code reads the variable OUTBOX_TABLE. */
function readsOutboxTable({ language, text }: Code): boolean {
  return language === "python" && /\b(environ|getenv)\b[^\n]*["']OUTBOX_TABLE["']/.test(text);
}

/** A value for OUTBOX_TABLE in Python, or an annotation before it. */
const ASSIGNS_TABLE = /\bOUTBOX_TABLE[\s\\]*(?::|=(?!=))/;

/** Returns whether a variable or a setting of Spark gives a job the name of the outbox. */
function isOutboxKey(key: string): boolean {
  return /(^|\.)OUTBOX_TABLE$/.test(key);
}

/**
 * Returns whether a value of OUTBOX_TABLE is another table than the outbox of the project.
 *
 * @returns undefined if only one of both names has a schema: then the search_path of the role decides
 */
function isOther(value: string, wanted: string): boolean | undefined {
  if (!isWritten(value)) return false;
  const [own, theirs] = [readTableName(value), readTableName(wanted)];
  if ("problem" in own || "problem" in theirs || own.table !== theirs.table) return true;
  if ((own.schema === undefined) !== (theirs.schema === undefined)) return undefined;
  return own.schema !== theirs.schema;
}

/** Returns whether a value is written out: another tool can fill it in, or a Secret can have it. */
function isWritten(value: string): boolean {
  return value !== "" && !/[${]/.test(value);
}

function invalidTable(place: Place, value: string, problem: string, table: string): Finding {
  return {
    severity: "fail",
    ...place,
    problem: `OUTBOX_TABLE is ${value}, which is no name of a table: ${problem}`,
    why: "the job refuses the name and stops at its start",
    fix: `Write the name as SQL does, with a schema if the table needs one: ${table}`,
  };
}

function otherTable(place: Place, value: string, table: string): Finding {
  return {
    severity: "fail",
    ...place,
    problem: `OUTBOX_TABLE is ${value}, but the outbox of the project is ${table}`,
    why: "the job copies another table than the toolkit verifies",
    fix: `Write ${table}, or change database.table in the project file.`,
  };
}

function otherDefault(place: Place, name: string, table: string): Finding {
  const value = table.replaceAll("'", "''");
  return {
    severity: "warn",
    ...place,
    problem: `a job without OUTBOX_TABLE copies ${name}, but the outbox of the project is ${table}`,
    why: "the Jobs of --engine spark get the variable, but a Job that kubectl starts does not",
    fix: `Add to the variables of each Spark job:\n- name: OUTBOX_TABLE\n  value: '${value}'`,
  };
}

type Place = ReturnType<typeof placeOf>;

/** The value of a variable, a key of a ConfigMap or an option. */
interface Setting {
  readonly key: string;
  readonly value: string;
  readonly place: Place;
  /** The object with the setting. */
  readonly owner: ManifestObject;
}

/** The values of variables, keys of ConfigMaps and options that name a table. */
function settingsOf({ objects, jobs }: Pick<Tree, "objects" | "jobs">): Setting[] {
  const env = workloadsOf(objects).flatMap(({ object, containers }) =>
    containers.flatMap(({ env }) =>
      env.filter(({ name }) => isTableKey(name)).map(({ name: key, value = "", path }) => (
        { key, value, place: placeOf(object, `${path}.value`), owner: object }
      ))
    )
  );
  const maps = ofKind(objects, "ConfigMap").flatMap((object) => {
    const data = isFields(object.value.data) ? object.value.data : {};
    return Object.entries(data).filter(([key]) => isTableKey(key)).map(([key, value]) => (
      { key, value: textOf(value) ?? "", place: placeOf(object, `data.${key}`), owner: object }
    ));
  });
  const words = workloadsOf(objects).flatMap(({ object, containers }) =>
    containers.flatMap(({ words }) =>
      words.flatMap(({ text, path }, i) => {
        const isDump = words.slice(0, i).some((each) => isDumpProgram(each.text));
        const [, option, given] = isDump && /^-(t)([^=].*)$/s.exec(text) ||
          /^--?([\w.-]*)(?:=(.*))?$/s.exec(text) || [];
        const isTable = option !== undefined && !EXCLUDING.test(option) &&
          (isDump && option === "t" || isTableKey(option));
        if (!isTable) return [];
        const next = given === undefined ? words[i + 1] : { text: given, path };
        if (next === undefined || isDump && isPattern(next.text)) return [];
        const place = placeOf(object, next.path);
        return [{ key: option, value: next.text, place, owner: object }];
      })
    )
  );
  const ofSpark = jobs.flatMap(({ settings, workload: { object: owner } }) =>
    settings.values().filter(({ key, unknown, isSecret }) =>
      isTableKey(key) && unknown === undefined && isSecret !== true
    ).map(({ key, value, place }): Setting => ({ key, value, place, owner })).toArray()
  );
  return [...env, ...maps, ...words, ...ofSpark];
}

/** The options of pg_dump that leave tables out. */
const EXCLUDING = /^exclude-table/;

/** Returns whether pg_dump reads a name as a pattern, which can match the right table. */
function isPattern(name: string): boolean {
  return /[*?]/.test(name);
}

function isDumpProgram(text: string): boolean {
  return /(^|\/)pg_(dump|restore)$/.test(text);
}

function isTableKey(key: string): boolean {
  return /(^|[_.-])(db)?table(name)?($|[_.-])/i.test(key) && !/dynamo|lock/i.test(key);
}

/** Returns whether a name looks like the name of the outbox table, but is another one. */
export function isNearMiss(
  name: string,
  wanted: string = DEFAULT_PROJECT.database.table,
): boolean {
  return isNear(name, tableOf(wanted));
}

/** @param wanted the name of the outbox within its schema, as Postgres stores it */
function isNear(name: string, wanted: string): boolean {
  const near = wanted.length < SHORT ? 1 : NEAR;
  if (name.length < wanted.length - near) return false;
  const table = tableOf(name);
  if (table === wanted) return false;
  // The name of a model, as in StopEvent, or of a table that Django names after it.
  // Of a single word, as in events, other tables have names too, as in audit_events.
  const model = lettersOf(wanted).replace(/s$/, "");
  return wanted.includes("_") && lettersOf(table).replace(/s$/, "").endsWith(model) ||
    distance(table.toLowerCase(), wanted.toLowerCase()) <= near;
}

/** The name of a table within its schema, as Postgres stores it. */
function tableOf(name: string): string {
  const text = name.trim();
  // Postgres folds a name without quotes to lower case.
  if (/^\w+$/.test(text)) return text.toLowerCase();
  const read = readTableName(text);
  if ("table" in read) return read.table;
  const last = text.replace(/^.*\./s, "");
  return /^["`].*["`]$/.test(last) ? last.slice(1, -1) : last.toLowerCase();
}

function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/**
 * Returns whether code may use a wrong name of the outbox table, found without parsing the code.
 */
export function mayNameTable(
  code: Pick<Code, "language" | "text" | "python">,
  { database: { table } }: Project = DEFAULT_PROJECT,
): boolean {
  const wanted = tableOf(table);
  if (!/^\w+$/.test(wanted)) return true;
  const words = code.language === "python" ? pythonOf(code).quotedWords : wordsIn(code.text);
  // In quotes, upper case makes another name.
  return words.values().some((word) => isNear(word, wanted) || isNear(`"${word}"`, wanted));
}

function nearMiss(place: Place, name: string, table: string): Finding {
  return {
    severity: "fail",
    ...place,
    problem: `the code names the table ${name.trim()}`,
    why: `the name of Django's model is not the name of its table, ${table}: that table has no ` +
      `events, or it is missing, and ${
        runEnds("at once", "Cannot find table", "the Job as it is")
      }`,
    fix: `Write ${table}.`,
  };
}

/** The most letters that a near miss differs by. */
const NEAR = 2;

/** A name with fewer letters has only near misses with one different letter. */
const SHORT = 8;

/**
 * The number of letters to change, add or remove; a swap of two neighbours counts as one. Any number
 * above {@linkcode NEAR} means a larger distance.
 */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > NEAR) return NEAR + 1;
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  let least = 0;
  for (let i = 1; i <= a.length; i++) {
    const [above, row] = [rows[i - 1]!, [i]];
    const leastAbove = least;
    least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      row[j] = best;
      least = Math.min(least, best);
    }
    // The next rows have no smaller number than this row, or than the row above and one swap.
    if (Math.min(least, leastAbove + 1) > NEAR) return NEAR + 1;
    rows.push(row);
  }
  return rows.at(-1)!.at(-1)!;
}
