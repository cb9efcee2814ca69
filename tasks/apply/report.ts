import type { Result } from "../../checks/finding.ts";
import { isChange, type Planned } from "../../checks/kubernetes/apply_plan.ts";
import { objectId } from "../../checks/kubernetes/objects.ts";
import { renderResult } from "../../checks/report/text.ts";
import { plural } from "../../pipeline/progress.ts";
import { isQuiet } from "../cli/common_flags.ts";
import { printLine } from "../cli/json_line.ts";
import { colourWanted, print } from "../cli/terminal.ts";
import { renderDone, renderPlan } from "./text.ts";
import { repeatFlags, withFlags } from "../cli/next_command.ts";

/** The changes so far. */
export interface Changes {
  readonly done: Planned[];
  /** The change that was sent and has no response yet. */
  current?: Planned | undefined;
}

/** How apply ended. */
export type Outcome = "unchanged" | "planned" | "declined" | "applied";

/** Prints what apply plans and does. */
export interface ApplyReport {
  /** The API server refuses objects. The failure is reported afterwards. */
  readonly refused: (result: Result) => void;
  /** The changes to make, before the question. */
  plan(plan: readonly Planned[]): void;
  /** An object was applied. */
  applied(planned: Planned): void;
  /** Apply stopped at a failure, which is reported afterwards. */
  stopped(changes: Changes, plan: readonly Planned[]): void;
  /** Apply ended without a failure. */
  ended(outcome: Outcome, plan: readonly Planned[], exitCode: number): void;
}

/** The cluster and the manifests of a run of apply. */
export interface Subject {
  readonly context: string;
  readonly server: string;
  readonly directory: string;
}

/** Returns a report for people. With `--quiet` and without a question, only its last line is printed. */
export function textReport({ context, server, directory }: Subject, asks: boolean): ApplyReport {
  const name = `${context} at ${server}`;
  const isShort = isQuiet() && !asks;
  const count = (plan: readonly Planned[]) => plural(plan.filter(isChange).length, "change");
  return {
    refused(result) {
      const layout = { colour: colourWanted(), idWidth: result.id.length };
      print(repeatFlags(renderResult(result, layout).trimEnd()));
    },
    plan(plan) {
      const what = `Applying ${directory} to ${name}`;
      if (!isShort) print(renderPlan(plan, { what, colour: colourWanted() }));
    },
    applied(planned) {
      if (!isShort) print(renderDone(planned));
    },
    stopped({ done, current }, plan) {
      const applied = done.length === 0
        ? "Nothing was applied"
        : `${done.length} of ${count(plan)} applied`;
      print(
        `${applied}${current === undefined ? "" : `, and perhaps ${objectId(current.object)}`}.`,
      );
    },
    ended(outcome, plan) {
      const last: Record<Outcome, string> = {
        unchanged: `nothing to do: ${name} matches the manifests`,
        planned: `nothing was applied: without --dry-run, apply would make ${count(plan)}`,
        declined: "Nothing was applied.",
        applied: `${count(plan)} applied: ${name} matches the manifests`,
      };
      print(last[outcome]);
    },
  };
}

/** Returns a report for programs: one line of JSON per object, and one for the total. */
export function jsonReport(subject: Subject): ApplyReport {
  const line = (step: string, data: object) => printLine("apply", step, data);
  return {
    refused(result) {
      for (const { object, problem, fix } of withFlags(result).findings) {
        line("refused", { object, problem, fix });
      }
    },
    plan(plan) {
      for (const planned of plan) {
        const { action, reason, differences } = planned;
        const changes = differences.map(({ path, line, before, after }) => ({
          field: path,
          ...(line === undefined ? {} : { line }),
          before: before ?? null,
          after: after ?? null,
        }));
        line("object", { ...nameOf(planned), action, reason: reason ?? null, changes });
      }
    },
    applied: (planned) => line("applied", { ...nameOf(planned), action: planned.action }),
    stopped({ done, current }, plan) {
      const unknown = current === undefined ? null : objectId(current.object);
      line("stopped", { changes: plan.filter(isChange).length, applied: done.length, unknown });
    },
    ended(outcome, plan, exitCode) {
      const changes = plan.filter(isChange).length;
      line("total", { ...subject, outcome, changes, exitCode });
    },
  };
}

function nameOf({ object: { apiVersion, kind, namespace, name } }: Planned) {
  return { apiVersion, kind, namespace: namespace ?? null, name };
}
