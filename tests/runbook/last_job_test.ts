import { assertEquals, assertStringIncludes } from "../support/assert.ts";
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
  const blocks = blocksOf(await Deno.readTextFile(GUIDE));
  const blockOf = (wanted: string) =>
    blocks.find(({ section, text }) => section === wanted && text.includes("export JOB="))!.text;
  const [stop, look] = [blockOf("Stop a run"), blockOf("Look at a run that hangs")];
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
    // The pods of the first run end at once, and those of the last one never start.
    if (name === "a") spec.template.spec.nodeSelector = { absent: "true" };
    const job = { apiVersion: "batch/v1", kind: "Job", metadata, spec };
    await api.call("POST", jobs, job);
    await started(name!);
  }
  await api.call("PATCH", `${jobs}/bronze-ingest-manual`, { spec: { suspend: false } }, MERGE);
  await started("bronze-ingest-manual");

  const bin = await Deno.makeTempDir();
  try {
    await linkKubectl(bin);
    const paste = async (block: string) => {
      const { code, stdout, stderr } = await new Deno.Command("bash", {
        args: ["-euc", `${block}\necho "JOB is $JOB"`],
        env: { PATH: `${bin}:${Deno.env.get("PATH")}`, KUBECONFIG: controlPlane().kubeconfig },
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      return new TextDecoder().decode(stdout);
    };
    assertStringIncludes(await paste(look), "JOB is job.batch/a\n");
    await until("the run that started first has ended", async () => {
      return (await api.get(`${jobs}/z`)).status?.conditions !== undefined;
    });
    assertStringIncludes(await paste(stop), 'job.batch "a" deleted');
    // The run that has ended stays, and so does its log.
    assertStringIncludes(await paste(stop), "no run is active");
    assertStringIncludes(await paste(look), "JOB is job.batch/z\n");
    await api.call("DELETE", `${jobs}/z?propagationPolicy=Background`);
    assertStringIncludes(await paste(look), "no Job of a run is left");
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
});
