import type { ClusterOpened } from "../../../../checks/facts/cluster.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { judgeSecrets } from "../../../../checks/preflight/secrets/secret_escaping.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { CLUSTER } from "../../healthy/cluster.ts";

const MAP = `apiVersion: v1
kind: ConfigMap
metadata: { name: spark-settings, namespace: analytics-jobs }
data: { MODE: x }
binaryData: { logo: AA== }
---
`;

const judge = (fields: string, cluster?: ClusterOpened, before = "") => {
  const text = `${before}apiVersion: v1
kind: Pod
metadata: { name: p, namespace: analytics-jobs }
spec:
${fields}
`;
  const fact = { ...readFile("a.yaml", text), directory: "manifests", files: 1 };
  const { unchecked = [], findings } = judgeSecrets(treeOf(fact), cluster)!;
  return {
    unchecked,
    findings: findings.map(({ severity, object, field, problem }) =>
      `${severity} ${object} ${field}: ${problem}`
    ),
  };
};

const container = (fields: string) => `  containers: [{ name: a, image: a, ${fields} }]`;
const volume = (fields: string) =>
  `  containers: [{ name: a, image: a }]\n  volumes: [{ name: v, ${fields} }]`;

/** The ways to read an object, and the kind of the object. */
const READS = [
  [container("envFrom: [{ configMapRef: { name: OBJECT } }]"), "ConfigMap"],
  [
    container(
      "env: [{ name: A, valueFrom: { configMapKeyRef: { name: OBJECT, key: MODE } } }]",
    ),
    "ConfigMap",
  ],
  [volume("configMap: { name: OBJECT }"), "ConfigMap"],
  [volume("configMap: { name: OBJECT, items: [{ key: MODE, path: a }] }"), "ConfigMap"],
  [volume("projected: { sources: [{ configMap: { name: OBJECT } }] }"), "ConfigMap"],
  [volume("persistentVolumeClaim: { claimName: OBJECT }"), "PersistentVolumeClaim"],
] as const;

Deno.test("judgeSecrets names objects that no manifest declares, and that can be in the cluster", () => {
  for (const [fields, kind] of READS) {
    const { unchecked, findings } = judge(fields.replace("OBJECT", "other"));
    assertEquals(findings, []);
    assertStringIncludes(
      unchecked.join(),
      `not in the manifests, so not checked: ${kind} analytics-jobs/other`,
    );
  }
});

Deno.test("judgeSecrets fails for objects that neither the manifests nor the cluster have", () => {
  for (const [fields, kind] of READS) {
    const { findings } = judge(fields.replace("OBJECT", "other"), CLUSTER);
    assertEquals(findings, [
      `fail ${kind} analytics-jobs/other undefined: the ${kind} does not exist, and ` +
      "Pod analytics-jobs/p needs it",
    ]);
  }
});

Deno.test("judgeSecrets does not judge claims that the user may not read", () => {
  const { failure } = {
    failure: { message: "forbidden" } as ClusterOpened["unread"][0]["failure"],
  };
  const unread = [{ kind: "PersistentVolumeClaim", namespace: "analytics-jobs", failure }];
  const claim = volume("persistentVolumeClaim: { claimName: other }");
  const { findings, unchecked } = judge(claim, { ...CLUSTER, unread });
  assertEquals(findings, []);
  assertStringIncludes(unchecked.join(), "not checked: PersistentVolumeClaim analytics-jobs/other");
});

Deno.test("judgeSecrets accepts declared objects, optional ones, and those of Kubernetes and of tools", () => {
  for (const [fields, kind] of READS) {
    if (kind === "ConfigMap") {
      const { findings, unchecked } = judge(
        fields.replace("OBJECT", "spark-settings"),
        CLUSTER,
        MAP,
      );
      assertEquals([findings, unchecked], [[], []]);
    }
  }
  for (
    const fields of [
      container("envFrom: [{ configMapRef: { name: other, optional: true } }]"),
      volume("configMap: { name: other, optional: true }"),
      volume("configMap: { name: kube-root-ca.crt }"),
      volume("configMap: { name: '$(NAME)' }"),
      container(
        "env: [{ name: A, valueFrom: { configMapKeyRef: { name: spark-settings, key: logo } } }]",
      ),
    ]
  ) assertEquals(judge(fields, CLUSTER, MAP).findings, []);
});

Deno.test("judgeSecrets fails for a key that the ConfigMap does not have", () => {
  const problem = "ConfigMap analytics-jobs/spark-settings has no key MODUS; it has MODE, logo";
  for (
    const [fields, field] of [
      [
        container(
          "env: [{ name: A, valueFrom: { configMapKeyRef: { name: spark-settings, key: MODUS } } }]",
        ),
        "spec.containers[0].env[0].valueFrom.configMapKeyRef",
      ],
      [
        volume(
          "projected: { sources: [{ configMap: { name: spark-settings, items: [{ key: MODUS, path: a }] } }] }",
        ),
        "spec.volumes[0].projected.sources[0].configMap.items[0]",
      ],
    ] as const
  ) {
    assertEquals(judge(fields, undefined, MAP).findings, [
      `fail Pod analytics-jobs/p ${field}: ${problem}`,
    ]);
  }
});

Deno.test("judgeSecrets warns about a name that is similar to an object that no workload reads", () => {
  const read = (name: string) => container(`envFrom: [{ configMapRef: { name: ${name} } }]`);
  assertEquals(judge(read("spark-setings"), undefined, MAP).findings, [
    "warn Pod analytics-jobs/p spec.containers[0].envFrom[0].configMapRef: the manifests have no " +
    "ConfigMap spark-setings; did you mean spark-settings?",
  ]);
  const secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: database, namespace: " +
    "analytics-jobs }\nstringData: { A: abcd }\n---\n";
  assertEquals(
    judge(container("envFrom: [{ secretRef: { name: databse } }]"), undefined, secret).findings,
    [
      "warn Pod analytics-jobs/p spec.containers[0].envFrom[0].secretRef: the manifests have no " +
      "Secret databse; did you mean database?",
    ],
  );
});

Deno.test("judgeSecrets warns about a similar name of a pull secret", () => {
  const secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: registry, namespace: " +
    "analytics-jobs }\nstringData: { A: abcd }\n---\n";
  const pod = (name: string) =>
    `  imagePullSecrets: [{ name: ${name} }]\n  containers: [{ name: a, image: a }]`;
  assertEquals(judge(pod("registy"), undefined, secret).findings, [
    "warn Pod analytics-jobs/p spec.imagePullSecrets[0].name: the manifests have no Secret " +
    "registy; did you mean registry?",
  ]);
  assertEquals(judge(pod("registry"), undefined, secret).findings, []);
  const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: a, namespace: " +
    "analytics-jobs }\nimagePullSecrets: [{ name: registri }]\n---\n";
  assertEquals(judge(container("tty: true"), undefined, secret + account).findings, [
    "warn ServiceAccount analytics-jobs/a imagePullSecrets[0].name: the manifests have no Secret " +
    "registri; did you mean registry?",
  ]);
});

Deno.test("judgeSecrets does not warn about similar names that differ on purpose", () => {
  const numbered = MAP.replace("spark-settings", "settings-1");
  const one = container("envFrom: [{ configMapRef: { name: settings-2 } }]");
  assertEquals(judge(one, undefined, numbered).findings, []);
  const both = container(
    "envFrom: [{ configMapRef: { name: spark-settings } }, { configMapRef: { name: spark-setting } }]",
  );
  assertEquals(judge(both, undefined, MAP).findings, []);
});
