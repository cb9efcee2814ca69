import { parse } from "yaml";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";

// The workflow runs in CI. These tests check that everything it calls exists here, and that all
// versions are pinned.

const ROOT = new URL("../../", import.meta.url);

// deno-lint-ignore no-explicit-any
async function yaml(path: string): Promise<any> {
  return parse(await Deno.readTextFile(new URL(path, ROOT)));
}

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

const workflow = await yaml(".github/workflows/preflight.yml");
const steps: Step[] = workflow.jobs.kind.steps;
const commands = steps.flatMap(({ run }) => run === undefined ? [] : [run]).join("\n");

Deno.test("workflow: may only read the sources", () => {
  assertEquals(workflow.permissions, { contents: "read" });
  assertEquals(Object.keys(workflow.jobs), ["kind"]);
  assertEquals(workflow.jobs.kind.permissions, undefined);
  assertEquals(steps[0], { ...steps[0], with: { "persist-credentials": false } } as Step);
});

Deno.test("workflow: pins the actions, kind, Deno and the node image", async () => {
  const actions = steps.flatMap(({ uses }) => uses === undefined ? [] : [uses]);
  assert(actions.length > 0);
  for (const action of actions) assertMatch(action, /^actions\/[a-z-]+@[0-9a-f]{40}$/);
  assertEquals(workflow.env.KIND, "v0.33.0");
  assertMatch(workflow.jobs.kind["runs-on"], /^ubuntu-\d\d\.\d\d$/);
  assertEquals(commands.match(/(kind|deno)@(?!\$KIND\b|\$DENO\b)/), null);
  const script = await Deno.readTextFile(new URL(".ci/run", ROOT));
  assert(script.includes(`deno@${workflow.env.DENO}`), "CI uses a different Deno");
  const { nodes } = await yaml("tests/cluster/kind.yaml");
  for (const { image } of nodes) {
    assertMatch(image, /^kindest\/node:v1\.\d+\.\d+@sha256:[0-9a-f]{64}$/);
  }
});

Deno.test("workflow: calls only what exists", async () => {
  const files = [...commands.matchAll(/\btests\/[\w/.-]+/g)].map(([path]) => path);
  assertEquals(files, [
    "tests/cluster/kind.yaml",
    "tests/support/stand_in_image.ts",
    "tests/cluster/acceptance.ts",
  ]);
  for (const file of files) assert((await Deno.stat(new URL(file, ROOT))).isFile);
  assert(commands.includes("--kubeconfig kind.kubeconfig --junit preflight.xml"));
});

Deno.test("kind.yaml: has the address ranges of k3s, and a labelled and tainted node for the jobs", async () => {
  const { nodes, networking } = await yaml("tests/cluster/kind.yaml");
  assertEquals(networking, { podSubnet: "10.42.0.0/16", serviceSubnet: "10.43.0.0/16" });
  // deno-lint-ignore no-explicit-any
  const [control, worker] = nodes.map(({ labels, kubeadmConfigPatches: [patch] }: any) => (
    { labels, ...parse(patch).nodeRegistration }
  ));
  assertEquals(control, { labels: undefined, taints: [] });
  const taint = { key: "robson.io/dedicated", value: "analytics", effect: "NoSchedule" };
  assertEquals(worker, { labels: { "robson.io/pool": "analytics" }, taints: [taint] });
});
