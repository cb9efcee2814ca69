import { assertEquals, assertMatch, assertNotMatch } from "../../../support/assert.ts";
import { namespaceLabels } from "../../../../checks/preflight/network/namespace_labels.ts";
import { ACCESS, factOf, FILES, judgeFiles } from "../../healthy/manifests.ts";

const ID = "manifests-readable";
const NAMESPACE_FILE = "00-namespace.yaml";
const findings = async (files: Record<string, string>) => {
  const result = (await judgeFiles(files)).find(({ id }) => id === ID)!;
  return result.findings.map(({ object, line, problem }) => ({ object, line, problem }));
};

Deno.test("manifests-readable reports the file and line of broken YAML, and judges other files", async () => {
  const [finding, ...others] = await findings({ ...FILES, "x.yaml": "kind: Pod\napiVersion: [\n" });
  assertEquals(others, []);
  assertEquals([finding!.object, typeof finding!.line], ["manifests/x.yaml", "number"]);
  const results = await judgeFiles({ ...FILES, "x.yaml": "kind: Pod\napiVersion: [\n" });
  assertEquals(results.filter(({ verdict }) => verdict === "fail").map(({ id }) => id), [ID]);
});

Deno.test("manifests-readable fails for a text among objects, and for an alias without an anchor", async () => {
  const pod = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n";
  const [scalar] = await findings({ ...FILES, "x.yaml": `${pod}Hunter2\n` });
  assertEquals([scalar!.line, scalar!.problem], [5, "not a Kubernetes object, but a text"]);
  const [alias] = await findings({ ...FILES, "x.yaml": "kind: *missing\n" });
  assertEquals(alias!.object, "manifests/x.yaml");
});

for (
  const spec of [
    "spec: {}",
    "spec: {template: {}}",
    "spec: {template: {spec: {containers: []}}}",
    "spec: 5",
  ]
) {
  Deno.test(`manifests-readable fails for a Job without containers: ${spec}`, async () => {
    const job = `apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\n${spec}\n`;
    assertEquals(await findings({ ...FILES, "x.yaml": job }), [
      {
        object: "Job x",
        line: spec === "spec: 5" ? 4 : 4,
        problem: "the pod template has no containers",
      },
    ]);
  });
}

for (
  const [requests, id] of [
    ["memroy: 2Gi", ID],
    ["memory: -2Gi", ID],
    ['{memory: 2Gi, "nvidia.com/gpu": 500m}', ID],
    ["memory: 2Gx", "quota-fit"],
    ["memory: 9Gi", "quota-fit"],
  ] as const
) {
  Deno.test(`${id} alone fails for the resources of a job: ${requests}`, async () => {
    const file = "50-bronze-ingest.yaml";
    const written = requests.startsWith("{") ? requests : `{${requests}}`;
    const job = FILES[file]!.replace(
      /requests:\n +cpu: "1"\n +memory: 2Gi/,
      `requests: ${written}`,
    );
    const results = await judgeFiles({ ...FILES, [file]: job });
    const failed = results.filter(({ verdict }) => verdict === "fail").map((each) => each.id);
    assertEquals(failed, [id]);
  });
}

Deno.test("manifests-readable names the version to use, also for a CronJob without containers", async () => {
  const job = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: x}\n";
  const [found] = await findings({ ...FILES, "x.yaml": job });
  assertEquals(found?.problem, "batch/v1beta1 of CronJob was removed in Kubernetes 1.25");
});

Deno.test("manifests-readable fails for a broken file, and no other check reports its objects as missing", async () => {
  const results = await judgeFiles({ ...FILES, [ACCESS]: "kind: [\n" });
  const told = results.filter(({ verdict }) => verdict !== "pass");
  assertEquals(told.map(({ id, verdict }) => [id, verdict]), [
    [ID, "fail"],
    ["service-account", "skip"],
    ["rbac", "skip"],
  ]);
  const nothing = await judgeFiles({ "x.yaml": "kind: [\n" });
  for (const { id, verdict } of nothing) {
    assertEquals([id, verdict], [
      id,
      id === ID ? "fail" : id === "table-name" ? "error" : "skip",
    ]);
  }
});

/** Files with another purpose, with what the report says about them. */
const OTHER_FILES: readonly (readonly [file: string, text: string, content: string])[] = [
  ["values.yaml", "image:\n  tag: 3\n", "fields without apiVersion and kind"],
  ["Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n", "a Helm chart's Chart.yaml"],
  [
    "docker-compose.yml",
    "services:\n  db: {image: postgres}\n",
    "fields without apiVersion and kind",
  ],
  ["ci.yml", "on: [push]\njobs: {a: {steps: [{run: '${{ x }}'}]}}\n", "fields without apiVersion"],
  ["vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n6364\n", "an encrypted file of Ansible Vault"],
  ["password.yaml", "Hunter2\n", "a text"],
  ["passwords.yaml", "- Hunter2\n", "a list"],
  ["pin.yaml", "12345678\n", "a number"],
  ["tsconfig.json", '{\n// comment\n"a": [1,\n}\n', "no JSON, and no apiVersion and kind"],
  ["package.json", '{"name": "a", "version": "1.0.0"}', "fields without apiVersion and kind"],
  ["video.json", '{"kind": "youtube#video", "id": 1}', "fields without apiVersion"],
  ["datasource.yaml", "apiVersion: 1\ndatasources: []\n", "fields without apiVersion and kind"],
  ["kubeconfig.yaml", "apiVersion: v1\nkind: Config\nclusters: []\n", "a kubeconfig"],
  ["kind.yaml", "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n", "a Cluster of a tool"],
  [
    "catalog-info.yaml",
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: a}\n",
    "a Component of a tool",
  ],
];

for (const [file, text, content] of OTHER_FILES) {
  Deno.test(`manifests-readable lists a file with another purpose: ${file}`, async () => {
    const results = await judgeFiles({ ...FILES, [file]: text });
    assertEquals(results.filter(({ verdict }) => verdict === "fail" || verdict === "error"), []);
    const { verdict, examined = "" } = results.find(({ id }) => id === ID)!;
    assertEquals(verdict, "pass");
    assertMatch(examined, new RegExp(`manifests/${file}.*\\(${content}`));
    assertNotMatch(JSON.stringify(results), /Hunter2|12345678/);
  });
}

/** Files with a mistake, which are not taken for files with another purpose. */
const CONFIG_MAP = JSON.stringify({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a" },
});

const MISTAKES: readonly (readonly [name: string, text: string])[] = [
  ["without kind", "apiVersion: v1\nmetadata: {name: a}\n"],
  ["without apiVersion", "kind: Pod\nmetadata: {name: a}\nspec: {}\n"],
  ["without both", "metadata: {name: a}\nspec: {}\n"],
  ["with a wrong name of the field", "apiVersion: batch/v1\nKind: Job\nmetadata: {name: a}\n"],
  ["with broken YAML", "apiVersion: v1\nkind: Pod\nmetadata: [\n"],
  ["with broken JSON", '{"apiVersion": "v1", "kind": "Pod", "metadata": [}'],
  ["that is broken before its kind", "a: [b"],
  ["that is a password with an asterisk", "*Hunter2\n"],
  ["with kind alone", "kind: Pod\n"],
  ["in braces that is no JSON", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"],
  ["with a comma before a brace", `${CONFIG_MAP.slice(0, -1)},}`],
  ["after one in JSON and ---", `${CONFIG_MAP}\n---\n${CONFIG_MAP.replace(`"a"`, `"b"`)}`],
  ["with a text in a list", "apiVersion: v1\nkind: List\nitems: [a]\n"],
];

Deno.test("manifests-readable reads files of several objects in JSON", async () => {
  const two = `${CONFIG_MAP}\n${CONFIG_MAP.replace('"a"', '"b"')}`;
  for (const text of [two, `\n${CONFIG_MAP}\n`]) {
    assertEquals(await findings({ ...FILES, "x.yaml": text }), []);
  }
});

for (const [name, text] of MISTAKES) {
  Deno.test(`manifests-readable fails for an object ${name}`, async () => {
    const found = await findings({ ...FILES, "x.yaml": text });
    assertEquals(found.length, 1);
    assertNotMatch(JSON.stringify(found), /Hunter2/);
  });
}

Deno.test("manifests-readable reads the items of lists, and JSON", async () => {
  const item = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };
  const list = (items: unknown) => JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const before = (await judgeFiles(FILES))[0]!.examined!;
  const count = (text: string) => Number(/^\d+/.exec(text)![0]);
  for (const [text, more] of [[list([item]), 1], [list([]), 0], [list(null), 0]] as const) {
    const [result] = await judgeFiles({ ...FILES, "x.json": text });
    assertEquals([result!.verdict, count(result!.examined!)], ["pass", count(before) + more]);
  }
});

/** Templates that must be rendered first. */
const TEMPLATES: readonly (readonly [name: string, text: string, command: RegExp])[] = [
  ["control lines", "{{- if .Values.a }}\nkind: Pod\n{{- end }}\n", /helm template/],
  [
    "a value",
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {x: "{{ .Values.x }}"}\n',
    /helm/,
  ],
  ["a name", 'apiVersion: v1\nkind: Pod\nmetadata: {name: "{{ name }}"}\n', /sed 's\/\{\{ name/],
  [
    "Jinja",
    "apiVersion: v1\nkind: Pod\n{% if a %}\nmetadata: {name: {{ a }}}\n{% endif %}\n",
    /<command>/,
  ],
];

for (const [name, text, command] of TEMPLATES) {
  Deno.test(`manifests-readable is an error for a template with ${name}`, async () => {
    const { verdict, reason = "" } = (await judgeFiles({ ...FILES, "x.yaml": text }))[0]!;
    assertEquals(verdict, "error");
    assertMatch(reason, /^manifests\/x.yaml: the file is a template/);
    assertMatch(reason, command);
    assertMatch(reason, /\| deno task preflight --manifests -/);
  });
}

Deno.test("manifests-readable reads expressions of other tools in the texts of objects", async () => {
  for (
    const text of [
      "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: a}\nspec: {a: '{{inputs.b}}'}\n",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: |\n    {{ if .Labels }}{{ end }}\n",
    ]
  ) assertEquals((await judgeFiles({ ...FILES, "x.yaml": text }))[0]!.verdict, "pass");
});

const NAMESPACE = (labels: string) =>
  `apiVersion: v1\nkind: Namespace\nmetadata: {name: analytics-jobs, labels: {${labels}}}\n`;
const CONFIG = (namespace: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a${namespace}}\n`;

/** Two declarations of one object. */
const DUPLICATES: readonly (readonly [name: string, text: string, again: string])[] = [
  ["a Namespace", NAMESPACE("name: analytics-jobs"), NAMESPACE("name: analytics-jobs")],
  ["a ConfigMap", CONFIG(""), CONFIG("")],
  ["a ConfigMap in the namespace default", CONFIG(""), CONFIG(", namespace: default")],
  [
    "a NetworkPolicy of another version",
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n",
    "apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n",
  ],
];

for (const [name, text, again] of DUPLICATES) {
  Deno.test(`manifests-readable warns about two declarations of ${name}`, async () => {
    const found = await findings({ ...FILES, "x.yaml": text, "y.yaml": `# again\n${again}` });
    const problem = "the object is declared again in manifests/y.yaml:2";
    assertEquals(found.at(-1)!.problem, problem);
    const inOne = await findings({ ...FILES, "x.yaml": `${text}---\n${again}` });
    assertMatch(inOne.at(-1)!.problem, /declared again in manifests\/x.yaml:/);
  });
}

Deno.test("manifests-readable takes objects of two namespaces, kinds or groups for two objects", async () => {
  const policy = "kind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n";
  const all = [
    CONFIG(""),
    CONFIG(", namespace: other"),
    CONFIG("").replace("ConfigMap", "Secret"),
    `apiVersion: networking.k8s.io/v1\n${policy}`,
    `apiVersion: crd.projectcalico.org/v1\n${policy}`,
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: b-}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: b-}\n",
  ];
  assertEquals(await findings({ ...FILES, "x.yaml": all.join("---\n") }), []);
});

const SELECTS_BY_LABEL = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: within, namespace: analytics-jobs }
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{ to: [{ namespaceSelector: { matchLabels: { name: analytics-jobs } } }] }]
`;

Deno.test("manifests-readable: other checks judge only the last declaration of an object", () => {
  const { [NAMESPACE_FILE]: _, ...rest } = FILES;
  const judge = (first: string, last: string) => {
    const namespaces = { "00-a.yaml": NAMESPACE(first), "99-b.yaml": NAMESPACE(last) };
    const fact = factOf({ ...rest, ...namespaces, "98-select.yaml": SELECTS_BY_LABEL });
    const outcome = namespaceLabels.run({ manifests: fact });
    return "findings" in outcome ? outcome.findings.map(({ file }) => file) : outcome;
  };
  assertEquals(judge("name: analytics-jobs", ""), ["manifests/99-b.yaml"]);
  assertEquals(judge("", "name: analytics-jobs"), []);
});
