import { Failure } from "../pipeline/errors.ts";
import { hidingLogin, LOGIN_FLAGS, LOGIN_HELP, withLogin } from "./cli/cluster_login.ts";
import type { Command } from "./cli/command.ts";
import { runConfined } from "./cli/confined.ts";
import { askedDay, dayFor } from "./cli/day.ts";
import { ENVIRONMENT_HELP } from "./cli/environment_help.ts";
import { failureReporterOf } from "./cli/failure.ts";
import { choice, type Flags } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { projectHelp, projectOrDefault } from "./cli/project_options.ts";
import { columnsAsked, conditionOf, DEFAULT_LIMIT, limitOf } from "./show/query.ts";
import { didYouMean } from "./cli/suggestion.ts";
import type { ShowOrder } from "./show/worker.ts";

/** What the command can show. */
const LAYERS = ["bronze", "silver", "quarantine"] as const;

/** The command `show`. */
export const command: Command = {
  name: "show",
  values: ["date", "limit", "columns", "project", ...LOGIN_FLAGS.values, "output"],
  switches: LOGIN_FLAGS.switches,
  repeatable: ["where"],
  operands: ["layer", "day"],
  choices: { layer: LAYERS, output: OUTPUTS, ...LOGIN_FLAGS.choices },
  help: `
Prints rows of one day of bronze or silver, exactly as they are in the files of the day's commit
marker, or the day's events in quarantine, which no file can hold. It changes nothing.

Usage: deno task show bronze|silver [DAY] [--where COLUMN=VALUE] [--columns A,B,C] [--limit N]
                                    [--project FILE] [--output text|json]
       deno task show quarantine [DAY] [--limit N] [--project FILE] [--output text|json]
       deno task show … [--credentials cluster] [--port-forward] [--kubeconfig FILE]
                        [--context NAME] [--namespace NAME]

  DAY, --date DAY        YYYY-MM-DD in UTC, today or yesterday; default: JOB_DATE, or today
  --where COLUMN=VALUE   only rows with this value, written as it is printed; can be repeated, and
                         a row must match every condition
  --columns A,B,C        only these columns, in this order
  --limit N              the maximum number of rows; default: ${DEFAULT_LIMIT}
${projectHelp(25)}
  --output json          JSON lines: one object per row; 64-bit integers and decimals are strings

${LOGIN_HELP}

Examples:
  deno task show silver 2025-12-28
  deno task show bronze 2025-12-28 --where operation_id=1 --where fill_price=null
  deno task show quarantine 2025-12-28
  deno task show bronze 2025-12-28 --columns event_id,occurred_at --limit 1000 --output json
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const what = subjectOf(flags);
    const [columns, where] = [flags.value("columns"), flags.all("where")];
    confirmQuery(what, columns, where);
    const asked = askedDay({ ...flags, operand: flags.operands[1] });
    const project = await projectOrDefault(flags);
    const query = {
      what,
      columns,
      where,
      output: choice(flags, "output", OUTPUTS),
      limit: limitOf(flags.value("limit")),
    };
    return await withLogin(flags, project, async (login) => {
      const { database, lake, forwards } = login;
      const order: ShowOrder = {
        ...query,
        lake,
        day: await dayFor(asked, project, database),
        reporter: hidingLogin(failureReporterOf("show"), login),
      };
      const needs = { lake, writes: false, forwards };
      return await runConfined(import.meta.resolve("./show/worker.ts"), order, needs);
    }, { needsDatabase: false });
  },
};

/** Checks the query before the worker starts, so that a mistake is reported at once. */
function confirmQuery(
  what: ShowOrder["what"],
  columns: string | undefined,
  where: readonly string[],
): void {
  if (what !== "quarantine") {
    columnsAsked(what, columns);
    where.forEach((text) => conditionOf(what, text));
  } else if (columns !== undefined || where.length > 0) {
    throw new Failure({
      kind: "configuration",
      task: "use --columns or --where with quarantine",
      problem: "its events are shown whole",
      remedy: "Leave them out.",
    });
  }
}

function subjectOf({ operand }: Flags): ShowOrder["what"] {
  const found = LAYERS.find((layer) => layer === operand);
  if (found !== undefined) return found;
  throw new Failure({
    kind: "configuration",
    task: operand === undefined ? "show rows" : `show ${JSON.stringify(operand)}`,
    problem: operand === undefined
      ? "the command needs bronze, silver or quarantine"
      : "only bronze, silver and quarantine can be shown",
    remedy: `${
      didYouMean(operand ?? "", LAYERS)
    }Name one and a day: deno task show silver 2025-12-28`,
  });
}
