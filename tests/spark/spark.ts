import type { DatabaseConfig, S3Config } from "../../pipeline/config.ts";

// Runs the image's version of Spark, which install.sh installs on this machine.

const INSTALL = new URL("install.sh", import.meta.url).pathname;
const IMAGE = new URL("../../manifests/image/", import.meta.url).pathname;
/** The folder of the jobs. */
export const JOBS = `${IMAGE}jobs/`;

/** The result of a job. */
export interface JobRun {
  readonly code: number;
  /** Standard output and error, one after the other. */
  readonly said: string;
}

/** The options and the environment of a job. */
export interface JobOptions {
  readonly job: "bronze_ingest.py" | "silver_transform.py";
  readonly database: DatabaseConfig;
  readonly lake: S3Config;
  readonly day?: string;
  /** Variables to add or to replace. */
  readonly env?: Record<string, string>;
  /** Python that runs before the job, for example to make a limit of a module smaller. */
  readonly prelude?: string;
}

/** The reason that the jobs cannot run here. Undefined if they can. */
export async function missingSpark(): Promise<string | undefined> {
  const home = await where();
  const installed = await exists(`${home}/complete`);
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const javas = await Promise.all(folders.map((folder) => exists(`${folder}/java`)));
  const java = javas.includes(true) || Deno.env.has("JAVA_HOME");
  if (installed && java) return undefined;
  const lacking = [
    ...(java ? [] : ["Java 17 (openjdk-17-jre-headless)"]),
    ...(installed ? [] : ["PySpark and its jars (run tests/spark/install.sh)"]),
  ];
  return `Spark is not here, it needs ${lacking.join(" and ")}`;
}

/**
 * Registers a test that needs Spark. If a requirement is missing, the test fails in CI. Elsewhere,
 * it is ignored, and its name shows the missing requirement.
 */
export function sparkTest(name: string, missing: string | undefined, run: () => Promise<void>) {
  Deno.test({
    name: missing === undefined ? name : `${name} (${missing})`,
    ignore: missing !== undefined && Deno.env.get("CI") !== "true",
    async fn() {
      if (missing !== undefined) throw new Error(missing);
      await run();
    },
  });
}

/** Submits a job as the Job's pod does, without other environment variables. */
export async function submit(options: JobOptions): Promise<JobRun> {
  const { job, prelude } = options;
  const program = prelude === undefined ? undefined : {
    name: job,
    text: `
import runpy, sys
sys.path.insert(0, "${JOBS}")
${prelude}
runpy.run_path("${JOBS}${job}", run_name="__main__")`,
  };
  const args = ["--master", "local[2]", "--driver-memory", "1g"];
  if (program === undefined) args.push(`${JOBS}${job}`);
  return await sparkSubmit(args, jobVariables(options), program);
}

/** Returns the variables of a job. */
export function jobVariables(
  { database, lake, day, env = {} }: JobOptions,
): Record<string, string> {
  return {
    // A zone far from UTC reveals times that depend on the zone of the process.
    TZ: "Asia/Kathmandu",
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
    ...(day === undefined ? {} : { JOB_DATE: day }),
    ...env,
  };
}

/** The path of the Python with PySpark, and the variables that it needs. */
export async function sparkPython(): Promise<{ command: string; env: Record<string, string> }> {
  const home = await where();
  return {
    command: `${home}/bin/python`,
    env: {
      SPARK_HOME: await sparkHome(home),
      SPARK_LOCAL_IP: "127.0.0.1",
      ...await imageEnvironment(home),
    },
  };
}

/** The variables that the Dockerfile sets, with the path of this machine's archive of classes. */
async function imageEnvironment(home: string): Promise<Record<string, string>> {
  const dockerfile = await Deno.readTextFile(`${IMAGE}Dockerfile`);
  const lines = dockerfile.matchAll(/^ENV (\w+)="(.*)"$/gm);
  return Object.fromEntries(
    [...lines].map(([, name, value]) => [name, value!.replace("/opt/spark", home)]),
  );
}

/**
 * Runs spark-submit in its own folder, with only these variables.
 *
 * @param program a file of Python, which spark-submit runs
 */
export async function sparkSubmit(
  args: readonly string[],
  env: Record<string, string> = {},
  program?: { readonly name: string; readonly text: string },
): Promise<JobRun> {
  const scratch = await Deno.makeTempDir({ prefix: "spark-" });
  const own = await programEnvironment(scratch);
  try {
    const file = `${scratch}/${program?.name}`;
    if (program !== undefined) await Deno.writeTextFile(file, program.text);
    const command = new Deno.Command(`${own.env.SPARK_HOME}/bin/spark-submit`, {
      args: [...args, ...(program === undefined ? [] : [file])],
      cwd: scratch,
      clearEnv: true,
      env: { ...own.env, ...env },
      stdout: "piped",
      stderr: "piped",
    });
    const { code, stdout, stderr } = await command.output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, said: `${out}\n${err}` };
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Returns the Python with PySpark, and the variables of a program that starts Spark. */
export async function programEnvironment(
  scratch: string,
): Promise<{ readonly python: string; readonly env: Record<string, string> }> {
  const home = await where();
  const python = `${home}/bin/python`;
  return {
    python,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: scratch,
      TMPDIR: scratch,
      SPARK_HOME: await sparkHome(home),
      SPARK_LOCAL_IP: "127.0.0.1",
      PYSPARK_PYTHON: python,
      PYTHONDONTWRITEBYTECODE: "1",
      ...await imageEnvironment(home),
      ...(Deno.env.has("JAVA_HOME") ? { JAVA_HOME: Deno.env.get("JAVA_HOME")! } : {}),
    },
  };
}

async function where(): Promise<string> {
  const { stdout } = await new Deno.Command(INSTALL, { args: ["--where"] }).output();
  return new TextDecoder().decode(stdout).trim();
}

async function sparkHome(home: string): Promise<string> {
  for await (const { name } of Deno.readDir(`${home}/lib`)) {
    const folder = `${home}/lib/${name}/site-packages/pyspark`;
    if (await exists(folder)) return folder;
  }
  throw new Error(`${home} holds no PySpark: remove it, and run tests/spark/install.sh.`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
