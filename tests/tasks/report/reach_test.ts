import { matrixOf } from "../../../checks/network_policy/matrix.ts";
import { isolating, matchingPeers } from "../../../checks/network_policy/matching.ts";
import { isItself } from "../../../checks/network_policy/evaluate.ts";
import { readCluster } from "../../../checks/network_policy/read_cluster.ts";
import { splitPods } from "../../../checks/network_policy/split_pods.ts";
import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { formatPorts } from "../../../tasks/reach/text.ts";
import { renderDocument } from "../../../tasks/report/document.ts";
import { shorten } from "../../../tasks/report/page/dom.js";
import { reachModel } from "../../../tasks/report/page/reach_model.js";
import { reachData } from "../../../tasks/report/reach_data.ts";
import { readTemplate } from "../../../tasks/report/template.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { browserTest, openTable, violationsOn, withHtmlFile } from "../../support/browser.ts";
import { policyManifests } from "../../support/policy_manifests.ts";
import { runTask } from "../../support/task.ts";

function readingOf(values: readonly unknown[]) {
  const { cluster } = readCluster(values.map((value) => ({ value })));
  return {
    directory: "dir",
    cluster: splitPods(cluster, true),
    services: [],
    project: DEFAULT_PROJECT,
    namespaces: new Set<string>(),
    workloads: 0,
    unrendered: [],
    notes: ["a note"],
  };
}

/** The reading of generated manifests, with some bare pods. */
function generated(workloads: number, policies: number) {
  const bare = [0, 1].map((i) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `bare-${i}`, namespace: "team-1", labels: { tier: "web" } },
    spec: { containers: [] },
  }));
  const objects = [...policyManifests(workloads, policies)].map((text) =>
    JSON.parse(text.replace(/^---$/gm, ""))
  );
  return readingOf([...objects, ...bare]);
}

async function reportOf(reading: ReturnType<typeof readingOf>): Promise<string> {
  const reach = reachData(reading, matrixOf(reading.cluster));
  const content = { command: "reach", made: "2025-12-29 04:00:10", reach };
  return await renderDocument(content, await readTemplate(DEFAULT_PROJECT, true));
}

Deno.test("reachData: the page has the same connections and rules as the command", () => {
  const reading = generated(90, 60);
  const { cluster } = reading;
  const matrix = matrixOf(cluster);
  const model = reachModel(JSON.parse(JSON.stringify(reachData(reading, matrix))));
  const groupOf = (pod: typeof cluster.pods[number]) =>
    model.groups.findIndex(({ namespace, names }: { namespace: string; names: string[] }) =>
      namespace === pod.namespace && names.includes(`${pod.kind}/${pod.name}`)
    );
  const groups = cluster.pods.map(groupOf);
  assertEquals(groups.filter((group) => group < 0), []);
  const open = new Map<string, string>();
  const id = (from: unknown, to: unknown) =>
    `${cluster.pods.indexOf(from as never)} ${cluster.pods.indexOf(to as never)}`;
  for (const { from, to, ports } of matrix.within) open.set(id(from, to), formatPorts(ports));
  let allowed = 0;
  for (const [i, from] of cluster.pods.entries()) {
    for (const [j, to] of cluster.pods.entries()) {
      if (isItself(from, to)) continue; // a group of several pods shows its pods to each other
      const shown = model.between(groups[i], groups[j]);
      const expected = open.get(id(from, to));
      assertEquals(shown.text, expected ?? "no port", `${from.name} to ${to.name}`);
      assertEquals(shown.verdict === "none", expected === undefined);
      if (expected !== undefined) allowed++;
      if (i % 7 !== 0 || j % 5 !== 0) continue;
      const { policies, rules } = model.decision(groups[i], "egress", groups[j]);
      const own = isolating(cluster, from, "egress");
      assertEquals(policies, own.map((policy) => cluster.policies.indexOf(policy)));
      const matching = own.flatMap((policy) =>
        policy.rules.egress.map((rule) => matchingPeers(cluster, policy, rule, to)?.length !== 0)
      );
      assertEquals(rules.map(({ isMatch }: { isMatch: boolean }) => isMatch), matching);
    }
  }
  assert(allowed > 100 && allowed < cluster.pods.length ** 2 - 100);
});

Deno.test("shorten: keeps the end of a name and the number of a title", () => {
  assertEquals(shorten("CronJob/nightly-run", 19), "CronJob/nightly-run");
  assertEquals(shorten("jobs/CronJob/nightly-run-spark", 19), "jobs/Cron…run-spark");
  assertEquals(shorten("Job/bronze-ingest-manual and 1 more", 25), "Job/bro…manual and 1 more");
});

browserTest(
  "HTML report of reach: a cell shows its rules by mouse and by keyboard",
  async (browser) => {
    const path = await Deno.makeTempFile({ suffix: ".html" });
    try {
      const { code, stdout } = await runTask("reach", ["--matrix", "--output", `html=${path}`]);
      assertEquals(code, 0);
      assertMatch(stdout, /connections allowed/); // the terminal still has the text
      await browser.open(`file://${path}`, async (page) => {
        const cells = page.getByRole("group", { name: "Connections by source" }).getByRole(
          "button",
        );
        assert(await cells.count() > 10);
        const labels = await page.locator("figure[aria-labelledby=reach] text").allTextContents();
        const names = labels.filter((label) => /(Job|CronJob)\//.test(label));
        // Each row and each column has its own label, without the only namespace.
        assertEquals(new Set(names).size * 2, names.length);
        assertEquals(names.filter((name) => name.includes("analytics-jobs")), []);
        assert(names.some((name) => name.endsWith(" and 1 more")), names.join());
        const shared = page.getByRole("list", { name: "Rows with several workloads" });
        assertStringIncludes(await shared.innerText(), "Job/silver-transform-manual");
        const answer = page.getByRole("region", { name: "The deciding rules" });
        await cells.nth(0).click();
        assertStringIncludes(await answer.innerText(), "TCP 7078");
        assertStringIncludes(await answer.innerText(), "allow-driver-executor-traffic (20-network");
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("Enter");
        assertEquals(await cells.nth(1).getAttribute("aria-pressed"), "true");
        assertEquals(await cells.nth(0).getAttribute("aria-pressed"), "false");
        assertStringIncludes(await answer.innerText(), "no rule selects the other end");
        assertStringIncludes(await answer.innerText(), "default-deny (20-network");
        await page.keyboard.press("Tab"); // one cell only is in the order of the Tab key
        assertEquals(
          await page.evaluate("document.activeElement.classList.contains('cell')"),
          false,
        );
        const summary = "All allowed connections as a table";
        assert(await (await openTable(page, summary, "Allowed connections")).count() > 20);
      });
    } finally {
      await Deno.remove(path);
    }
  },
);

browserTest("HTML report of reach: a node of the graph shows its connections", async (browser) => {
  await withHtmlFile(await reportOf(generated(12, 12)), (url) =>
    browser.open(url, async (page) => {
      await page.getByLabel("Namespace:").selectOption("team-1");
      const nodes = page.getByRole("group", { name: "Connections of namespace team-1" })
        .getByRole("button");
      assert(await nodes.count() >= 2);
      const region = page.getByRole("region", { name: "The connections of a node" });
      await nodes.nth(0).focus();
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Enter");
      const name = String(await nodes.nth(1).getAttribute("aria-label")).split(":")[0]!;
      assertStringIncludes(await region.innerText(), `Connections of ${name}`);
      const focused = await page.evaluate("document.activeElement.getAttribute('aria-label')");
      assertEquals(focused, await nodes.nth(1).getAttribute("aria-label"));
      await page.getByText("Show all connections").click();
      assertStringIncludes(await region.innerText(), "Choose a node");
      await nodes.nth(0).click();
      assertEquals(await nodes.nth(0).getAttribute("aria-pressed"), "true");
    }));
});

browserTest(
  "HTML report of reach: 2,000 workloads are grouped, and lead to their rules",
  async (browser) => {
    await withHtmlFile(
      await reportOf(generated(2000, 500)),
      (url) =>
        browser.open(url, async (page) => {
          const cells = page.getByRole("group", { name: "Connections by source" }).getByRole(
            "button",
          );
          assertEquals(await cells.count(), 21 * 21 - 1);
          assertMatch(
            String(await cells.nth(0).getAttribute("aria-label")),
            /^team-0 to team-0: \d+% of/,
          );
          await cells.nth(1).click();
          await page.getByText("Show the workloads").click();
          assertEquals(await page.getByLabel("Rows:").inputValue(), "team-0");
          assertEquals(await page.getByLabel("Columns:").inputValue(), "team-1");
          await page.getByLabel("Rows:").selectOption({ label: "all workloads" });
          assertStringIncludes(await page.locator("#pictures").innerText(), "rows 1 to 40 of");
          await page.getByText("Next rows").click();
          assertStringIncludes(await page.locator("#pictures").innerText(), "rows 41 to 80 of");
          await page.getByLabel("Only names with:").fill("app-1999");
          assertEquals((await page.locator("#pictures").innerText()).includes("rows 41"), false);
          await page.getByLabel("Columns:").selectOption("team-19");
          await cells.nth(0).click();
          assertMatch(
            await page.getByRole("region", { name: "The deciding rules" }).innerText(),
            /Egress of team-19/,
          );
        }),
    );
  },
);

browserTest(
  "HTML report of reach: no violation of accessibility, and names are text",
  async (browser) => {
    const hostile = "<img src=x onerror=alert(1)></script>";
    const reading = { ...generated(6, 6), directory: hostile, notes: [hostile] };
    await withHtmlFile(await reportOf(reading), async (url) => {
      for (const colorScheme of ["light", "dark"] as const) {
        await browser.open(url, async (page) => {
          await page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)");
          await page.getByRole("button").first().click();
          assertStringIncludes(await page.locator("#pictures").innerText(), hostile);
          assertEquals(await page.locator("img").count(), 0);
          assertEquals(await violationsOn(page), []);
        }, { colorScheme });
      }
    });
  },
);
