import { shellPath } from "../../../pipeline/shell.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import type { Trial } from "../../facts/cluster.ts";
import type { ManifestsFact } from "../../facts/manifests.ts";
import { naming } from "../../list_names.ts";
import { fieldNamedIn } from "./refused_field.ts";
import { whyNoCluster } from "../../skip_reasons.ts";
import { outcomeOf } from "../outcome.ts";
import { pathOf } from "../../facts/tree.ts";
import { filledByTools } from "../../kubernetes/filled_values.ts";
import { objectId, placeOf } from "../../kubernetes/objects.ts";

/** The API server accepts the manifests in a server-side dry run. */
export const serverDryRun: Check<"manifests" | "cluster"> = check({
  id: "server-dry-run",
  title: "the API server accepts the manifests",
  phase: "before",
  needs: ["manifests", "cluster"],
  run({ manifests, cluster }) {
    if (!cluster.opened) return { skip: whyNoCluster };
    const { trials, name } = cluster;
    const filled = filledByTools(manifests.objects).map(objectId);
    const left = filled.length === 0
      ? ""
      : `; not tried, because a tool fills in their values first: ${naming(filled)}`;
    if (trials.length === 0) {
      return outcomeOf(manifests, undefined, `the manifests have no object${left}`);
    }
    const findings = refusals(manifests, trials);
    const forbidden = refusedBecause("forbidden", trials);
    const withoutNamespace = refusedBecause("no namespace", trials);
    const notTried = forbidden.length + withoutNamespace.length;
    if (findings.length === 0 && forbidden.length > 0) {
      return { unknown: `${whyForbidden(forbidden)}. ${PERMISSION_FIX}` };
    }
    if (findings.length === 0 && withoutNamespace.length > 0) {
      const names = [...new Set(withoutNamespace.map(({ object: { namespace } }) => namespace!))];
      const what = plural(withoutNamespace.length, "object");
      return {
        skip: `${what} not tried: namespace ${naming(names)} does not exist (see manifest-drift)`,
      };
    }
    const rest = notTried === 0 ? "" : `; ${plural(notTried, "object")} could not be tried`;
    return {
      examined: `${plural(trials.length - notTried, "object")} on ${name}${rest}${left}`,
      findings,
    };
  },
});

const PERMISSION_FIX =
  "Ask for permission to patch and create these objects, which a dry run needs too, or " +
  'skip the check: --skip server-dry-run="this user may only read"';

/** The reason for which the API server refused a dry run. */
export type Because = NonNullable<Trial["refused"]>["because"];

/** The dry runs that the API server refused for the given reason. */
export function refusedBecause(because: Because, trials: readonly Trial[]): readonly Trial[] {
  return trials.filter(({ refused }) => refused?.because === because);
}

/** The findings for objects that the API server refuses as invalid. */
export function refusals(
  { directory }: Pick<ManifestsFact, "directory">,
  trials: readonly Trial[],
): Finding[] {
  return refusedBecause("invalid", trials).map(({ object, refused }): Finding => {
    const file = pathOf(directory, object.file);
    return {
      severity: "fail",
      ...placeOf({ ...object, file }, fieldNamedIn(refused!.problem, object.value)),
      // The API server quotes a value of another type as a Go structure.
      problem: `the API server refuses the object: ${
        refused!.problem.replace(/, got &value\.valueUnstructured\{.*\}$/, " and has another type")
      }`,
      why: "kubectl apply fails for this object, and applies the other objects",
      fix: file === undefined
        ? "Correct the field that the message names."
        : `Correct the field that the message names, and try: kubectl apply --server-side --dry-run=server -f ${
          shellPath(file)
        }`,
    };
  });
}

/** Describes the missing permission, as in `User "reader" cannot patch resource "jobs", so …`. */
export function whyForbidden(forbidden: readonly Trial[]): string {
  const problems = forbidden.map(({ refused }) => refused!.problem);
  const said = problems.map((problem) =>
    /(User "[^"]*" cannot \w+ resource) ("[^"]+")/.exec(problem)
  );
  const [, who] = said.find((each) => each !== null) ?? [];
  const resources = new Set(said.flatMap((each) => each === null ? [] : [each[2]!]));
  const what = who === undefined
    ? naming([...new Set(problems)])
    : `${who}${resources.size === 1 ? "" : "s"} ${naming([...resources])}`;
  return `${what}, so ${plural(forbidden.length, "object")} could not be tried`;
}
