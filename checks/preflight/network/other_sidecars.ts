import type { Finding } from "../../finding.ts";
import { codePods, listActors } from "./denial.ts";
import { type Network, place } from "./job_network.ts";
import type { Actor, JobWithPods } from "./job_pods.ts";
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

const VAULT = "vault.hashicorp.com/agent-inject";
const VAULT_ENDS = "vault.hashicorp.com/agent-pre-populate-only";

const INJECTORS: readonly Injector[] = [
  {
    name: "Vault",
    key: VAULT,
    asking: TRUE_IN_GO,
    ending: VAULT_ENDS,
  },
  { name: "Dapr", key: "dapr.io/enabled", asking: /^\s*(?:y|yes|t|true|on|1)\s*$/i },
  // The value can also be the name of a collector.
  { name: "OpenTelemetry", key: "sidecar.opentelemetry.io/inject", asking: /^(?!false$)./i },
  { name: "Jaeger", key: "sidecar.jaegertracing.io/inject", asking: /^(?!false$)./i },
  { name: "App Mesh", key: "appmesh.k8s.aws/sidecarInjectorWebhook", asking: /^enabled$/i },
];

/** Warns about the sidecars of other tools, which keep a Job running after its container has ended. */
export function otherSidecarFindings(network: Network): Finding[] {
  return [...addedSidecars(network), ...refusedPods(network)];
}

function addedSidecars(network: Network): Finding[] {
  return INJECTORS.flatMap(({ name, key, asking, ending }): Finding[] => {
    const pods = codePods(network).filter(({ job, actor }) => {
      if (ENDLESS.includes(job.object.kind)) return false;
      const [{ annotations }] = textsOf(network, job, actor);
      return asking.test(annotations.get(key) ?? "") &&
        (ending === undefined || FALSE_IN_GO.test(annotations.get(ending) ?? "false"));
    });
    const [first] = pods;
    if (first === undefined) return [];
    return [{
      ...placeOfAnnotations(first),
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

/** The texts that programs in Go read as false. */
const FALSE_IN_GO = /^(?:0|f|F|false|False|FALSE)$/;

/** Annotations that a tool reads as true or false, as programs in Go do. It refuses other texts. */
const BOOLEANS = [
  { name: "Vault", key: VAULT },
  { name: "Vault", key: VAULT_ENDS, if: VAULT },
  { name: "Consul", key: "consul.hashicorp.com/connect-inject" },
] as const;

/** Warns about pods that the webhook of a tool refuses, because it cannot read an annotation. */
function refusedPods(network: Network): Finding[] {
  return BOOLEANS.flatMap(({ name, key, ...more }): Finding[] => {
    const pods = codePods(network).filter(({ job, actor }) => {
      const [{ annotations }] = textsOf(network, job, actor);
      const value = annotations.get(key);
      return value !== undefined && !TRUE_IN_GO.test(value) && !FALSE_IN_GO.test(value) &&
        ("if" in more ? TRUE_IN_GO.test(annotations.get(more.if) ?? "") : true);
    });
    const [first] = pods;
    return first === undefined ? [] : [{
      ...placeOfAnnotations(first),
      severity: "warn",
      problem: `${name} cannot read the annotation ${key} of ${listActors(pods)}`,
      why:
        "in a cluster with its injector, the API server refuses the pod: the value must be true " +
        "or false",
      fix: `Write ${key}: "true" or "false".`,
    }];
  });
}

function placeOfAnnotations({ job, actor }: { readonly job: JobWithPods; readonly actor: Actor }) {
  const isMade = actor.annotations !== undefined;
  const field = isMade ? `${job.specPath}.containers` : `${job.metadataPath}.annotations`;
  return { object: job.label, field, ...place(job.object, field) };
}
