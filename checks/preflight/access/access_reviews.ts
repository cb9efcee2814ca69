import { shell, shellQuote } from "../../../pipeline/shell.ts";
import type { ClusterOpened, Right } from "../../facts/cluster.ts";
import type { AccountAction } from "../../facts/cluster/permissions.ts";
import type { Project } from "../../../pipeline/contract/project.ts";
import type { Finding } from "../../finding.ts";
import { type Account, accountId } from "../../kubernetes/jobs.ts";
import { type Forbidden, forbiddenIn, whereIs } from "../../spark/required_permissions.ts";
import { type Binding, bindingsOf, may } from "../../kubernetes/role_rules.ts";

/** The known permissions of a service account. */
export interface Known {
  /** The account. */
  readonly account: Account;
  /** The namespace of the actions. */
  readonly namespace: string;
  /** The bindings in this namespace after the manifests are applied. */
  readonly bindings: readonly Binding[];
  /** True if a cluster was read. Then a role that was not found does not exist. */
  readonly isLive: boolean;
  /** The current bindings, if the API server answered. */
  readonly now?: readonly Binding[];
  /** The answers of the API server, if the user can create SubjectAccessReviews. */
  readonly rights?: readonly Right[];
}

/** Collects the known permissions of a service account. */
export function knownOf(
  account: Account,
  bindings: readonly Binding[],
  cluster: ClusterOpened | undefined,
  namespace = account.namespace,
): Known {
  const known = { account, namespace, bindings, isLive: cluster !== undefined };
  if (cluster?.rights === undefined) return known;
  const rights = cluster.rights.filter((right) => right.account === accountId(account));
  return { ...known, rights, now: bindingsOf(cluster.objects, account, namespace) };
}

/**
 * The answer of the API server for an action; undefined if the manifests change the answer. The server
 * does not know the manifests, so the roles decide then.
 */
export function answerTo({ bindings, now, rights }: Known, deed: AccountAction): Right | undefined {
  if (now === undefined || may(bindings, deed) !== may(now, deed)) return undefined;
  return rights?.find(({ verb, resource, namespace }) =>
    verb === deed.verb && resource === deed.resource && namespace === deed.namespace
  );
}

/** Returns whether an action is allowed after the manifests are applied. */
export function isAllowed(known: Known, deed: AccountAction): boolean {
  return answerTo(known, deed)?.allowed ?? may(known.bindings, deed);
}

/** Forbidden actions that the API server allows for another reason than the account's own roles. */
export function forbiddenActions(known: Known, project: Project): Finding[] {
  const forbidden = forbiddenIn(project);
  const rights = (known.rights ?? []).filter((right) =>
    right.allowed && isForbidden(forbidden, right, known.account) && !may(known.bindings, right) &&
    answerTo(known, right) !== undefined
  );
  const groups = Map.groupBy(rights, ({ reason }) => reason);
  return [...groups].map(([reason, all]) => finding(known.account, reason, all));
}

function isForbidden(
  forbidden: readonly Forbidden[],
  { verb, resource, namespace }: Right,
  account: Account,
): boolean {
  return forbidden.some((each) =>
    each.verb === verb && each.resource === resource && whereIs(each.where, account) === namespace
  );
}

function finding(account: Account, reason: string, rights: readonly Right[]): Finding {
  const actions = rights.map(({ verb, resource, namespace }) => {
    const what = verb === "*" ? "do everything" : `${verb} ${resource}`;
    return `${what} in ${namespace ?? "every namespace"}`;
  });
  const binding = bindingIn(reason);
  const id = accountId(account);
  return {
    severity: "fail",
    object: binding?.object ?? `ServiceAccount ${id}`,
    problem: `it lets the service account ${id} ${actions.join(", ")}` +
      (binding === undefined ? `: ${reason || "the API server does not say why"}` : ""),
    why: "the jobs do not need this permission, and an attacker who controls a job would have it",
    fix: binding?.fix ?? `List what the account can do: kubectl auth can-i --list ` +
        shell`--as=${`system:serviceaccount:${account.namespace}:${account.name}`}`,
  };
}

/** Parses the reason of the API server: `RBAC: allowed by RoleBinding "name/namespace" of Role "name" to …`. */
function bindingIn(reason: string): Pick<Finding, "object" | "fix"> | undefined {
  const [, kind, name, namespace] =
    /allowed by (RoleBinding|ClusterRoleBinding) "([^"/]+)(?:\/([^"]+))?"/.exec(reason) ?? [];
  if (kind === undefined) return undefined;
  const place = namespace === undefined ? "" : shell`-n ${namespace} `;
  return {
    object: `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`,
    fix: "Remove the account from its subjects, or delete it: " +
      `kubectl ${place}delete ${kind.toLowerCase()} ${shellQuote(name!)}`,
  };
}
