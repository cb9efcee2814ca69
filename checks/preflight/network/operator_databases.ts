import { fieldsIn } from "../../kubernetes/fields.ts";
import type { Labels } from "../../kubernetes/metadata.ts";
import { groupOf } from "../../kubernetes/workloads.ts";
import type { Network } from "./job_network.ts";
import type { ServiceName } from "./service_host.ts";

/** The objects from which operators make Postgres, by API group and kind. */
const OPERATORS: readonly {
  readonly group: string;
  readonly kind: string;
  /** The ends of the names of the Services that the operator makes. */
  readonly services: readonly string[];
  /** The label of the pods with the name of the object as value. */
  readonly label: string;
}[] = [
  {
    group: "postgresql.cnpg.io",
    kind: "Cluster",
    services: ["-rw", "-ro", "-r"],
    label: "cnpg.io/cluster",
  },
  { group: "postgresql.cnpg.io", kind: "Pooler", services: [""], label: "cnpg.io/poolerName" },
  { group: "acid.zalan.do", kind: "postgresql", services: ["", "-repl"], label: "cluster-name" },
  {
    group: "postgres-operator.crunchydata.com",
    kind: "PostgresCluster",
    services: ["-primary", "-replicas", "-pgbouncer", "-ha"],
    label: "postgres-operator.crunchydata.com/cluster",
  },
];

/**
 * The known labels of the pods behind a Service that an operator makes from an object of the manifests.
 *
 * @returns undefined if no object of an operator makes the Service
 */
export function operatorPods(
  { manifests }: Pick<Network, "manifests">,
  { name, namespace }: ServiceName,
): Labels | undefined {
  for (const { group, kind, services, label } of OPERATORS) {
    const found = manifests.objects.find((each) =>
      each.kind === kind && each.namespace === namespace && groupOf(each.apiVersion) === group &&
      services.some((end) => `${each.name}${end}` === name)
    );
    if (found === undefined) continue;
    const { inheritedMetadata } = fieldsIn(found.value.spec);
    const inherited = Object.entries(fieldsIn(fieldsIn(inheritedMetadata).labels))
      .map(([key, value]) => [key, String(value)] as const);
    return new Map([...inherited, [label, found.name]]);
  }
  return undefined;
}
