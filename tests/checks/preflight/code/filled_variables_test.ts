import { assertEquals } from "../../../support/assert.ts";
import { change, JOB, judgeFiles } from "../../healthy/manifests.ts";

// Values that another program or a tool can fill in, and values that every program reads as they are.

const ID = "timestamp-env";
const PORT = 'name: DJANGO_DB_PORT\n              value: "5432"';

for (
  const [name, text, severity] of [
    ["LOG_LEVEL", "${LEVEL}", "warn"],
    ["JDBC_URL", "jdbc:postgresql://${DB_HOST:db}/${DB_NAME}", "warn"],
    ["CLUSTER", "${cluster_name}", "warn"],
    ["PYTHONPATH", "${PYTHONPATH}:/opt/jobs", "fail"],
    ["RUN_DATE", "${DAY}", "fail"],
    ["S3_BUCKET", "${BUCKET}", "fail"],
    ["OUTBOX_TABLE", "${TABLE}", "fail"],
    ["LOG_LEVEL", "$(echo info)", "fail"],
    ["LOG_LEVEL", "$LEVEL", "fail"],
  ] as const
) {
  Deno.test(`timestamp-env: ${severity} for ${name} with ${text}`, async () => {
    const files = change(JOB, PORT, `name: ${name}\n              value: '${text}'`);
    const result = (await judgeFiles(files)).find(({ id }) => id === ID)!;
    assertEquals(result.findings.map(({ severity }) => severity), [severity]);
  });
}
