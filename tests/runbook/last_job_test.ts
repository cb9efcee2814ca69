import { assertEquals } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { openApi } from "../cluster/api.ts";
import { theWholeSetup } from "../cluster/setup.ts";
import { bringTo } from "../cluster/state.ts";
import { until } from "../cluster/until.ts";
import { blocksOf } from "./blocks.ts";
import { linkKubectl, missingKubectl } from "./kubectl.ts";

// The Job that the runbook looks at and deletes: the one that started last. A Job of the manifests was
// created long before it starts.

const GUIDE = new URL("../../runbook/README.md", import.meta.url);
const MERGE = "application/merge-patch+json";
const missing = await missingKubectl();

const kubectlTest: typeof clusterTest = (name, run) =>
  missing === undefined || Deno.env.get("CI") === "true"
    ? clusterTest(name, run)
    : Deno.test({ name: `${name} (${missing})`, ignore: true, fn() {} });

kubectlTest("runbook: the Job to look at and to stop is the one that started last", async () => {
  const chosen = blocksOf(await Deno.readTextFile(GUIDE))
    .filter(({ section }) => /^(Stop a run|Look at a run that hangs)$/.test(section))
    .flatMap(({ text }) => text.match(/^export JOBS_NAMESPACE=.*\nexport JOB=.*$/m) ?? []);
  assertEquals(chosen.length, 2);
  await bringTo(controlPlane(), await theWholeSetup());
  using api = openApi(controlPlane().admin);
  const jobs = "/apis/batch/v1/namespaces/analytics-jobs/jobs";
  const start = async (name: string) => {
    await api.call("PATCH", `${jobs}/${name}`, { spec: { suspend: false } }, MERGE);
    let startTime = "";
    await until(`${name} has started`, async () => {
      startTime = (await api.get(`${jobs}/${name}`)).status.startTime ?? "";
      return startTime !== "";
    });
    return startTime;
  };
  // Times have full seconds, so the second Job starts in a later one.
  const first = await start("silver-transform-manual");
  await until("the next second has begun", () => {
    return Promise.resolve(Date.now() >= Date.parse(first) + 1000);
  });
  const second = await start("bronze-ingest-manual");
  assertEquals(second > first, true);

  const bin = await Deno.makeTempDir();
  try {
    await linkKubectl(bin);
    for (const block of chosen) {
      const { stdout } = await new Deno.Command("sh", {
        args: ["-euc", `${block}\necho "$JOB"`],
        env: { PATH: `${bin}:${Deno.env.get("PATH")}`, KUBECONFIG: controlPlane().kubeconfig },
      }).output();
      assertEquals(new TextDecoder().decode(stdout), "job.batch/bronze-ingest-manual\n");
    }
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
});
