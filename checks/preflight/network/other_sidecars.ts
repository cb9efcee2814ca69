import type { Finding } from "../../finding.ts";
import { codePods, listActors } from "./denial.ts";
import { type Network, place } from "./job_network.ts";
import { ENDLESS, textsOf, TRUE_IN_GO } from "./mesh_sidecar.ts";

/** A tool, other than a service mesh, that adds a sidecar to pods with an annotation. */
interface Injector {
  readonly name: string;
  /** The annotation that asks for the sidecar. */
  readonly key: string;
  /** The values of the annotation that ask for the sidecar, as the tool reads them. */
  readonly asking: RegExp;
  /** The annotation that lets the sidecar end before the job starts, if it is true in Go. */
  readonly ending?: string;
}

const INJECTORS: readonly Injector[] = [
  {
    name: "Vault",
    key: "vault.hashicorp.com/agent-inject",
    asking: TRUE_IN_GO,
    ending: "vault.hashicorp.com/agent-pre-populate-only",
  },
  { name: "Dapr", key: "dapr.io/enabled", asking: /^\s*(?:y|yes|t|true|on|1)\s*$/i },
  // The value can also be the name of a collector.
  { name: "OpenTelemetry", key: "sidecar.opentelemetry.io/inject", asking: /^(?!false$)./i },
  { name: "Jaeger", key: "sidecar.jaegertracing.io/inject", asking: /^(?!false$)./i },
  { name: "App Mesh", key: "appmesh.k8s.aws/sidecarInjectorWebhook", asking: /^enabled$/i },
];

/** Warns about the sidecars of other tools, which keep a Job running after its container has ended. */
export function otherSidecarFindings(network: Network): Finding[] {
  return INJECTORS.flatMap(({ name, key, asking, ending }): Finding[] => {
    const pods = codePods(network).filter(({ job, actor }) => {
      if (ENDLESS.includes(job.object.kind)) return false;
      const [{ annotations }] = textsOf(network, job, actor);
      return asking.test(annotations.get(key) ?? "") &&
        (ending === undefined || !TRUE_IN_GO.test(annotations.get(ending) ?? ""));
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
