import { fieldNamedIn } from "../../../../checks/preflight/manifests/refused_field.ts";
import { assertEquals } from "../../../support/assert.ts";

// Messages of a real API server, version 1.34, and the field of the manifest that each is about.

const JOB = {
  spec: {
    template: {
      spec: {
        containers: [
          { name: "other" },
          { name: "driver", ports: [{ containerPort: 1 }, { containerPort: 2, protocol: "TCP" }] },
        ],
      },
    },
  },
};

const SAID: readonly (readonly [problem: string, field: string])[] = [
  [
    'NetworkPolicy.networking.k8s.io "x" is invalid: spec.egress[0].ports[0].port: Invalid value: ' +
    "70000: must be between 1 and 65535, inclusive",
    "spec.egress[0].ports[0].port",
  ],
  [
    'NetworkPolicy.networking.k8s.io "x" is invalid: [spec.policyTypes[0]: Unsupported value: ' +
    '"Ingres": supported values: "Ingress", "Egress", spec.x: Required value]',
    "spec.policyTypes[0]",
  ],
  [
    'Job.batch "x" is invalid: spec.template.spec.containers[1].image: Required value',
    "spec.template.spec.containers[1].image",
  ],
  [
    "failed to create typed patch object (analytics-jobs/x; batch/v1, Kind=Job): " +
    '.spec.template.spec.containers[name="driver"].imag: field not declared in schema',
    "spec.template.spec.containers[1].imag",
  ],
  [
    "failed to create typed patch object (analytics-jobs/x; batch/v1, Kind=Job): .spec.template.spec" +
    '.containers[name="driver"].ports[containerPort=2,protocol="TCP"].x: field not declared in schema',
    "spec.template.spec.containers[1].ports[1].x",
  ],
  [
    "failed to create typed patch object (analytics-jobs/x; batch/v1, Kind=Job): " +
    '.spec.template.spec.containers[name="gone"].imag: field not declared in schema',
    "spec.template.spec.containers",
  ],
  [
    "failed to create typed patch object (a/x; v1, Kind=X): .spec.egress: expected list, got &{a}",
    "spec.egress",
  ],
  [
    'Secret "x" is invalid: data[a b]: Invalid value: "a b": a valid config key must consist of …',
    "data",
  ],
  ['pods "x" is forbidden: exceeded quota: analytics-jobs, requested: pods=1, used: pods=10', ""],
  ['there is no kind "SparkApplication" in "sparkoperator.k8s.io/v1beta2"', ""],
  ["", ""],
];

for (const [problem, field] of SAID) {
  Deno.test(`refused_field: ${field || "no field"} is named in: ${problem.slice(0, 90)}`, () => {
    assertEquals(fieldNamedIn(problem, JOB), field);
  });
}
