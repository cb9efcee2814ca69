import { plural } from "../../pipeline/progress.ts";
import { paint } from "../../tasks/cli/terminal.ts";
import { exitCodeOf, isCaught, type NotedCheck, type Outcome } from "./outcome.ts";

const WHEN = { before: "before the run", after: "after the run" } as const;

/** Formats a drill as a table row, followed by the injected fault and the results. */
export function renderOutcome(outcome: Outcome, colour: boolean): string {
  const { drill, caught, others } = outcome;
  const good = isCaught(outcome);
  const row = [
    paint(good ? "CAUGHT" : "MISSED", good ? "green" : "red", colour),
    drill.id.padEnd(20),
    drill.caughtBy.padEnd(16),
    WHEN[drill.when].padEnd(14),
    others.length === 0 ? "no other" : `others: ${others.map(({ check }) => check).join(", ")}`,
  ];
  return [
    row.join("  "),
    detail("injected", drill.injected),
    caught === undefined
      ? detail("problem", `${drill.caughtBy} reported no finding ${WHEN[drill.when]}`)
      : detail("problem", problemText(caught)),
    ...others.map((other) =>
      detail("other", `${other.check}, ${WHEN[other.when]}: ${problemText(other)}`)
    ),
  ].join("\n");
}

/** Formats the findings for the healthy platform, which should have none. */
export function renderHealth(found: readonly NotedCheck[], when: string, colour: boolean): string {
  const good = found.length === 0;
  const word = paint(good ? "HEALTHY" : "ILL", good ? "green" : "red", colour);
  return [
    `${word} ${when}: ${good ? "no finding" : plural(found.length, "finding")}`,
    ...found.map((each) => detail(each.check, `${WHEN[each.when]}: ${problemText(each)}`)),
  ].join("\n");
}

/** Formats all results as one JSON document. */
export function renderJson(outcomes: readonly Outcome[], health: readonly NotedCheck[]): string {
  const exitCode = exitCodeOf(outcomes, health);
  const drills = outcomes.map((outcome) => {
    const { drill: { id, injected, caughtBy, when }, caught, others } = outcome;
    return { id, injected, caughtBy, when, isCaught: isCaught(outcome), caught, others };
  });
  return JSON.stringify({ command: "drill", exitCode, drills, health }, null, 2);
}

/** Formats the summary line. */
export function renderSummary(outcomes: readonly Outcome[], health: readonly NotedCheck[]): string {
  if (outcomes.length === 0 && health.length > 0) {
    return "drill: no fault was injected, because the healthy platform already has a finding";
  }
  const caught = outcomes.filter(isCaught).length;
  const ill = health.length === 0 ? "" : ", and the healthy platform is not";
  const of = plural(outcomes.length, "fault");
  return `drill: ${caught} of ${of} caught by its check and by no other${ill}`;
}

function detail(name: string, text: string): string {
  return `          ${name.padEnd(8)}  ${text}`;
}

/** Width of a problem in the table. The commands and the JSON document have the full text. */
const WIDTH = 140;

function problemText({ verdict, problem, more }: NotedCheck): string {
  const [line = ""] = problem.split("\n");
  const cut = line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line;
  const rest = more === 0 ? "" : ` (and ${plural(more, "more finding")})`;
  const how = { error: "could not tell: ", warn: "warns: " }[verdict as string] ?? "";
  return `${how}${cut}${rest}`;
}
