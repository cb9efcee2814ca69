import { assertEquals } from "../../../support/assert.ts";
import { change, FILES, judgeFiles } from "../../healthy/manifests.ts";

const ID = "service-account";

/** Without an account there are no rights either, so rbac finds something too. */
async function only(files: Record<string, string>): Promise<(string | undefined)[][]> {
  const results = await judgeFiles(files);
  const others = results.filter(({ findings }) => findings.length > 0).map(({ id }) => id)
    .filter((id) => id !== ID && id !== "rbac");
  assertEquals(others, []);
  return results.find(({ id }) => id === ID)!.findings.map((
    { object, field, problem },
  ) => [object, field, problem]);
}

const OBJECT = "Job analytics-jobs/bronze";
const FIELD = "spec.template.spec.serviceAccountName";

Deno.test("service-account fails for an account that is not there, or elsewhere", async () => {
  assertEquals(await only(change("job.yaml", "Name: spark-jobs", "Name: spark")), [
    [OBJECT, FIELD, "there is no service account spark in the namespace analytics-jobs"],
  ]);
  const elsewhere = "kind: ServiceAccount\nmetadata: {name: spark-jobs, namespace: ";
  assertEquals(
    await only(change("access.yaml", `${elsewhere}analytics-jobs`, `${elsewhere}robson`)),
    [
      [
        OBJECT,
        FIELD,
        "the service account spark-jobs is in the namespace robson, not in analytics-jobs",
      ],
    ],
  );
});

Deno.test("service-account fails for the default account", async () => {
  const problem = "the job runs as the namespace's default service account";
  assertEquals(await only(change("job.yaml", "      serviceAccountName: spark-jobs\n", "")), [
    [OBJECT, FIELD, problem],
  ]);
});

Deno.test("service-account fails where the driver gets no token", async () => {
  const account = "kind: ServiceAccount\n";
  const silent = change("access.yaml", account, `${account}automountServiceAccountToken: false\n`);
  assertEquals(await only(silent), [[
    OBJECT,
    "spec.template.spec.automountServiceAccountToken",
    "the driver gets no token of its service account",
  ]]);
  const asked = FILES["job.yaml"]!.replace(
    "serviceAccountName",
    "automountServiceAccountToken: true\n      serviceAccountName",
  );
  assertEquals(await only({ ...silent, "job.yaml": asked }), []);
});
