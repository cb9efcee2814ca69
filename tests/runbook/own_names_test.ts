import { parseProject } from "../../checks/facts/project.ts";
import { gatherManifests } from "../../checks/facts/manifests.ts";
import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import { runChecks } from "../../checks/runner.ts";
import { renderPage } from "../../tasks/explain/render.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { copyFolder } from "../drill/parts/manifests.ts";
import { ROOT, runTaskIn } from "../support/task.ts";
import { blocksOf, edited } from "./blocks.ts";

// The section "Another platform" of the runbook: the operator writes a project file with names of
// their own, and pastes the block that changes the manifests.

const FILE = "deep-storage.json";
const OWN = JSON.stringify({
  jobs: { namespace: "data-jobs", image: "registry.example.com/shop/spark:3.5.8" },
  database: {
    namespace: "shop-db",
    host: "pg.shop-db.svc.cluster.local",
    name: "shopdb",
    user: "shop",
    table: 'orders."Stop Events"',
    secret: "shop-db-login",
  },
  lake: { endpoint: "https://s3.example.com", bucket: "shop-lake", secret: "shop-s3-login" },
  nodes: { label: "example.com/pool=true", taint: "example.com/dedicated=batch:NoExecute" },
});
const PROJECT = parseProject(FILE, OWN);
const PAGE = renderPage(await Deno.readTextFile(new URL("runbook/README.md", ROOT)), PROJECT);

/** The block that changes the manifests, with the values of the operator. */
function ownBlock(
  page = PAGE,
  pods: Readonly<Record<string, string>> = { DATABASE_PODS: "app.kubernetes.io/name=pg" },
): string {
  const [block, ...others] = blocksOf(page).filter(({ section, language }) =>
    section === "Another platform" && language === "sh"
  );
  assertEquals(others, []);
  return edited(block!, {
    TOOLKIT_IMAGE: "registry.example.com/shop/deep-storage:7",
    ...pods,
  }).text;
}

/** Makes the folder of an operator, pastes the block without its last line, and returns the result. */
async function inOwnFolder<T>(block: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    await copyFolder(new URL("manifests", ROOT).pathname, `${folder}/manifests`);
    await Deno.writeTextFile(`${folder}/${FILE}`, OWN);
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-euc", block.replace(/\ndeno task .*$/, "")],
      cwd: folder,
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runbook: the block of Another platform makes manifests that pass with names of their own", async () => {
  const block = ownBlock();
  assert(block.endsWith("\ndeno task preflight --facts manifests"));
  await inOwnFolder(block, async (folder) => {
    const { code, stdout } = await runTaskIn(folder, "preflight", ["--facts", "manifests"]);
    assertEquals(code, 0, stdout);
    assertStringIncludes(stdout, "0 warn, 0 fail");
    assert(!stdout.includes("not applicable"), stdout);
    assertStringIncludes(stdout, "9 policies of namespace data-jobs");
    for await (const { name, isFile } of Deno.readDir(`${folder}/manifests`)) {
      if (!isFile) continue;
      const text = await Deno.readTextFile(`${folder}/manifests/${name}`);
      const plain = text.replace(/^ *#.*$/gm, "");
      const left = plain.match(
        /^.*(analytics|robson|rbs-|django-db-|contabo|stop_events|ldamasio).*$/gm,
      );
      assertEquals([name, left], [name, null]);
    }
  });
});

/** The checks that fail for manifests. */
async function failures(folder: string): Promise<string[]> {
  const signal = new AbortController().signal;
  const manifests = await gatherManifests(`${folder}/manifests`, signal, {
    ...PROJECT,
    file: FILE,
  });
  const absent = { absent: "left out", requested: true } as const;
  const results = await runChecks(PREFLIGHT, {
    manifests: () => Promise.resolve(manifests),
    ...{ cluster: absent, database: absent, lake: absent, image: absent },
  }, { timeoutMs: 120_000 });
  return results.flatMap(({ id, verdict, findings }) =>
    verdict === "fail" ? `${id}: ${findings.map(({ problem }) => problem).join("\n")}` : []
  );
}

Deno.test("runbook: the block of Another platform writes a table with a quote as YAML reads it", async () => {
  const block = ownBlock().replace(/^export TABLE=.*$/m, `export TABLE='shop."It'\\''s"'`);
  await inOwnFolder(block, async (folder) => {
    const text = await Deno.readTextFile(`${folder}/manifests/50-bronze-ingest.yaml`);
    assertStringIncludes(text, `- name: OUTBOX_TABLE\n              value: 'shop."It''s"'\n`);
  });
});

/** A line of the block that an operator leaves out, and what preflight says then. */
const LEFT_OUT: readonly (readonly [line: string, said: string])[] = [
  ["JOBS_NAMESPACE", "no job is in data-jobs, which is jobs.namespace of deep-storage.json"],
  ["DATABASE_NAMESPACE", "selects namespaces with name=robson"],
  ["DATABASE_SECRET", "django-db-credentials, but shop-db-login is database.secret of deep-st"],
  ["LAKE_SECRET", "contabo-s3-credentials, but shop-s3-login is lake.secret of deep-storage.json"],
  ["TABLE", "the code names the table stop_events"],
];

for (const [variable, said] of LEFT_OUT) {
  Deno.test(`runbook: preflight fails without the line of Another platform for ${variable}`, async () => {
    const block = ownBlock();
    const used = variable === "TABLE" ? "$table" : `$ENV{${variable}}`;
    const without = block.split("\n")
      .filter((line) => !/^ +s\b/.test(line) || !line.includes(used)).join("\n")
      .replace(/;\n +if .*;/, variable === "TABLE" ? ";" : "$&");
    assert(without !== block);
    await inOwnFolder(without, async (folder) => {
      assertStringIncludes((await failures(folder)).join("\n"), said);
    });
  });
}

for (const file of ["00-namespace", "10-quota", "40-executor-pod", "70-schedule"]) {
  Deno.test(`runbook: preflight fails if only ${file}.yaml has the default namespace`, async () => {
    await inOwnFolder(ownBlock(), async (folder) => {
      assertEquals(await failures(folder), []);
      const path = `${folder}/manifests/${file}.yaml`;
      const text = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, text.replaceAll("data-jobs", "analytics-jobs"));
      assertStringIncludes(
        (await failures(folder)).join("\n"),
        "in the namespace analytics-jobs, but data-jobs is jobs.namespace of deep-storage.json",
      );
    });
  });
}

Deno.test("runbook: the block of Another platform has the label of Postgres of the project file", async () => {
  const project = JSON.parse(OWN);
  project.database.pods = "cnpg.io/cluster=shop-pg,cnpg.io/instanceRole=primary";
  const own = JSON.stringify(project);
  const page = await Deno.readTextFile(new URL("runbook/README.md", ROOT));
  const block = ownBlock(renderPage(page, parseProject(FILE, own)), {});
  assertStringIncludes(block, "\nexport DATABASE_PODS=cnpg.io/cluster=shop-pg\n");
  await inOwnFolder(block, async (folder) => {
    await Deno.writeTextFile(`${folder}/${FILE}`, own);
    const { code, stdout } = await runTaskIn(folder, "preflight", ["--facts", "manifests"]);
    assertEquals(code, 0, stdout);
    assertStringIncludes(stdout, "0 warn, 0 fail");
  });
});

Deno.test("runbook: the block of Another platform changes no object with the default names", async () => {
  const page = await Deno.readTextFile(new URL("runbook/README.md", ROOT));
  const { text } = blocksOf(page).find(({ section, language }) =>
    section === "Another platform" && language === "sh"
  )!;
  await inOwnFolder(text, async (folder) => {
    const signal = new AbortController().signal;
    const objectsOf = async (directory: string) =>
      (await gatherManifests(directory, signal)).objects.map(({ value }) => value);
    const ours = await objectsOf(new URL("manifests", ROOT).pathname);
    assertEquals(await objectsOf(`${folder}/manifests`), ours);
  });
});
