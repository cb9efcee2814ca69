import type { Finding } from "../../finding.ts";
import { accountId } from "../../kubernetes/workloads.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import { isAllowed, type Known } from "./access_reviews.ts";
import type { Need } from "./required_permissions.ts";
import { type Binding, may } from "./role_rules.ts";

/**
 * Judges whether a service account may do what its jobs have to.
 *
 * @param needs all that they do
 * @param place one of the jobs
 */
export function missingRights(
  known: Known,
  needs: readonly Need[],
  place: ReturnType<typeof placeOf>,
): Finding[] {
  const { account: { name, namespace }, bindings } = known;
  if (needs.length === 0) return [];
  const deed = (resource: string, verb: string) => (
    { account: accountId(known.account), resource, verb, namespace }
  );
  const lacking = needs.map((need) => (
    { ...need, verbs: need.verbs.filter((verb) => !isAllowed(known, deed(need.resource, verb))) }
  )).filter(({ verbs }) => verbs.length > 0);
  const lost = bindings.find(({ rules }) => rules === undefined);
  // Without a cluster, nobody can tell what a role allows that is not in the manifests.
  if (lost !== undefined && (known.now === undefined || lacking.length > 0)) return [noRole(lost)];
  if (lacking.length === 0) return [];
  if (bindings.length === 0) {
    return [{
      severity: "fail",
      ...place,
      problem: `nothing gives the service account ${name} any rights in ${namespace}`,
      why: "the driver may not make its executors' pods, and waits for them for ever",
      fix: `Bind its role: kubectl -n ${namespace} create rolebinding ${name} --role=${name} ` +
        `--serviceaccount=${namespace}:${name}`,
    }];
  }
  const role = bindings.flatMap(({ rules = [] }) => rules)[0]?.role;
  return lacking.map(({ resource, verbs, why }): Finding => {
    const denied = verbs.filter((verb) => may(bindings, deed(resource, verb)));
    if (denied.length > 0) return deniedElsewhere(known, { resource, verbs: denied, why }, place);
    return {
      severity: "fail",
      ...(role === undefined ? place : placeOf(role, "rules")),
      problem: `the service account ${namespace}/${name} may not ${verbs.join(", ")} ${resource}`,
      why,
      fix: `Add to the role: - {apiGroups: [""], resources: [${resource}], verbs: [${
        verbs.join(", ")
      }]}`,
    };
  });
}

function noRole({ object, role }: Binding): Finding {
  return {
    severity: "fail",
    ...placeOf(object, "roleRef"),
    problem: `there is no ${role}, which it binds`,
    why: "nobody can tell what the driver may do; a role of the cluster can also change",
    fix: "Add the Role to the manifests, or correct roleRef.",
  };
}

/** Roles are not all that an API server may be told to go by. */
function deniedElsewhere(
  { account: { name, namespace } }: Known,
  { resource, verbs, why }: Need,
  place: ReturnType<typeof placeOf>,
): Finding {
  return {
    severity: "fail",
    ...place,
    problem: `the API server does not let the service account ${namespace}/${name} ` +
      `${verbs.join(", ")} ${resource}, though its roles allow it`,
    why,
    fix: `Look for what denies it, such as a webhook: kubectl -n ${namespace} auth can-i ` +
      `${verbs[0]} ${resource} --as=system:serviceaccount:${namespace}:${name}`,
  };
}
