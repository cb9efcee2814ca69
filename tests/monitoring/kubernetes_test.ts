import { parse, parseAllDocuments } from "yaml";
import { openApi } from "../cluster/api.ts";
import { bringTo } from "../cluster/state.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { ROOT, runTask } from "../support/task.ts";
import { apply, directoryOf } from "../tasks/apply/setup.ts";

// The exporter in a cluster: judged by preflight next to the other manifests, and applied to a real
// API server, which has no kinds of the Prometheus Operator.

const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const EXPORTER = read("monitoring/kubernetes/exporter.yaml");
const OPERATOR = read("monitoring/operator/prometheus.yaml");

// deno-lint-ignore no-explicit-any
type Manifest = any;

/** The text of all manifests of the repository. */
const MANIFESTS = [...Deno.readDirSync(new URL("manifests/", ROOT))].map(({ name }) => name)
  .filter((name) => name.endsWith(".yaml")).sort().map((name) => read(`manifests/${name}`));

const [deployment, service, policy]: Manifest[] = parseAllDocuments(EXPORTER)
  .map((document) => document.toJS());

interface Report {
  readonly results: readonly {
    readonly id: string;
    readonly verdict: string;
    readonly findings: readonly { readonly object: string }[];
  }[];
}

/** Runs preflight on all manifests and a text. Returns the checks that fail because of the exporter. */
async function failures(exporter: string): Promise<readonly string[]> {
  await using folder = await directoryOf(...MANIFESTS, exporter);
  const flags = ["--manifests", folder.path, "--facts", "manifests", "--output", "json"];
  const { stdout } = await runTask("preflight", flags);
  const { results }: Report = JSON.parse(stdout);
  return results.filter(({ verdict, findings }) =>
    verdict === "fail" && JSON.stringify(findings).includes("deep-storage-exporter")
  ).map(({ id }) => id).sort();
}

Deno.test("exporter.yaml: preflight judges the Deployment with the other manifests, and finds its faults", async () => {
  assertEquals(await failures(EXPORTER), []);
  const faults = {
    "egress-policy": EXPORTER.replaceAll("app: deep-storage\n", "app: other\n"),
    "quota-fit": EXPORTER.replace("cpu: 500m", 'cpu: "4"').replace("cpu: 100m", 'cpu: "4"'),
    "node-pool": EXPORTER.replace("robson.io/pool: analytics", "robson.io/pool: other"),
  };
  for (const [id, text] of Object.entries(faults)) {
    const found = await failures(text);
    assert(found.includes(id), `${id} is not in ${found.join(", ")}`);
  }
});

Deno.test("exporter.yaml: the ports and labels of the Deployment, the Service and the policy agree", () => {
  const { labels } = deployment.spec.template.metadata;
  const [container] = deployment.spec.template.spec.containers;
  const [port] = container.ports;
  assert(container.args.includes(`--listen=0.0.0.0:${port.containerPort}`));
  assertEquals([service.spec.ports[0].port, service.spec.ports[0].targetPort], [
    port.containerPort,
    port.name,
  ]);
  assertEquals(policy.spec.ingress[0].ports, [{ protocol: "TCP", port: port.containerPort }]);
  for (const selector of [service.spec.selector, policy.spec.podSelector.matchLabels]) {
    assertEquals(selector, labels);
  }
  assertEquals(deployment.spec.selector.matchLabels, labels);
  assertEquals(deployment.spec.template.spec.automountServiceAccountToken, false);
});

Deno.test("prometheus.yaml: the rules are those of alerts.yaml, and the monitor selects the Service", () => {
  const [monitor, rules]: Manifest[] = parseAllDocuments(OPERATOR).map((each) => each.toJS());
  assertEquals(rules.kind, "PrometheusRule");
  assertEquals(rules.spec, parse(read("monitoring/alerts.yaml")));
  assertEquals(monitor.spec.selector.matchLabels, service.metadata.labels);
  assertEquals(monitor.spec.endpoints[0].port, service.spec.ports[0].name);
  // The alert about the exporter names the job.
  assertEquals(service.metadata.labels[monitor.spec.jobLabel], "deep-storage");
});

clusterTest(
  "apply: adds the exporter to the cluster, and refuses the operator's file without its kinds",
  async () => {
    await bringTo(controlPlane(), []);
    assertEquals((await apply("--yes")).code, 0);
    await using folder = await directoryOf(EXPORTER);
    const { code, stdout, stderr } = await apply("--manifests", folder.path, "--yes");
    assertEquals([code, stderr], [0, ""], stdout);
    using api = openApi(controlPlane().admin);
    const path = "/apis/apps/v1/namespaces/analytics-jobs/deployments/deep-storage-exporter";
    const response = await api.send("GET", path);
    assertEquals((await response.json()).spec.template.spec.containers[0].name, "toolkit");
    const again = await apply("--manifests", folder.path, "--yes");
    assertStringIncludes(again.stdout, "nothing");

    await using operator = await directoryOf(OPERATOR);
    const refused = await apply("--manifests", operator.path, "--yes");
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.stdout + refused.stderr, "PrometheusRule");
    await api.send("DELETE", path).then((each) => each.body?.cancel());
  },
);
