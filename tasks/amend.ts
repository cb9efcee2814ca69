import { sealGrace } from "../pipeline/config.ts";
import { Failure } from "../pipeline/errors.ts";
import type { AmendOrder } from "./amend/worker.ts";
import { hidingLogin, LOGIN_FLAGS, LOGIN_HELP, withLogin } from "./cli/cluster_login.ts";
import type { Command } from "./cli/command.ts";
import { runConfined } from "./cli/confined.ts";
import { askedDay, dayFor } from "./cli/day.ts";
import { ENVIRONMENT_HELP } from "./cli/environment_help.ts";
import { failureReporterOf } from "./cli/failure.ts";
import { choice, type Flags } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { confirmNoQuestion } from "./cli/prompt.ts";
import { projectHelp, projectOrDefault } from "./cli/project_options.ts";
import { EARLIER_SOURCE_HELP, SILENCE_HELP, silenceOf } from "./days/command.ts";

/** The command `amend`. */
export const command: Command = {
  name: "amend",
  values: ["date", "silence", "earlier-source", "project", ...LOGIN_FLAGS.values, "output"],
  switches: ["yes", "dry-run", "keep-altered", ...LOGIN_FLAGS.switches],
  operand: "day",
  choices: { output: OUTPUTS, ...LOGIN_FLAGS.choices },
  help: `
Adds late events to a published day, and rebuilds silver. It never removes anything from bronze:
late events become additional parts, events that the outbox lost stay, and the replaced commit
marker is kept. It shows the changes, and asks.

Usage: deno task amend DAY [--keep-altered] [--yes] [--dry-run]
                       [--silence SECONDS] [--earlier-source SOURCE] [--project FILE]
                       [--credentials cluster] [--port-forward] [--kubeconfig FILE]
                       [--context NAME] [--namespace NAME]
                       [--output text|json]

  DAY, or --date DAY    the day: YYYY-MM-DD in UTC, today or yesterday
  --keep-altered        if the outbox has other values than bronze, keep the values of bronze and
                        record the difference; without this flag, amend shows such events and
                        changes nothing
  --yes                 do not ask
  --dry-run             show the changes, and store and remove nothing
${SILENCE_HELP}
${EARLIER_SOURCE_HELP}
${projectHelp(24)}
  --output json         JSON lines: one object per step

${LOGIN_HELP}

Examples:
  deno task amend 2025-12-28 --dry-run        show late, lost and altered events
  deno task amend 2025-12-28                  add the late events
  deno task amend 2025-12-28 --keep-altered   also record that the outbox has other values

You can kill it at any point and run it again. Then check the day: deno task postflight --date DAY.
When to use it: deno task explain amend
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const output = choice(flags, "output", OUTPUTS);
    const dryRun = flags.on("dry-run");
    if (output === "json" && !dryRun) confirmNoQuestion(flags);
    confirmDayGiven(flags);
    const asked = askedDay(flags);
    const silence = silenceOf(flags);
    const project = await projectOrDefault(flags);
    return await withLogin(flags, project, async (login) => {
      const { lake, forwards } = login;
      const database = login.database!;
      const order: AmendOrder = {
        day: await dayFor(asked, project, database),
        database,
        lake,
        grace: sealGrace(),
        dryRun,
        keepAltered: flags.on("keep-altered"),
        yes: flags.on("yes"),
        silence,
        earlierSource: flags.value("earlier-source"),
        output,
        reporter: hidingLogin(failureReporterOf("amend"), login),
      };
      const work = import.meta.resolve("./amend/worker.ts");
      return await runConfined(work, order, { database, lake, writes: true, forwards });
    }, { needsDatabase: true });
  },
};

/** Refuses a command without a day: an amendment has no default day. */
function confirmDayGiven(flags: Flags): void {
  if (flags.operand !== undefined || flags.value("date") !== undefined) return;
  throw new Failure({
    kind: "configuration",
    task: "amend",
    problem: "no day was given",
    remedy: "Name the day, as in: deno task amend 2025-12-28",
  });
}
