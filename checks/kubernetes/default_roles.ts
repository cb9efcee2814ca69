import type { ManifestObject } from "./objects.ts";

// The ClusterRoles that every cluster has. The manifests can bind them without declaring them.

const READ = ["get", "list", "watch"];

const WRITE = ["create", "delete", "deletecollection", "patch", "update"];

/** Objects that the roles admin, edit and view allow. */
const OBJECTS = ["pods", "services", "configmaps", "persistentvolumeclaims", "serviceaccounts"];

const LOGS = { apiGroups: [""], resources: ["pods/log"], verbs: READ };

const JOBS = (verbs: readonly string[]) => ({
  apiGroups: ["batch"],
  resources: ["jobs", "cronjobs"],
  verbs,
});

const EDIT = [
  { apiGroups: [""], resources: ["secrets"], verbs: [...READ, ...WRITE] },
  { apiGroups: [""], resources: OBJECTS, verbs: [...READ, ...WRITE] },
  { apiGroups: [""], resources: ["pods/exec", "pods/attach"], verbs: ["get", "create"] },
  LOGS,
  JOBS([...READ, ...WRITE]),
];

/** The rules that matter for jobs, by the name of the ClusterRole. */
const RULES: Readonly<Record<string, readonly unknown[]>> = {
  "cluster-admin": [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
  admin: EDIT,
  edit: EDIT,
  view: [{ apiGroups: [""], resources: OBJECTS, verbs: READ }, LOGS, JOBS(READ)],
};

/** The label that the API server sets on its own roles and bindings. */
const BUILT_IN = { "kubernetes.io/bootstrapping": "rbac-defaults" };

/** A ClusterRole that every cluster has; undefined for another role. */
export function defaultRole(kind: string, name: string): ManifestObject | undefined {
  const rules = kind === "ClusterRole" && Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (rules === undefined) return undefined;
  const apiVersion = "rbac.authorization.k8s.io/v1";
  return {
    file: undefined,
    document: 0,
    line: 0,
    apiVersion,
    kind,
    name,
    namespace: undefined,
    value: { apiVersion, kind, metadata: { name, labels: BUILT_IN }, rules },
    lines: new Map(),
  };
}
