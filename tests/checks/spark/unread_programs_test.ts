import { assertEquals } from "../../support/assert.ts";
import { FILES } from "../healthy/manifests.ts";
import { preflightOf } from "./whole_preflight.ts";

// Jobs whose programs the checks do not read.

const job = (container: string, name = "other") => `
apiVersion: batch/v1
kind: Job
metadata: { name: ${name}, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, ${container} }]
`;

/** What manifests-readable says of the job, and the other checks that find something. */
async function saidOf(container: string) {
  const results = await preflightOf({ ...FILES, "more.yaml": job(container) });
  const { notJudged = [] } = results.find(({ id }) => id === "manifests-readable")!;
  return notJudged.filter(({ object }) => object === "Job analytics-jobs/other")
    .map(({ reason }) => reason);
}

Deno.test("a jar that Java runs alone is no Spark job because of the name of its image", async () => {
  for (
    const container of [
      'image: "ghcr.io/acme/etl-spark:1.0.0", command: [java, -jar, /app/report.jar]',
      'image: "ghcr.io/acme/etl-spark:1.0.0", command: [/usr/bin/java, -Xmx1g, -jar, /app/a.jar]',
      'image: "ghcr.io/acme/spark:1.0.0", command: [sh, -c, "exec java -jar /app/a.jar"]',
      'image: "ghcr.io/acme/spark:1.0.0", command: [java, -cp, "/app/*", com.acme.Main]',
    ]
  ) {
    assertEquals(await saidOf(container), ["nothing shows whether it runs Spark"], container);
  }
  for (
    const container of [
      'image: "ghcr.io/acme/a:1", command: [java, -cp, "/app/*", org.apache.spark.deploy.SparkSubmit]',
      'image: "ghcr.io/acme/a:1", command: [java, -Dspark.master=local, -jar, /app/a.jar]',
      'image: "ghcr.io/acme/spark:1.0.0", command: [java, -cp, "/opt/spark/jars/*", com.acme.Main]',
    ]
  ) assertEquals(await saidOf(container), [], container);
});

Deno.test("preflight names the code in Scala and R that a shell of Spark runs", async () => {
  const image = 'image: "ghcr.io/acme/spark:1.0.0"';
  const scala = "spark-shell runs code in Scala, which is not read";
  for (
    const [command, reason] of [
      ["spark-shell --master local[2] <<'EOF'\\nval a = 1\\nEOF", scala],
      ["echo 'println(1)' | /opt/spark/bin/spark-shell", scala],
      ["spark-shell -i /opt/etl.scala", scala],
      ["sparkR -f /opt/etl.R", "sparkR runs code in R, which is not read"],
      ["spark-sql -f /opt/etl.sql # not spark-shell", undefined],
    ] as const
  ) {
    const said = await saidOf(`${image}, command: [bash, -c, "${command}"]`);
    assertEquals(said, reason === undefined ? [] : [reason], command);
  }
});
