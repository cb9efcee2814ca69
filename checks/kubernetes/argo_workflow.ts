import { isFields, listOf } from "./fields.ts";
import type { Fields } from "./fields.ts";
import type { PodTemplate } from "./pod_template.ts";

/** The kinds of Argo Workflows with templates. */
const KINDS = ["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"];

/** The pods that the templates of an Argo Workflow create; empty for another object. */
export function workflowTemplates({ kind, spec }: Fields, group: string): PodTemplate[] {
  if (group !== "argoproj.io" || !KINDS.includes(String(kind)) || !isFields(spec)) return [];
  const isCron = kind === "CronWorkflow";
  const inner = isCron ? spec.workflowSpec : spec;
  const workflow: Fields = isFields(inner) ? inner : {};
  const base = isCron ? "spec.workflowSpec" : "spec";
  return listOf(workflow.templates).flatMap((template, i): PodTemplate[] => {
    const field = isFields(template.container) ? "container" : "script";
    const container = template[field];
    if (!isFields(container)) return [];
    const path = `${base}.templates[${i}]`;
    const lists = ["command", "args"].flatMap((list) => {
      const words = Array.isArray(container[list]) ? container[list] : [];
      return words.map((each: unknown, j: number) => (
        { path: `${path}.${field}.${list}[${j}]`, text: String(each) }
      ));
    });
    const source = typeof container.source === "string"
      ? [{ path: `${path}.${field}.source`, text: container.source }]
      : [];
    return [{
      metadata: template.metadata,
      spec: {
        serviceAccountName: template.serviceAccountName ?? workflow.serviceAccountName,
        nodeSelector: template.nodeSelector ?? workflow.nodeSelector,
        tolerations: template.tolerations ?? workflow.tolerations,
        affinity: template.affinity ?? workflow.affinity,
        automountServiceAccountToken: template.automountServiceAccountToken ??
          workflow.automountServiceAccountToken,
        imagePullSecrets: workflow.imagePullSecrets,
        volumes: [...listOf(workflow.volumes), ...listOf(template.volumes)],
        initContainers: template.initContainers,
        containers: [{ name: "main", ...container }, ...listOf(template.sidecars)],
      },
      metadataPath: `${path}.metadata`,
      specPath: path,
      main: { path: `${path}.${field}`, words: [...lists, ...source] },
    }];
  });
}
