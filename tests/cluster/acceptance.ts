import type { Cluster, KubeObject } from "../../pipeline/cluster/cluster.ts";
import { openCluster } from "../../pipeline/cluster/open.ts";
import { Failure } from "../../pipeline/errors.ts";
import { main } from "../../tasks/cli/command.ts";
import { print, showStatus } from "../../tasks/cli/terminal.ts";
import { saidIn } from "../drill/judge.ts";
import { saveStandIn } from "../support/stand_in_image.ts";
import { runTask } from "../support/task.ts";
import { theWholeSetup } from "./setup.ts";
import { until } from "./until.ts";

/** Milliseconds that pods may take: elsewhere their images are pulled first. */
const PODS_WITHIN = 300_000;

const POLICY = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" };

await main({
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

Exit codes: 0 all of it is so; 1 something is not; 2 wrong usage; 3 the cluster is out of reach.
`,
  async run(flags) {
    const kubeconfig = flags.value("kubeconfig");
    if (kubeconfig === undefined) {
      throw new Failure("configuration", "Cannot find the cluster: give --kubeconfig FILE.");
    }
    const archive = await Deno.makeTempFile({ suffix: ".tar" });
    const cluster = await openCluster({
      ...{ kind: "kubeconfig", files: [kubeconfig], by: "--kubeconfig" },
    });
    try {
      await saveStandIn(archive);
      await accept(cluster, { kubeconfig, archive, junit: flags.value("junit") });
      return 0;
    } finally {
      cluster.close();
      await Deno.remove(archive);
    }
  },
});

interface Where {
  readonly kubeconfig: string;
  /** An image archive with what stands in for the image of the Jobs. */
  readonly archive: string;
  readonly junit: string | undefined;
}

async function accept(cluster: Cluster, { kubeconfig, archive, junit }: Where): Promise<void> {
  const task = async (name: string, ...args: string[]) =>
    await runTask(name, [...args, "--kubeconfig", kubeconfig]);
  const look = (facts: string, output: string) =>
    task("preflight", "--facts", facts, "--image-archive", archive, "--output", output);
  const found = async (facts: string) =>
    saidIn(JSON.parse((await look(facts, "json")).stdout), "before").map(({ check }) => check);

  title("What is there besides the manifests");
  await setUp(cluster, (object) => object.kind !== "Secret");

  title("deno task apply");
  expect("apply", await task("apply", "--yes"), 0);
  await setUp(cluster, (object) => object.kind === "Secret");
  const again = await task("apply", "--yes");
  expect("apply, the second time,", again, 0);
  hold(/^nothing to do/m.test(again.stdout), "the second apply changed something");

  title("deno task preflight");
  expect("preflight", await look("manifests,cluster,image", "text"), 0);
  if (junit !== undefined) {
    const { stdout } = await look("manifests,cluster,image", "junit");
    await Deno.writeTextFile(junit, stdout);
  }

  title("The selector trap");
  await trap(cluster);
  expect("preflight", await look("cluster,image", "text"), 1);
  const caught = await found("cluster,image");
  hold(caught.join() === "egress-policy", `it was found by ${caught.join(", ")}`);

  title("Mended by deno task apply");
  expect("apply", await task("apply", "--yes"), 0);
  const left = await found("manifests,cluster,image");
  hold(left.length === 0, `something is left: ${left.join(", ")}`);
  print("preflight finds nothing any more");
}

/** Robson, DNS where the cluster brings none, and the Secrets: what no manifest has. */
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

/** Waits until a namespace has pods, and each of them has started. */
async function ready(cluster: Cluster, namespace: string): Promise<void> {
  await until(`the pods of ${namespace} run`, async () => {
    const pods = await cluster.list({ apiVersion: "v1", kind: "Pod" }, namespace);
    const phases = pods.map(({ status }) => (status as { phase: string }).phase);
    return phases.length > 0 && phases.every((phase) => phase === "Running");
  }, AbortSignal.timeout(PODS_WITHIN));
}

async function trap(cluster: Cluster): Promise<void> {
  const [name, namespace] = ["allow-s3-egress", "analytics-jobs"];
  // deno-lint-ignore no-explicit-any
  const { spec }: any = await cluster.get(POLICY, name, namespace);
  spec.egress[0].to = [{ namespaceSelector: {} }];
  const trapped = { ...POLICY, metadata: { name, namespace }, spec };
  await cluster.apply(trapped, { dryRun: false, force: true });
  print(`broken     NetworkPolicy ${namespace}/${name} has namespaceSelector: {}`);
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
  hold(code === wanted, `${what} ended with ${code}, and not with ${wanted}`);
}

function hold(holds: boolean, otherwise: string): void {
  if (!holds) throw new Failure("data", `Cannot accept the cluster: ${otherwise}.`);
}
