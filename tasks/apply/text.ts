import { shell } from "../../pipeline/shell.ts";
import { objectId } from "../../checks/kubernetes/objects.ts";
import {
  type Action,
  type Difference,
  isChange,
  jobState,
  type Planned,
} from "../../checks/kubernetes/apply_plan.ts";
import { plural } from "../../pipeline/progress.ts";
import { paint, type Style } from "../cli/terminal.ts";
import { repeatFlags } from "../cli/next_command.ts";

/** The number of fields to show for one object. */
const MOST_FIELDS = 20;

const MARKS: Readonly<Record<"create" | "change" | "replace" | "leave", readonly [string, Style]>> =
  {
    create: ["+", "green"],
    change: ["~", "yellow"],
    replace: ["±", "yellow"],
    leave: ["=", "dim"],
  };

/** Options of {@linkcode renderPlan}. */
export interface PlanOptions {
  /** The heading, for example `Applying manifests to kind`. */
  readonly what: string;
  /** Whether to use colours. */
  readonly colour: boolean;
}

/** Renders a plan: each object to change, and its fields. */
export function renderPlan(plan: readonly Planned[], { what, colour }: PlanOptions): string {
  const lines = plan.flatMap((planned) => {
    const { action, object, differences } = planned;
    if (action === "nothing" || action === "unknown" || action === "going") return [];
    const [mark, style] = MARKS[action];
    const note = noteOf(planned);
    const more = differences.length - MOST_FIELDS;
    return [
      `${paint(mark, style, colour)} ${paint(objectId(object), "bold", colour)}${
        note === "" ? "" : `  ${note}`
      }`,
      ...differences.slice(0, MOST_FIELDS).map((each) => `    ${renderDifference(each, colour)}`),
      ...(more > 0 ? [`    and ${more} more`] : []),
    ];
  });
  return [`${what}: ${summary(plan)}`, ...lines].join("\n");
}

/** The note beside an object. */
function noteOf({ action, object: { name, namespace }, live, reason }: Planned): string {
  if (action === "create") return "new";
  if (action === "replace") {
    return "is deleted and created again, because the pods of a Job cannot be changed; the Job was not started yet";
  }
  if (action !== "leave") return "";
  const again = live !== undefined && jobState(live) === "finished"
    ? shell`. To run the Job again: kubectl -n ${
      namespace ?? "default"
    } delete job ${name} && deno task apply`
    : "";
  return repeatFlags(`is not changed: ${reason}${again}`);
}

function renderDifference({ path, line, before, after }: Difference, colour: boolean): string {
  const place = line === undefined ? path : `${path}, line ${line}`;
  const old = before === undefined ? "nothing" : paint(before, "red", colour);
  const wanted = after === undefined ? "nothing" : paint(after, "green", colour);
  return `${place}  ${old} -> ${wanted}`;
}

const WORDS: Readonly<Partial<Record<Action, string>>> = {
  create: "to create",
  change: "to change",
  replace: "to replace",
  leave: "not changed",
  nothing: "unchanged",
};

function summary(plan: readonly Planned[]): string {
  return Object.entries(WORDS).flatMap(([action, word]) => {
    const count = plan.filter((planned) => planned.action === action).length;
    return count === 0 ? [] : [`${count} ${word}`];
  }).join(", ");
}

/** Returns the question before applying. */
export function questionOf(plan: readonly Planned[], name: string): string {
  return `Apply ${plural(plan.filter(isChange).length, "change")} to ${name}?`;
}

/** Renders the line for an object that was applied. */
export function renderDone({ action, object }: Planned): string {
  const words: Partial<Record<Action, string>> = { create: "created", replace: "replaced" };
  return `${(words[action] ?? "changed").padEnd(9)}  ${objectId(object)}`;
}
