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

/** How many fields of one object are shown. */
const SHOWN = 20;

const MARKS: Readonly<Record<"create" | "change" | "replace" | "leave", readonly [string, Style]>> =
  {
    create: ["+", "green"],
    change: ["~", "yellow"],
    replace: ["±", "yellow"],
    leave: ["=", "dim"],
  };

/** How a plan is shown. */
export interface PlanOptions {
  /** For people: what is planned, as in `Applying manifests to kind`. */
  readonly what: string;
  /** Whether to colour it, as terminals can show it. */
  readonly colour: boolean;
}

/** What applying does, for an operator to agree to: each object, and the fields that change. */
export function renderPlan(plan: readonly Planned[], { what, colour }: PlanOptions): string {
  const lines = plan.flatMap((planned) => {
    const { action, object, differences } = planned;
    if (action === "nothing" || action === "unknown" || action === "going") return [];
    const [mark, style] = MARKS[action];
    const note = noteOf(planned);
    const more = differences.length - SHOWN;
    return [
      `${paint(mark, style, colour)} ${paint(objectId(object), "bold", colour)}${
        note === "" ? "" : `  ${note}`
      }`,
      ...differences.slice(0, SHOWN).map((each) => `    ${renderDifference(each, colour)}`),
      ...(more > 0 ? [`    and ${more} more`] : []),
    ];
  });
  return [`${what}: ${summary(plan)}`, ...lines].join("\n");
}

/** What is said beside an object. */
function noteOf({ action, object: { name, namespace }, live, reason }: Planned): string {
  if (action === "create") return "new";
  if (action === "replace") {
    return "is removed and made anew: it was not started yet, and a Job's pods cannot be changed";
  }
  if (action !== "leave") return "";
  const again = live !== undefined && jobState(live) === "finished"
    ? `. For another run: kubectl -n ${namespace} delete job ${name} && deno task apply`
    : "";
  return `is left as it is: ${reason}${again}`;
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
  replace: "to make anew",
  leave: "left alone",
  nothing: "unchanged",
};

function summary(plan: readonly Planned[]): string {
  return Object.entries(WORDS).flatMap(([action, word]) => {
    const count = plan.filter((planned) => planned.action === action).length;
    return count === 0 ? [] : [`${count} ${word}`];
  }).join(", ");
}

/** The question before applying. */
export function questionOf(plan: readonly Planned[], name: string): string {
  return `Apply ${plural(plan.filter(isChange).length, "change")} to ${name}?`;
}

/** A line for an object that was applied. */
export function renderDone({ action, object }: Planned): string {
  const words: Partial<Record<Action, string>> = { create: "created", replace: "made anew" };
  return `${(words[action] ?? "changed").padEnd(9)}  ${objectId(object)}`;
}
