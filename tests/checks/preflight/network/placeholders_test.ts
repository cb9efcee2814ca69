import { CONNECTION_CHECKS } from "../../../../checks/preflight/catalog.ts";
import { factOfReadings, readFile } from "../../../../checks/facts/manifests.ts";
import { assertEquals } from "../../../support/assert.ts";
import { HEALTHY } from "../../healthy/connections.ts";

/** The checks that pass for the healthy manifests with one more file. */
function passing(text: string): string[] {
  const own = Object.values(HEALTHY).join("---");
  const manifests = factOfReadings("manifests", [
    readFile("a.yaml", own),
    readFile("b.yaml", text),
  ]);
  return CONNECTION_CHECKS.flatMap(({ id, run }) => {
    const outcome = run({ manifests });
    return "findings" in outcome && outcome.findings.length === 0 ? [id] : [];
  });
}

const ALL = CONNECTION_CHECKS.map(({ id }) => id);

Deno.test("connection checks: a ConfigMap with a placeholder leaves only the servers that it can name unjudged", () => {
  const map = (data: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: analytics-jobs }\ndata: { ${data} }\n`;
  assertEquals(passing(map("A: b")), ALL);
  for (const host of ["S3_ENDPOINT: 'https://${HOST}'", "DJANGO_DB_HOST: __HOST__"]) {
    assertEquals(
      passing(map(host)),
      ALL.filter((id) => id !== "egress-policy" && id !== "database-egress"),
    );
  }
});

Deno.test("connection checks: a policy with a placeholder leaves all connections unjudged", () => {
  assertEquals(passing(HEALTHY.store.replace("port: 443", "port: ${PORT}")), []);
});
