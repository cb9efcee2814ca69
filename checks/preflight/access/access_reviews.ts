import type { ClusterOpened, Right } from "../../facts/cluster.ts";
import type { AccountAction } from "../../facts/cluster/permissions.ts";
import type { Finding } from "../../finding.ts";
import { type Account, accountId } from "../../kubernetes/workloads.ts";
import { FORBIDDEN, whereIs } from "./required_permissions.ts";
import { type Binding, bindingsOf, may } from "./role_rules.ts";

/** What is known of the rights of a service account. */
export interface Known {
  /** The account. */
  readonly account: Account;
  /** Its bindings, once the manifests are applied. */
  readonly bindings: readonly Binding[];
  /** Its bindings as they are now, where a cluster was looked at. */
  readonly now?: readonly Binding[];
  /** What the API server answers about it now, where it could be asked. */
  readonly rights?: readonly Right[];
}

/** Gathers what is known of an account's rights. */
export function knownOf(
  account: Account,
  bindings: readonly Binding[],
  cluster: ClusterOpened | undefined,
): Known {
  if (cluster?.rights === undefined) return { account, bindings };
  const rights = cluster.rights.filter((right) => right.account === accountId(account));
  return { account, bindings, rights, now: bindingsOf(cluster.objects, account) };
}

/**
 * What the API server says of a deed, where that will be so after the manifests are applied too: what
 * they change the server does not know yet, and the roles tell it.
 */
export function answerTo({ bindings, now, rights }: Known, deed: AccountAction): Right | undefined {
  if (now === undefined || may(bindings, deed) !== may(now, deed)) return undefined;
  return rights?.find(({ verb, resource, namespace }) =>
    verb === deed.verb && resource === deed.resource && namespace === deed.namespace
  );
}

/** Whether a deed will be allowed. */
export function isAllowed(known: Known, deed: AccountAction): boolean {
  return answerTo(known, deed)?.allowed ?? may(known.bindings, deed);
}

/** What no job may do, and the API server allows for a reason that the account's own roles do not tell. */
export function forbiddenDeeds(known: Known): Finding[] {
  const rights = (known.rights ?? []).filter((right) =>
    right.allowed && isForbidden(right, known.account) && !may(known.bindings, right) &&
    answerTo(known, right) !== undefined
  );
  const groups = Map.groupBy(rights, ({ reason }) => reason);
  return [...groups].map(([reason, all]) => finding(known.account, reason, all));
}

function isForbidden({ verb, resource, namespace }: Right, account: Account): boolean {
  return FORBIDDEN.some((each) =>
    each.verb === verb && each.resource === resource && whereIs(each.where, account) === namespace
  );
}

function finding(account: Account, reason: string, rights: readonly Right[]): Finding {
  const deeds = rights.map(({ verb, resource, namespace }) => {
    const what = verb === "*" ? "do everything" : `${verb} ${resource}`;
    return `${what} in ${namespace ?? "every namespace"}`;
  });
  const binding = bindingIn(reason);
  const id = accountId(account);
  return {
    severity: "fail",
    object: binding?.object ?? `ServiceAccount ${id}`,
    problem: `it lets the service account ${id} ${deeds.join(", ")}` +
      (binding === undefined ? `: ${reason || "the API server does not say why"}` : ""),
    why: "Spark needs no such right, and whoever takes a job over has it too",
    fix: binding?.fix ?? `Look who allows it: kubectl auth can-i --list ` +
        `--as=system:serviceaccount:${account.namespace}:${account.name}`,
  };
}

/** The API server says `RBAC: allowed by RoleBinding "name/namespace" of Role "name" to …`. */
function bindingIn(reason: string): Pick<Finding, "object" | "fix"> | undefined {
  const [, kind, name, namespace] =
    /allowed by (RoleBinding|ClusterRoleBinding) "([^"/]+)(?:\/([^"]+))?"/.exec(reason) ?? [];
  if (kind === undefined) return undefined;
  const place = namespace === undefined ? "" : `-n ${namespace} `;
  return {
    object: `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`,
    fix: "Take the account out of its subjects, or remove it: " +
      `kubectl ${place}delete ${kind.toLowerCase()} ${name}`,
  };
}
