import { assertEquals } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { openApi } from "../cluster/api.ts";
import { theWholeSetup } from "../cluster/setup.ts";
import { bringTo } from "../cluster/state.ts";
import { until } from "../cluster/until.ts";
import { blocksOf } from "./blocks.ts";
import { linkKubectl, missingKubectl } from "./kubectl.ts";

// The Job that the runbook looks at and deletes: the run that started last, and not a Spark Job that it
// has started. Without its Spark Job, a run continues with the next day.

const GUIDE = new URL("../../runbook/README.md", import.meta.url);
const MERGE = "application/merge-patch+json";
const missing = await missingKubectl();

const kubectlTest: typeof clusterTest = (name, run) =>
  missing === undefined || Deno.env.get("CI") === "true"
    ? clusterTest(name, run)
    : Deno.test({ name: `${name} (${missing})`, ignore: true, fn() {} });

kubectlTest("runbook: the Job to look at and to stop is the run that started last", async () => {
  const chosen = blocksOf(await Deno.readTextFile(GUIDE))
    .filter(({ section }) => /^(Stop a run|Look at a run that hangs)$/.test(section))
    .flatMap(({ text }) => text.match(/^export JOBS_NAMESPACE=.*\nexport JOB=.*\n.*\)$/m) ?? []);
  assertEquals(chosen.length, 2);
  await bringTo(controlPlane(), await theWholeSetup());
  using api = openApi(controlPlane().admin);
  const jobs = "/apis/batch/v1/namespaces/analytics-jobs/jobs";
  const started = async (name: string) => {
    let startTime = "";
    await until(`${name} has started`, async () => {
      startTime = (await api.get(`${jobs}/${name}`)).status?.startTime ?? "";
      return startTime !== "";
    });
    // Times have full seconds, so the next Job starts in a later one.
    await until("the next second has begun", () => {
      return Promise.resolve(Date.now() >= Date.parse(startTime) + 1000);
    });
  };
  // The names are in another order than the starts.
  for (const [name, cronJob] of [["z", "nightly-run"], ["a", "nightly-run-spark"]]) {
    const path = `/apis/batch/v1/namespaces/analytics-jobs/cronjobs/${cronJob}`;
    const { spec: { jobTemplate: { metadata: { labels }, spec } } } = await api.get(path);
    const metadata = { name: name!, labels };
    await api.call("POST", jobs, { apiVersion: "batch/v1", kind: "Job", metadata, spec });
    await started(name!);
  }
  await api.call("PATCH", `${jobs}/bronze-ingest-manual`, { spec: { suspend: false } }, MERGE);
  await started("bronze-ingest-manual");

  const bin = await Deno.makeTempDir();
  try {
    await linkKubectl(bin);
    for (const block of chosen) {
      const { stdout } = await new Deno.Command("sh", {
        args: ["-euc", `${block}\necho "$JOB"`],
        env: { PATH: `${bin}:${Deno.env.get("PATH")}`, KUBECONFIG: controlPlane().kubeconfig },
      }).output();
      assertEquals(new TextDecoder().decode(stdout), "job.batch/a\n");
    }
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
});
