import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { namesOf, PLACEHOLDER, renderPage } from "../../../tasks/explain/render.ts";
import { assert, assertEquals } from "../../support/assert.ts";

const RUNBOOK = new URL("../../../runbook/", import.meta.url);
const PAGES = new Map<string, string>();
for (const { name } of Deno.readDirSync(RUNBOOK)) {
  PAGES.set(name, await Deno.readTextFile(new URL(name, RUNBOOK)));
}

const SHOP = {
  jobs: { namespace: "etl", image: "registry.example.com/etl/spark:3.5.8" },
  database: {
    namespace: "shop",
    host: "pg.shop.svc.cluster.local",
    name: "orders",
    user: "copier",
    table: "shop.events",
    secret: "shop-database",
  },
  lake: { endpoint: "https://s3.shop.example", bucket: "shop-lake", secret: "shop-lake-keys" },
  nodes: { label: "shop.example/pool=spark", taint: "shop.example/only" },
};

Deno.test("renderPage writes every placeholder of the runbook, and no name of another platform", () => {
  for (const [file, page] of PAGES) {
    const text = renderPage(page, SHOP)
      // The block that replaces the default names in the manifests.
      .replace(/^export DATABASE_PODS=.*$|^perl [^']*'[^']*'/gm, "");
    assertEquals(text.match(PLACEHOLDER), null, file);
    const foreign = /robson|analytics-jobs|\brbs|contabo|paradedb|stop_events|django-db-cred/i.exec(
      text,
    );
    assertEquals(foreign?.[0], undefined, file);
  }
});

Deno.test("the pages of the runbook have placeholders only in code, where Markdown shows them", () => {
  for (const [file, page] of PAGES) {
    const prose = page.replace(/```[\s\S]*?```/g, "").replace(/`[^`]*`/g, "");
    assertEquals(prose.match(PLACEHOLDER), null, file);
  }
});

Deno.test("namesOf has a text for each field of the project file and for the parts of a taint", () => {
  const names = namesOf(DEFAULT_PROJECT);
  assertEquals(names.get("database.table"), "stop_events");
  assertEquals(names.get("nodes.taint.effect"), "NoSchedule");
  assertEquals(names.get("database.service"), "paradedb");
  assertEquals(
    namesOf({ ...SHOP, nodes: { label: "a", taint: "b" } }).get("nodes.label.value"),
    "",
  );
  assert(!names.has("file"));
});
