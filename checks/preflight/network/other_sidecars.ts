import type { Finding } from "../../finding.ts";
import { codePods, listActors } from "./denial.ts";
import { type Network, place } from "./job_network.ts";
import { ENDLESS, textsOf } from "./mesh_sidecar.ts";

/** A tool, other than a service mesh, that adds a sidecar to pods with an annotation. */
interface Injector {
  readonly name: string;
  /** The annotation that asks for the sidecar. */
  readonly key: string;
  /** The values of the annotation that refuse the sidecar. */
  readonly refused: RegExp;
  /** The annotation with the value true that lets the sidecar end before the job starts. */
  readonly ending?: string;
}

const INJECTORS: readonly Injector[] = [
  {
    name: "Vault",
    key: "vault.hashicorp.com/agent-inject",
    refused: /^(?!true$|1$)/,
    ending: "vault.hashicorp.com/agent-pre-populate-only",
  },
  { name: "Dapr", key: "dapr.io/enabled", refused: /^(?!true$)/ },
  { name: "OpenTelemetry", key: "sidecar.opentelemetry.io/inject", refused: /^(?:false)?$/ },
  { name: "Jaeger", key: "sidecar.jaegertracing.io/inject", refused: /^(?:false)?$/ },
  { name: "App Mesh", key: "appmesh.k8s.aws/sidecarInjectorWebhook", refused: /^(?!enabled$)/ },
];

/** Warns about the sidecars of other tools, which keep a Job running after its container has ended. */
export function otherSidecarFindings(network: Network): Finding[] {
  return INJECTORS.flatMap(({ name, key, refused, ending }): Finding[] => {
    const pods = codePods(network).filter(({ job, actor }) => {
      if (ENDLESS.includes(job.object.kind)) return false;
      const [{ annotations }] = textsOf(network, job, actor);
      const value = annotations.get(key);
      return value !== undefined && !refused.test(value) &&
        (ending === undefined || annotations.get(ending) !== "true");
    });
    const [first] = pods;
    if (first === undefined) return [];
    const isMade = first.actor.annotations !== undefined;
    const field = isMade
      ? `${first.job.specPath}.containers`
      : `${first.job.metadataPath}.annotations`;
    return [{
      object: first.job.label,
      field,
      ...place(first.job.object, field),
      severity: "warn",
      problem: `${name} adds a sidecar to ${listActors(pods)}`,
      why:
        "a Job does not end while a sidecar runs, unless the tool adds it as an init container " +
        "with restartPolicy Always",
      fix: ending === undefined
        ? `Remove the annotation ${key}, or end the sidecar when the job ends.`
        : `Set the annotation ${ending}: "true", or remove ${key}.`,
    }];
  });
}
