import type { DatabaseConfig, S3Config } from "../../pipeline/config.ts";
import { sparkSubmit } from "../spark/spark.ts";
import { DAY } from "./queries.ts";

/** The run of the job, passed as JSON on standard input. */
export interface SparkWork {
  readonly database: DatabaseConfig;
  readonly lake: S3Config;
}

const { database, lake }: SparkWork = await new Response(Deno.stdin.readable).json();
const job = new URL("../../manifests/image/jobs/bronze_ingest.py", import.meta.url).pathname;
// The last options for the JVM count. The tests' own keep the JVM from compiling well.
const jvm = ["--driver-java-options", "-XX:-UsePerfData"];
const { code, said } = await sparkSubmit(
  [...jvm, "--master", "local[2]", "--driver-memory", "1g", job],
  {
    DJANGO_DB_HOST: database.host,
    DJANGO_DB_PORT: String(database.port),
    DJANGO_DB_NAME: database.name,
    DJANGO_DB_USER: database.user,
    DJANGO_DB_PASSWORD: database.password,
    S3_ENDPOINT: lake.endpoint,
    S3_BUCKET: lake.bucket,
    AWS_REGION: lake.region,
    AWS_ACCESS_KEY_ID: lake.accessKeyId,
    AWS_SECRET_ACCESS_KEY: lake.secretAccessKey,
    SEAL_GRACE_MINUTES: "0",
    JOB_DATE: DAY,
  },
);
if (code !== 0) console.error(said);
Deno.exit(code);
