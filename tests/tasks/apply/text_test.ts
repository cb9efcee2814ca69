import { readFile } from "../../../checks/facts/manifests.ts";
import type { Planned } from "../../../checks/kubernetes/apply_plan.ts";
import { questionOf, renderDone, renderPlan } from "../../../tasks/apply/text.ts";
import { assertEquals } from "../../support/assert.ts";

// The plan that an operator confirms.

function planned(action: Planned["action"], more: Partial<Planned> = {}, status = ""): Planned {
  const yaml = `
apiVersion: v1
kind: Job
metadata: { name: ${action}, namespace: jobs }
${status}
`;
  const [object] = readFile("a.yaml", yaml).objects;
  return { action, object: object!, live: object!, differences: [], ...more };
}

const FINISHED = 'status: { conditions: [{ type: Complete, status: "True" }] }';
const DIFFERENCE = { path: "spec.a", before: '"x"', after: undefined };
const LINE = { path: "data.b", line: 3, before: undefined, after: '"y"' };

const PLAN: readonly Planned[] = [
  planned("create"),
  planned("change", { differences: [DIFFERENCE, LINE] }),
  planned("replace", { differences: [DIFFERENCE] }),
  planned("leave", { reason: "it has started" }),
  planned("leave", { reason: "it has finished" }, FINISHED),
  planned("nothing"),
];

Deno.test("renderPlan: shows each change with its fields, and what is not changed and why", () => {
  assertEquals(
    renderPlan(PLAN, { what: "Applying manifests to kind", colour: false }),
    `
Applying manifests to kind: 1 to create, 1 to change, 1 to replace, 2 not changed, 1 unchanged
+ Job jobs/create  new
~ Job jobs/change
    spec.a  "x" -> nothing
    data.b, line 3  nothing -> "y"
± Job jobs/replace  is deleted and created again, because the pods of a Job cannot be changed; the Job was not started yet
    spec.a  "x" -> nothing
= Job jobs/leave  is not changed: it has started
= Job jobs/leave  is not changed: it has finished. To run the Job again: kubectl -n jobs delete job leave && deno task apply
`.trim(),
  );
});

Deno.test("renderPlan: shows the first 20 fields of an object, and the number of the others", () => {
  const differences = Array.from({ length: 25 }, (_, i) => ({ ...DIFFERENCE, path: `spec.a${i}` }));
  const lines = renderPlan([planned("change", { differences })], { what: "", colour: false })
    .split("\n");
  assertEquals([lines.length, lines.at(-2), lines.at(-1)], [
    23,
    '    spec.a19  "x" -> nothing',
    "    and 5 more",
  ]);
});

Deno.test("renderPlan: colours the old value red and the new value green", () => {
  const change = planned("change", {
    differences: [{ path: "spec.a", before: "1", after: "2" }],
  });
  assertEquals(renderPlan([change], { what: "", colour: true }).split("\n").slice(1), [
    "\x1b[33m~\x1b[0m \x1b[1mJob jobs/change\x1b[0m",
    "    spec.a  \x1b[31m1\x1b[0m -> \x1b[32m2\x1b[0m",
  ]);
});

Deno.test("questionOf, renderDone: count the changes, and name each change", () => {
  assertEquals(questionOf(PLAN, "kind"), "Apply 3 changes to kind?");
  assertEquals(PLAN.slice(0, 3).map(renderDone), [
    "created    Job jobs/create",
    "changed    Job jobs/change",
    "replaced   Job jobs/replace",
  ]);
});
