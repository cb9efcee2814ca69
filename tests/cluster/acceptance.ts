import type { Cluster, KubeObject } from "../../pipeline/cluster/cluster.ts";
import { openCluster } from "../../pipeline/cluster/open.ts";
import { Failure } from "../../pipeline/errors.ts";
import { runCommand } from "../../tasks/main.ts";
import { print, showStatus } from "../../tasks/cli/terminal.ts";
import { notedIn } from "../drill/outcome.ts";
import { copyFolder } from "../drill/parts/manifests.ts";
import { guardedFolder } from "../support/guarded_folder.ts";
import { saveStandIn } from "../support/stand_in_image.ts";
import { runTask } from "../support/task.ts";
import { theWholeSetup } from "./setup.ts";
import { until } from "./until.ts";

const MANIFESTS = new URL("../../manifests/", import.meta.url).pathname;

/** Deadline for pods in milliseconds. It includes the time to pull their images. */
const PODS_WITHIN = 300_000;

await runCommand({
  name: "acceptance",
  values: ["kubeconfig", "junit"],
  switches: [],
  help: `
Makes a fresh cluster what the one in production is, with the toolkit's own commands, and holds
preflight against it: all is well; one thing is broken, and exactly that is found; it is mended. The
cluster has two nodes, one of them labelled and tainted for the jobs. Who starts it does not matter:
kind in the workflow (tests/cluster/kind.yaml), "deno task cluster:up" where there is no Docker.

Usage: deno run -q -P=test tests/cluster/acceptance.ts --kubeconfig FILE [--junit FILE]

  --kubeconfig FILE   the cluster, and a user who may do everything in it
  --junit FILE        where the report of the first preflight goes

Examples:
  deno task cluster:up --name ci
  deno run -q -P=test tests/cluster/acceptance.ts \\
    --kubeconfig ~/.cache/deep-storage/clusters/ci.kubeconfig
  deno task cluster:down --name ci

Exit codes: 0 every step succeeded; 1 a step failed; 2 wrong usage; 3 the cluster is unreachable.
`,
  async run(flags) {
    const kubeconfig = flags.value("kubeconfig");
    if (kubeconfig === undefined) {
      throw new Failure({
        kind: "configuration",
        task: "find the cluster",
        problem: "there is no --kubeconfig",
        remedy: "Give --kubeconfig FILE.",
      });
    }
    const cluster = await openCluster({
      kind: "kubeconfig",
      files: [kubeconfig],
      by: "--kubeconfig",
    });
    const folder = await guardedFolder("acceptance-");
    try {
      await accept(cluster, { kubeconfig, folder, junit: flags.value("junit") });
      return 0;
    } finally {
      cluster.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The files of an acceptance run. */
interface Files {
  readonly kubeconfig: string;
  /** An empty folder for temporary files. */
  readonly folder: string;
  /** File for the JUnit report. */
  readonly junit: string | undefined;
}

async function accept(cluster: Cluster, { kubeconfig, folder, junit }: Files): Promise<void> {
  const archive = `${folder}/image.tar`;
  await saveStandIn(archive);
  const apply = (manifests: string) =>
    runTask("apply", ["--yes", "--kubeconfig", kubeconfig, "--manifests", manifests]);
  const preflight = (manifests: string, output: string) =>
    runTask("preflight", [
      "--facts",
      "manifests,cluster,image",
      "--kubeconfig",
      kubeconfig,
      "--manifests",
      manifests,
      "--image-archive",
      archive,
      "--timeout",
      "120",
      "--output",
      output,
    ]);

  title("Objects outside the manifests");
  await setUp(cluster, (object) => object.kind !== "Secret");

  title("deno task apply, twice");
  expect("apply", await apply("manifests"), 0);
  await setUp(cluster, (object) => object.kind === "Secret");
  const again = await apply("manifests");
  expect("apply", again, 0);
  hold(/^nothing to do/m.test(again.stdout), "the second apply changed something");

  title("deno task preflight");
  expect("preflight", await preflight("manifests", "text"), 0);
  if (junit !== undefined) {
    await Deno.writeTextFile(junit, (await preflight("manifests", "junit")).stdout);
  }

  title("deno task apply, with the selector trap in a copy of the manifests");
  const trapped = await trap(`${folder}/manifests`);
  expect("apply", await apply(trapped), 0);
  expect("preflight", await preflight(trapped, "text"), 1);
  const found = notedIn(JSON.parse((await preflight(trapped, "json")).stdout), "before");
  const checks = found.map(({ check }) => check).join(", ");
  hold(checks === "egress-policy", `egress-policy should have found it, and only that: ${checks}`);

  title("deno task apply removes the trap");
  expect("apply", await apply("manifests"), 0);
  expect("preflight", await preflight("manifests", "text"), 0);
}

/**
 * Copies the manifests, with `namespaceSelector: {}` in the rule for egress to the object store.
 */
async function trap(folder: string): Promise<string> {
  await copyFolder(MANIFESTS, folder);
  const file = `${folder}/20-network-policies.yaml`;
  const text = await Deno.readTextFile(file);
  const peers = /(name: allow-s3-egress[^]*?- to:\n)[^]*?(\n +ports:)/;
  hold(peers.test(text), `${file} does not have the expected form`);
  await Deno.writeTextFile(file, text.replace(peers, "$1        - namespaceSelector: {}$2"));
  return folder;
}

/**
 * Creates the objects that no manifest contains: Robson, DNS if the cluster has none, and the
 * Secrets.
 */
async function setUp(cluster: Cluster, isMeant: (object: KubeObject) => boolean): Promise<void> {
  const values = {
    DJANGO_DB_PASSWORD: crypto.randomUUID(),
    AWS_ACCESS_KEY_ID: crypto.randomUUID(),
    AWS_SECRET_ACCESS_KEY: crypto.randomUUID(),
  };
  const service = { apiVersion: "v1", kind: "Service" };
  const hasNames = await cluster.get(service, "kube-dns", "kube-system") !== undefined;
  const objects = (await theWholeSetup({ values })).filter((object) => {
    const { name, namespace } = object.metadata;
    const isRobson = name === "robson" || namespace === "robson";
    const isDns = namespace === "kube-system";
    return isMeant(object) && (object.kind === "Secret" || isRobson || isDns && !hasNames);
  });
  for (const object of objects) {
    await cluster.apply(object, { dryRun: false, force: true });
    const { name, namespace } = object.metadata;
    print(`applied    ${object.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`);
  }
  showStatus("waiting for their pods …");
  for (const namespace of ["robson", "kube-system"]) await ready(cluster, namespace);
}

/** Waits until every pod of a namespace has started. The namespace must have at least one pod. */
async function ready(cluster: Cluster, namespace: string): Promise<void> {
  await until(`the pods of ${namespace} run`, async () => {
    const pods = await cluster.list({ apiVersion: "v1", kind: "Pod" }, namespace);
    const phases = pods.map(({ status }) => (status as { phase: string }).phase);
    return phases.length > 0 && phases.every((phase) => phase === "Running");
  }, AbortSignal.timeout(PODS_WITHIN));
}

function title(text: string): void {
  print(`\n== ${text}`);
}

function expect(
  what: string,
  { code, stdout, stderr }: Awaited<ReturnType<typeof runTask>>,
  wanted: number,
): void {
  print(`${stdout}${stderr}`.trimEnd());
  hold(code === wanted, `${what} exited with ${code}, expected ${wanted}`);
}

function hold(holds: boolean, otherwise: string): void {
  if (!holds) {
    throw new Failure({
      kind: "data",
      task: "accept the cluster",
      problem: otherwise,
      remedy: "Look at its report above.",
    });
  }
}
