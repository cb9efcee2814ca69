import type { CleanOrder } from "./clean/worker.ts";
import { hidingLogin, LOGIN_FLAGS, LOGIN_HELP, withLogin } from "./cli/cluster_login.ts";
import type { Command } from "./cli/command.ts";
import { runConfined } from "./cli/confined.ts";
import { askedDay, dayFor } from "./cli/day.ts";
import { ENVIRONMENT_HELP } from "./cli/environment_help.ts";
import { failureReporterOf } from "./cli/failure.ts";
import { choice } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { confirmNoQuestion } from "./cli/prompt.ts";
import { projectHelp, projectOrDefault } from "./cli/project_options.ts";

/** The command `clean`. */
export const command: Command = {
  name: "clean",
  values: ["date", "project", ...LOGIN_FLAGS.values, "output"],
  switches: ["yes", "dry-run", ...LOGIN_FLAGS.switches],
  operand: "day",
  choices: { output: OUTPUTS, ...LOGIN_FLAGS.choices },
  help: `
Removes the files that interrupted runs of one day left: parts that no commit marker names, current
or in the history, and that are older than 24 hours by the clock of the store. It also removes
Spark's staging folders of that age. It shows the files, and asks.

Usage: deno task clean [DAY | --date DAY] [--dry-run] [--yes] [--project FILE]
                       [--credentials cluster] [--port-forward] [--kubeconfig FILE]
                       [--context NAME] [--namespace NAME]
                       [--output text|json]

  DAY, --date DAY   YYYY-MM-DD in UTC, today or yesterday; default: JOB_DATE, or today
  --dry-run         show what would be removed, and remove nothing
  --yes             do not ask
${projectHelp(20)}
  --output json     JSON lines: one object per file, and one for the total

${LOGIN_HELP}

Examples:
  deno task clean 2025-12-28 --dry-run
  deno task clean 2025-12-28

It never removes a commit marker, the history or the quarantine. If the day has no valid marker, it
removes nothing, because only a marker lists the files of the day.
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const output = choice(flags, "output", OUTPUTS);
    const dryRun = flags.on("dry-run");
    if (output === "json" && !dryRun) confirmNoQuestion(flags);
    const asked = askedDay(flags);
    const project = await projectOrDefault(flags);
    return await withLogin(flags, project, async (login) => {
      const { database, lake, forwards } = login;
      const order: CleanOrder = {
        lake,
        output,
        dryRun,
        yes: flags.on("yes"),
        day: await dayFor(asked, project, database),
        reporter: hidingLogin(failureReporterOf("clean"), login),
      };
      const needs = { lake, writes: !order.dryRun, forwards };
      return await runConfined(import.meta.resolve("./clean/worker.ts"), order, needs);
    }, { needsDatabase: false });
  },
};
