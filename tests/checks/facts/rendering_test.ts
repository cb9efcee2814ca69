import { gatherManifests, type ManifestsFact } from "../../../checks/facts/manifests.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";

// Kustomizations are rendered by the kubectl of this machine, without network access.

const kubectl = await new Deno.Command("kubectl", { args: ["version", "--client"] }).output()
  .then(({ success }) => success, () => false);

/** Declares a test that needs kubectl. Without kubectl, the test fails in CI and is ignored elsewhere. */
function kubectlTest(name: string, fn: () => Promise<void>): void {
  const isMissing = !kubectl;
  Deno.test({
    name: isMissing ? `${name} (kubectl is not installed)` : name,
    ignore: isMissing && Deno.env.get("CI") !== "true",
    fn,
  });
}

const BASE = `apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { day: "2025-12-28" }
---
apiVersion: v1
kind: Namespace
metadata: { name: analytics-jobs }
`;

const PATCH = `apiVersion: v1
kind: Namespace
metadata: { name: analytics-jobs, labels: { name: analytics-jobs } }
`;

/** The manifests of a directory with these files. */
async function gather(
  files: Readonly<Record<string, string>>,
  folder = "",
): Promise<ManifestsFact & { readonly root: string }> {
  const root = await Deno.makeTempDir();
  try {
    for (const [file, text] of Object.entries(files)) {
      await Deno.mkdir(`${root}/${file}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${root}/${file}`, text);
    }
    return { ...await gatherManifests(`${root}${folder}`), root };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const names = ({ objects }: ManifestsFact) =>
  objects.map(({ kind, name, namespace }) =>
    `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`
  ).sort();

for (const name of ["kustomization.yaml", "kustomization.yml", "Kustomization"]) {
  kubectlTest(
    `gatherManifests renders ${name} with its patches, and leaves out the files`,
    async () => {
      const fact = await gather({
        [name]:
          "resources: [base.yaml]\nnamespace: analytics-jobs\npatches: [{path: patch.yaml}]\n",
        "base.yaml": BASE,
        "patch.yaml": PATCH,
        "unlisted.yaml": BASE.replace("settings", "unlisted"),
        "values.yaml": "a: 1\n",
        "jobs/bronze.py": "import os\n",
      });
      assertEquals(fact.problems, []);
      assertEquals(names(fact), ["ConfigMap analytics-jobs/settings", "Namespace analytics-jobs"]);
      const namespace = fact.objects.find(({ kind }) => kind === "Namespace")!;
      assertEquals(namespace.value.metadata, {
        name: "analytics-jobs",
        labels: { name: "analytics-jobs" },
      });
      assertEquals([namespace.file, namespace.line], [name, 1]);
      assertEquals(fact.scripts.filter(({ object }) => !object).map(({ file }) => file), [
        "jobs/bronze.py",
      ]);
      assertEquals(fact.ignored.map(({ file, content }) => `${file}: ${content}`), [
        "patch.yaml: a part of a kustomization",
        `unlisted.yaml: objects that ${name} does not list`,
      ]);
    },
  );
}

kubectlTest(
  "gatherManifests renders an overlay whose base is outside of the directory",
  async () => {
    const files = {
      "base/kustomization.yaml": "resources: [a.yaml]\n",
      "base/a.yaml": BASE,
      "overlays/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: prod-\n",
      "overlays/dev/kustomization.yaml": "resources: [../../base]\nnamePrefix: dev-\n",
    };
    const prod = await gather(files, "/overlays/prod");
    assertEquals(prod.problems, []);
    assertEquals(names(prod), ["ConfigMap prod-settings", "Namespace analytics-jobs"]);
    const both = await gather(files);
    assertEquals(both.problems, []);
    assertEquals(names(both), [
      "ConfigMap dev-settings",
      "ConfigMap prod-settings",
      "Namespace analytics-jobs",
    ]);
  },
);

kubectlTest(
  "gatherManifests checks none of several overlays that declare the same objects",
  async () => {
    const { problems, objects } = await gather({
      "base/kustomization.yaml": "resources: [a.yaml]\n",
      "base/a.yaml": BASE,
      "dev/kustomization.yaml": "resources: [../base]\n",
      "prod/kustomization.yaml": "resources: [../base]\n",
      "other/a.yaml": BASE.replace("settings", "other").replace("name: analytics", "name: other"),
    });
    assertEquals(objects.map(({ file }) => file), ["other/a.yaml", "other/a.yaml"]);
    assertEquals(problems.length, 1);
    assertMatch(problems[0]!.problem, /prod\/kustomization.yaml declare the same objects/);
    assertMatch(problems[0]!.render!, /--manifests .*\/dev$/);
  },
);

kubectlTest("gatherManifests uses a component only where a kustomization lists it", async () => {
  const fact = await gather({
    "kustomization.yaml": "resources: [a.yaml]\ncomponents: [labels]\n",
    "a.yaml": BASE,
    "labels/kustomization.yaml":
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: p.yaml}]\n",
    "labels/p.yaml": PATCH,
    "unused/kustomization.yaml": "resources: [..]\n",
  });
  assertEquals(fact.problems, []);
  assertEquals(fact.objects.length, 2);
  assertEquals(fact.ignored.map(({ file }) => file), [
    "labels/p.yaml",
    "unused/kustomization.yaml",
  ]);
});

kubectlTest(
  "gatherManifests reports what kustomize refuses, such as a file outside of the folder",
  async () => {
    const refused = {
      outside: "resources: [../a.yaml]\n",
      "field": "resources: [b.yaml]\nresource: [b.yaml]\n",
      "patch": "resources: [b.yaml]\npatches: [{path: missing.yaml}]\n",
    };
    for (const [name, text] of Object.entries(refused)) {
      const { problems } = await gather(
        { "a.yaml": BASE, "k/b.yaml": BASE, "k/kustomization.yaml": text },
        "/k",
      );
      assertEquals(problems.length, 1, name);
      assertMatch(problems[0]!.problem, /^kubectl cannot render the kustomization: /);
      assertEquals(problems[0]!.render, undefined);
    }
  },
);

/** Kustomizations that need the network. None of them is rendered. */
const REMOTE = [
  "resources: ['https://github.com/kubernetes-sigs/kustomize//examples/multibases?ref=v1.0.6']",
  "resources: [github.com/kubernetes-sigs/kustomize/examples/multibases?ref=v1.0.6]",
  "resources: ['git@github.com:owner/repository.git']",
  "resources: ['https://user:Hunter2@example.com/owner/repository']",
  "resources: ['https://raw.githubusercontent.com/owner/repository/main/a.yaml']",
  "bases: ['ssh://git@example.com/owner/repository.git']",
  "components: ['git::https://example.com/owner/repository']",
  "resources: [example.com/owner/repository]",
  "resources: [a.yaml]\npatches: [{path: 'https://example.com/patch.yaml'}]",
  "resources: [a.yaml]\nconfigMapGenerator: [{name: a, files: ['a=https://example.com/a']}]",
  "resources: [a.yaml]\nopenapi: {path: 'https://example.com/schema.json'}",
  "resources: [base]",
  "helmCharts: [{name: a, repo: 'https://example.com/charts'}]",
];

for (const text of REMOTE) {
  Deno.test(`gatherManifests does not render what it would have to download: ${text}`, async () => {
    const { problems, objects } = await gather({
      "kustomization.yaml": `${text}\n`,
      "a.yaml": BASE,
      "base/kustomization.yaml": "resources: ['https://example.com/owner/repository']\n",
    });
    assertEquals(problems.length, 1);
    const [{ problem, render }] = problems as [typeof problems[0]];
    assertMatch(problem, /was not rendered, and its files were checked as they are/);
    assertMatch(render!, /kustomize build .* \| deno task preflight --manifests -$/);
    assert(!problem.includes("Hunter2"));
    assertEquals(objects.length, 2);
  });
}

Deno.test("gatherManifests reports a resource that does not exist", async () => {
  const { problems } = await gather({ "kustomization.yaml": "resources: [gone.yaml]\n" });
  assertEquals(problems.map(({ problem, render }) => [problem, render]), [
    ["kustomize fails: resources names gone.yaml, which does not exist", undefined],
  ]);
});

Deno.test("gatherManifests reads a Kustomization of Flux as an object", async () => {
  const { problems, objects } = await gather({
    "kustomization.yaml":
      "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\n",
  });
  assertEquals([problems, objects.map(({ kind }) => kind)], [[], ["Kustomization"]]);
});

for (const expression of ["{{ image }}", "${IMAGE}", "ghcr.io/acme/etl:${TAG:-1}", "{% raw %}"]) {
  Deno.test(`gatherManifests takes an object with the image ${expression} for a template`, async () => {
    const pod = `spec: { containers: [{ name: a, image: "${expression}" }] }\n`;
    const text = `apiVersion: v1\nkind: Pod\nmetadata: { name: a }\n${pod}`;
    const { problems } = await gather({ "pod.yaml": text });
    assertEquals(problems.map(({ problem }) => problem), [
      `the file is a template: the placeholder ${
        expression.replace("ghcr.io/acme/etl:", "")
      } was not filled in, so not judged: Pod a`,
    ]);
    const argo = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: { name: a }\n" +
      `spec: { templates: [{ name: a, container: { image: "${expression}" } }] }\n`;
    assertEquals((await gather({ "workflow.yaml": argo })).problems, []);
  });
}

for (
  const spec of [
    "podSelector: { matchLabels: { app: '${APP}' } }",
    "podSelector: { matchExpressions: [{ key: a, operator: In, values: ['${APP}'] }] }",
    "podSelector: {}, egress: [{ ports: [{ port: '${PORT}' }] }]",
    "podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: '${IP}/32' } }] }]",
  ]
) {
  Deno.test(`gatherManifests takes a policy with an expression for a template: ${spec}`, async () => {
    const text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" +
      `metadata: { name: a, annotations: { note: '${"$"}{NOTE}' } }\nspec: { ${spec} }\n`;
    const { problems } = await gather({ "policy.yaml": text });
    assertMatch(
      problems[0]!.problem,
      /^the file is a template: the placeholder .* NetworkPolicy a$/,
    );
    const filled = text.replace(/'\$\{(APP|PORT)\}'/, "http").replace("${IP}", "10.0.0.1");
    assertEquals((await gather({ "policy.yaml": filled })).problems, []);
  });
}

Deno.test("gatherManifests takes texts with expressions in data and annotations for YAML", async () => {
  const head = (kind: string) =>
    `apiVersion: v1\nkind: ${kind}\nmetadata: { name: a, annotations: { port: "\${P}" } }\n`;
  const texts = [
    head("ConfigMap") + 'data: { port: "${PG_PORT}", cidr: "{{ cidr }}", labels: "${L}" }\n',
    head("Secret") + 'stringData: { port: "${PG_PORT}" }\n',
  ];
  for (const text of texts) assertEquals((await gather({ "a.yaml": text })).problems, []);
});

Deno.test("gatherManifests takes an object whose name envsubst fills in for a template", async () => {
  const text = "apiVersion: v1\nkind: Namespace\nmetadata: { name: '${NAME}' }\n";
  const { problems } = await gather({ "namespace.yaml": text });
  assertEquals(problems.map(({ problem }) => problem), [
    "the file is a template: the placeholder ${NAME} was not filled in, so not judged: Namespace ${NAME}",
  ]);
  const script = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { a: '${A}' }\n";
  assertEquals((await gather({ "script.yaml": script })).problems, []);
});

Deno.test("gatherManifests reports a Helm chart once, and reads its files without expressions", async () => {
  const template = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n";
  const chart = {
    "chart/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n",
    "chart/values.yaml": "a: 1\n",
    "chart/templates/a.yaml": template,
    "chart/templates/b.yaml": template,
    "chart/charts/inner/Chart.yaml": "apiVersion: v2\nname: b\nversion: 1.0.0\n",
    "chart/charts/inner/templates/c.yaml": template,
    "chart/templates/static.yaml": PATCH,
  };
  const fact = await gather({ ...chart, "other.yaml": BASE });
  assertEquals(fact.problems.map(({ file }) => file), ["chart"]);
  assertMatch(fact.problems[0]!.problem, /Helm chart was not rendered/);
  assertEquals(
    fact.problems[0]!.render,
    `Render it, and check the result: helm template ${fact.root}/chart | ` +
      "deno task preflight --manifests -",
  );
  assertEquals(fact.ignored.map(({ file }) => file), [
    "chart/Chart.yaml",
    "chart/charts/inner/Chart.yaml",
    "chart/values.yaml",
  ]);
  const top = await gather(chart, "/chart");
  assertEquals(top.problems.map(({ file }) => file), ["Chart.yaml"]);
});
