import { type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";
import type { PodTemplate, Word } from "./pod_template.ts";

/** The kinds of Argo Workflows with templates. */
const KINDS = ["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"];

/** The label of a pod with the name of its Workflow. */
const WORKFLOW_LABEL = "workflows.argoproj.io/workflow";

/** The fields of a workflow and of its templates that become fields of the pods. */
const POD_FIELDS = [
  "activeDeadlineSeconds",
  "affinity",
  "automountServiceAccountToken",
  "nodeSelector",
  "priorityClassName",
  "securityContext",
  "serviceAccountName",
  "tolerations",
] as const;

/** The fields of a workflow that become fields of the pods of all templates. */
const COMMON_FIELDS = ["dnsConfig", "dnsPolicy", "hostNetwork", "imagePullSecrets"] as const;

/** A workflow, and the path of its fields. */
interface Workflow {
  readonly base: string;
  readonly fields: Fields;
  /** The labels of all pods. */
  readonly labels: Fields;
}

/** The pods that the templates of an Argo Workflow create; empty for another object. */
export function workflowTemplates(object: Fields, group: string): PodTemplate[] {
  const { kind, metadata } = object;
  if (group !== "argoproj.io" || !KINDS.includes(String(kind))) return [];
  const spec = fieldsIn(object.spec);
  const isCron = kind === "CronWorkflow";
  const fields = isCron ? fieldsIn(spec.workflowSpec) : spec;
  const name = kind === "Workflow" ? textOf(fieldsIn(metadata).name) : undefined;
  const workflow: Workflow = {
    base: isCron ? "spec.workflowSpec" : "spec",
    fields,
    labels: {
      ...fieldsIn(fieldsIn(fields.podMetadata).labels),
      "workflows.argoproj.io/completed": "false",
      ...(name === undefined ? {} : { [WORKFLOW_LABEL]: name }),
    },
  };
  return listOf(fields.templates).flatMap((template, i) =>
    podTemplate(workflow, template, `${workflow.base}.templates[${i}]`)
  );
}

/** The pods of one template; empty for a template that only calls others. */
function podTemplate({ fields, labels, base }: Workflow, own: Fields, path: string): PodTemplate[] {
  const template = { ...fieldsIn(fields.templateDefaults), ...own };
  const field = ["container", "script"].find((each) => isFields(template[each]));
  const inSet = isFields(template.containerSet) ? listOf(template.containerSet.containers) : [];
  const [container, ...others] = field === undefined
    ? inSet
    : [{ name: "main", ...fieldsIn(template[field]) }];
  if (container === undefined) return [];
  const at = `${path}.${field ?? "containerSet.containers[0]"}`;
  const all = { ...labels, ...fieldsIn(fieldsIn(template.metadata).labels) };
  // The controller fills in a value with a parameter, as in "{{workflow.parameters.team}}".
  const unknown = Object.keys(all).filter((key) => /\{\{/.test(`${key}${textOf(all[key])}`));
  const known = Object.entries(all).filter(([key]) => !unknown.includes(key));
  const pick = (source: Fields, names: readonly string[]) =>
    names.filter((each) => source[each] !== undefined).map((each) => [each, source[each]]);
  return [{
    metadata: { ...fieldsIn(template.metadata), labels: Object.fromEntries(known) },
    spec: {
      ...Object.fromEntries([
        ...pick(
          fields,
          [...POD_FIELDS, ...COMMON_FIELDS].filter((each) =>
            // A workflow's own deadline is for the whole workflow.
            each !== "activeDeadlineSeconds"
          ),
        ),
        ...pick(template, POD_FIELDS),
      ]),
      volumes: [
        ...listOf(fields.volumes),
        ...listOf(template.volumes),
        ...listOf(fields.volumeClaimTemplates).map(({ metadata }) => (
          { name: fieldsIn(metadata).name }
        )),
      ],
      initContainers: template.initContainers,
      containers: [container, ...others, ...listOf(template.sidecars)],
    },
    metadataPath: `${path}.metadata`,
    specPath: path,
    main: { path: at, words: wordsOf(container, at) },
    part: `template ${textOf(template.name) ?? path.slice(base.length + 1)}`,
    unknownLabels: [
      ...unknown.filter((key) => !key.includes("{{")),
      ...(WORKFLOW_LABEL in labels ? [] : [WORKFLOW_LABEL]),
    ],
  }];
}

/** The words that a container runs, and the source of a script. */
function wordsOf(container: Fields, path: string): Word[] {
  const words = ["command", "args"].flatMap((list) => {
    const all = Array.isArray(container[list]) ? container[list] : [];
    return all.map((each: unknown, i): Word => (
      { path: `${path}.${list}[${i}]`, text: String(each) }
    ));
  });
  return typeof container.source === "string"
    ? [...words, { path: `${path}.source`, text: container.source }]
    : words;
}
