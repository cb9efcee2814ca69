import type { WrongField } from "./api_types.ts";
import { type Fields, fieldsIn, listOf } from "./fields.ts";

/** The fields of a RoleBinding or ClusterRoleBinding that the API server refuses together. */
export function wrongBinding({ kind, roleRef, subjects }: Fields): WrongField[] {
  if (kind !== "RoleBinding" && kind !== "ClusterRoleBinding") return [];
  const isWide = kind === "ClusterRoleBinding";
  const ofRole: WrongField[] = isWide && fieldsIn(roleRef).kind === "Role"
    ? [{
      path: "roleRef.kind",
      problem: "a ClusterRoleBinding refers to a ClusterRole, not to a Role",
      fix: "Write kind: RoleBinding, or refer to a ClusterRole.",
    }]
    : [];
  return [
    ...ofRole,
    ...listOf(subjects).flatMap((subject, i): WrongField[] => {
      if (subject.kind !== "ServiceAccount") return [];
      const path = `subjects[${i}]`;
      const group = subject.apiGroup || undefined;
      return [
        ...(group === undefined ? [] : [{
          path: `${path}.apiGroup`,
          problem: `a ServiceAccount has no apiGroup, but this is ${JSON.stringify(group)}`,
          fix: "Remove apiGroup. Only users and groups have one.",
        }]),
        ...(isWide && !subject.namespace
          ? [{
            path,
            problem: "a ServiceAccount of a ClusterRoleBinding needs a namespace",
            fix: "Add the namespace of the account: namespace: …",
          }]
          : []),
      ];
    }),
  ];
}

/** The rules of a Role or ClusterRole that the API server refuses. */
export function wrongRules({ kind, rules }: Fields): WrongField[] {
  if (kind !== "Role" && kind !== "ClusterRole") return [];
  return listOf(rules).flatMap((rule, i): WrongField[] => {
    const has = (field: string) => Array.isArray(rule[field]) && rule[field].length > 0;
    if (!has("nonResourceURLs")) {
      return ["apiGroups", "resources"].filter((field) => !has(field)).map((field) => ({
        path: `rules[${i}].${field}`,
        problem: `${field} is required, but empty`,
        fix: field === "apiGroups"
          ? 'Add apiGroups. The core group, of pods and Secrets, is [""].'
          : "Add resources, such as [pods].",
      }));
    }
    if (kind === "ClusterRole" && !has("resources")) return [];
    return [{
      path: `rules[${i}].nonResourceURLs`,
      problem: kind === "Role"
        ? "a Role has no nonResourceURLs"
        : "a rule cannot have both resources and nonResourceURLs",
      fix: kind === "Role" ? "Use a ClusterRole." : "Write two rules.",
    }];
  });
}
