import { readFile } from "../../../checks/facts/manifests.ts";
import { treeOf } from "../../../checks/facts/tree.ts";
import type { SparkJob } from "../../../checks/spark/spark_job.ts";
import { assertEquals } from "../../support/assert.ts";

/** A job: what the container runs, and YAML to add to the container, the pod and the manifest. */
export interface Shape {
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: string;
  readonly kind?: "Job" | "Pod";
  readonly more?: string;
  readonly pod?: string;
  readonly container?: string;
}

/** The text of one job. */
function yaml(
  { command = "spark-submit", args = [], env = "[]", kind = "Job", pod, container }: Shape,
): string {
  const spec = `
containers:
  - name: driver
    image: rbs-spark:1
    command: ${JSON.stringify(command.split(" "))}
    args: ${JSON.stringify(args)}
    env: ${env}
${container === undefined ? "" : `    ${container}\n`}${pod ?? ""}`;
  const indented = (by: number) => spec.replaceAll("\n", `\n${" ".repeat(by)}`);
  const head = `kind: ${kind}\nmetadata: { name: bronze, namespace: analytics-jobs }\nspec:`;
  return kind === "Pod"
    ? `apiVersion: v1\n${head}${indented(2)}\n`
    : `apiVersion: batch/v1\n${head}\n  template:\n    spec:${indented(6)}\n`;
}

/** The job of a manifest, with code in files beside it. */
export function jobOf(shape: Shape, code: Readonly<Record<string, string>> = {}): SparkJob {
  const readings = [
    readFile("job.yaml", [yaml(shape), shape.more ?? ""].filter((each) => each).join("\n---\n")),
    ...Object.entries(code).map(([file, text]) => readFile(file, text)),
  ];
  const { jobs } = treeOf({
    directory: "manifests",
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
  });
  assertEquals(jobs.length, 1);
  return jobs[0]!;
}

/** A master that makes Spark request pods from Kubernetes. */
export const K8S = "k8s://https://kubernetes.default.svc";

/** The manifest of a Secret of the jobs; `data` is a YAML mapping. */
export const secret = (name: string, data: string) =>
  `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name}, namespace: analytics-jobs }\n` +
  `stringData: ${data}\n`;

/** The manifest of a ConfigMap of the jobs; `data` is a YAML mapping. */
export const map = (name: string, data: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: analytics-jobs }\n` +
  `data: ${data}\n`;
