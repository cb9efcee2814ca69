import { parseAllDocuments } from "yaml";
import { EVENT_CONTRACT, EXECUTION_CONTRACT } from "../pipeline/contract/fingerprint.ts";
import { parseDay, windowOf } from "../pipeline/contract/window.ts";
import { type BronzeCommit, renderMarker, type SilverCommit } from "../pipeline/lake/marker.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "./support/assert.ts";

// What the cluster must look like, as far as files can say it. The Spark jobs really run in
// spark/jobs_test.ts.

const MANIFESTS = new URL("../manifests/", import.meta.url);
const JOBS = new URL("image/jobs/", MANIFESTS);

// deno-lint-ignore no-explicit-any
type Manifest = any;

/**
 * The manifests that `kubectl apply -f manifests/` applies: the folder's own YAML, in the order of
 * the names.
 */
const applied: Manifest[] = [...Deno.readDirSync(MANIFESTS)]
  .filter(({ isFile, name }) => isFile && /\.(ya?ml|json)$/.test(name))
  .map(({ name }) => name).sort()
  .flatMap((name) => documents(name));
const templates: Manifest[] = documents("templates/secrets.yaml.example");
const jobs = ofKind("Job");
const cronJobs = ofKind("CronJob");
const dockerfile = Deno.readTextFileSync(new URL("image/Dockerfile", MANIFESTS));

function documents(name: string): Manifest[] {
  return parseAllDocuments(Deno.readTextFileSync(new URL(name, MANIFESTS))).map((document) => {
    assertEquals(document.errors, [], name);
    return document.toJS();
  });
}

function ofKind(kind: string): Manifest[] {
  return applied.filter((object) => object.kind === kind);
}

function named(kind: string, name: string): Manifest {
  const found = ofKind(kind).find(({ metadata }) => metadata.name === name);
  assert(found !== undefined, `${kind} ${name}`);
  return found;
}

function container(job: Manifest): Manifest {
  return job.spec.template.spec.containers[0];
}

/** A setting of Spark in a job's arguments. */
function setting(job: Manifest, key: string): string | undefined {
  const prefix = `--conf=${key}=`;
  return container(job).args.find((arg: string) => arg.startsWith(prefix))?.slice(prefix.length);
}

Deno.test("manifests: the objects are those of the design, the namespace first, the rest inside it", () => {
  const names = (kind: string) => ofKind(kind).map(({ metadata }) => metadata.name);
  assertEquals(applied[0]!.kind, "Namespace");
  assertEquals(named("Namespace", "analytics-jobs").metadata.labels.name, "analytics-jobs");
  assertEquals(names("Job"), ["bronze-ingest-manual", "silver-transform-manual"]);
  assertEquals(names("CronJob"), ["nightly-preflight", "nightly-run", "nightly-run-spark"]);
  assertEquals(names("ServiceAccount"), ["spark-jobs", "deep-storage", "deep-storage-spark"]);
  assertEquals(names("Secret"), []);
  for (const { kind, metadata } of applied.slice(1)) {
    assertEquals(metadata.namespace, "analytics-jobs", `${kind} ${metadata.name}`);
  }
});

Deno.test("applying everything starts nothing", () => {
  for (const { spec } of [...jobs, ...cronJobs]) assertEquals(spec.suspend, true);
});

Deno.test("manifests: every key that a job reads is in the template of the secret that it names", () => {
  const keys = new Map(templates.map(({ metadata, stringData }) => [metadata.name, stringData]));
  assertEquals([...keys.keys()], ["django-db-credentials", "contabo-s3-credentials"]);
  for (const job of [...jobs, ...cronJobs.map(({ spec }) => spec.jobTemplate)]) {
    const read = container(job).env.flatMap(({ valueFrom }: Manifest) =>
      valueFrom?.secretKeyRef ? [valueFrom.secretKeyRef] : []
    );
    assertEquals(read.length, 8);
    for (const { name, key } of read) assert(key in keys.get(name), `${name}/${key}`);
  }
});

Deno.test("manifests: no env value and no argument wants a shell, and JOB_DATE is left to the job", () => {
  for (const job of jobs) {
    const { command, args, env } = container(job);
    const declared = new Set<string>(env.map(({ name }: Manifest) => name));
    assertEquals(declared.has("JOB_DATE"), false);
    assertEquals(command, ["/opt/spark/bin/spark-submit"]);
    for (const text of [...args, ...env.map(({ value }: Manifest) => value ?? "")]) {
      const bare = text.replace(
        /\$\((\w+)\)/g,
        (found: string, name: string) => declared.has(name) ? "" : found,
      );
      assert(!/[`$]/.test(bare), text);
    }
  }
});

Deno.test("manifests: each variable that the jobs' code reads is set, or has a fallback", () => {
  const code = Deno.readTextFileSync(new URL("deep_storage/settings.py", JOBS));
  const read = [...code.matchAll(/os\.environ\.get\(\s*"(\w+)"/g)].map(([, name]) => name!);
  assert(read.length >= 12, read.join());
  const tls = ["DJANGO_DB_SSLMODE", "PGSSLMODE", "PGSSLROOTCERT"];
  const optional = ["JOB_DATE", "OUTBOX_TABLE", "SEAL_GRACE_MINUTES", "AWS_SESSION_TOKEN", ...tls];
  for (const job of jobs) {
    const set = container(job).env.map(({ name }: Manifest) => name);
    assertEquals(read.filter((name) => !set.includes(name) && !optional.includes(name)), []);
  }
});

Deno.test("driver and executors run one image, of the Dockerfile's Spark", () => {
  const [, spark] = /^FROM apache\/spark:(3\.5\.\d+)-\S*java17-python3\S*$/m.exec(dockerfile)!;
  for (const job of jobs) {
    const { image } = container(job);
    assertEquals(image, `ghcr.io/ldamasio/rbs-spark:${spark}-phase1`);
    assertEquals(setting(job, "spark.kubernetes.executor.container.image"), image);
  }
  assertStringIncludes(dockerfile, `-t ghcr.io/ldamasio/rbs-spark:${spark}-phase1`);
});

Deno.test("manifests: the image has the three jars, checked, in versions that fit Hadoop 3.3.4", () => {
  const copied = [...dockerfile.matchAll(/-Dartifact=[\w.]+:([\w-]+):([\w.]+)/g)];
  const jars = copied.map(([, artifact, version]) => `${artifact}-${version}.jar`);
  assertEquals(jars.slice(0, 2), ["hadoop-aws-3.3.4.jar", "aws-java-sdk-bundle-1.12.262.jar"]);
  assertMatch(jars[2]!, /^postgresql-42\.7\.\d+\.jar$/);
  const digests = [...dockerfile.matchAll(/^ +[0-9a-f]{64} (\S+\.jar) \\$/gm)];
  assertEquals(digests.map(([, jar]) => jar!), jars);
  assertEquals([...dockerfile.matchAll(/^USER (\S+)$/gm)].at(-1)![1], "185");
});

Deno.test("driver and executor pods satisfy the namespace's restricted security standard", () => {
  const executor = parseAllDocuments(named("ConfigMap", "spark-executor-pod").data["pod.yaml"])[0]!
    .toJS();
  for (const pod of [...jobs.map(({ spec }) => spec.template), executor]) {
    const { securityContext, containers, volumes, nodeSelector, tolerations } = pod.spec;
    assertEquals(securityContext.runAsNonRoot, true);
    assertEquals(securityContext.runAsUser, 185);
    assertEquals(securityContext.seccompProfile.type, "RuntimeDefault");
    assertEquals(containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    for (const volume of volumes) assert("emptyDir" in volume || "configMap" in volume);
    assertEquals(nodeSelector, { "robson.io/pool": "analytics" });
    assertEquals(tolerations, [
      {
        key: "robson.io/dedicated",
        operator: "Equal",
        value: "analytics",
        effect: "NoSchedule",
      },
    ]);
  }
});

Deno.test("manifests: the pods of the schedule satisfy the restricted security standard, and get a token only for Spark", () => {
  for (const { spec, metadata } of cronJobs) {
    const pod = spec.jobTemplate.spec.template;
    const { securityContext, containers, volumes } = pod.spec;
    assertEquals(securityContext.runAsNonRoot, true);
    assert(securityContext.runAsUser > 0);
    assertEquals(securityContext.seccompProfile.type, "RuntimeDefault");
    assertEquals(containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    for (const volume of volumes) assert("emptyDir" in volume);
    const isSpark = pod.metadata.labels.engine === "spark";
    assertEquals(pod.spec.automountServiceAccountToken, isSpark, metadata.name);
    assertEquals(containers[0].args.includes("--engine=spark"), isSpark);
  }
});

Deno.test("manifests: the schedule is in UTC, and a run ends before the next night", () => {
  for (const { spec } of cronJobs) {
    assertEquals([spec.timeZone, spec.concurrencyPolicy], ["Etc/UTC", "Forbid"]);
    assert(spec.jobTemplate.spec.activeDeadlineSeconds + spec.startingDeadlineSeconds < 86_400);
  }
});

Deno.test("manifests: both jobs with their executors fit the quota together", () => {
  const { hard } = named("ResourceQuota", "analytics-jobs").spec;
  let cpu = 0;
  let memory = 0;
  for (const job of jobs) {
    const { requests, limits } = container(job).resources;
    assertEquals(requests, limits);
    const instances = Number(setting(job, "spark.executor.instances"));
    cpu += Number(limits.cpu);
    cpu += instances * Number(setting(job, "spark.kubernetes.executor.limit.cores"));
    memory += bytes(limits.memory);
    memory += instances * bytes(`${setting(job, "spark.executor.memory")}i`);
    memory += instances * bytes(`${setting(job, "spark.executor.memoryOverhead")}i`);
  }
  assertEquals([hard["limits.cpu"], hard["requests.cpu"]], ["6", "6"]);
  assert(cpu <= Number(hard["limits.cpu"]), `${cpu} CPU`);
  assert(memory <= bytes(hard["limits.memory"]), `${memory} bytes`);
});

function bytes(quantity: string): number {
  const [, number, unit] = /^(\d+)(G|gi|mi|Gi|Mi)$/.exec(quantity)!;
  return Number(number) * ({ g: 2 ** 30, m: 2 ** 20 }[unit![0]!] ??
    ({ G: 1e9, Gi: 2 ** 30, Mi: 2 ** 20 })[unit!]!);
}

Deno.test("manifests: the ports that Spark is reported are those that the policy opens, in both directions", () => {
  const { podSelector, ingress, egress } =
    named("NetworkPolicy", "allow-driver-executor-traffic").spec;
  const open = [7078, 7079];
  for (const job of jobs) {
    const told = ["spark.driver.port", "spark.driver.blockManager.port", "spark.blockManager.port"]
      .map((key) => Number(setting(job, key)));
    assertEquals(told, [7078, 7079, 7079]);
    assertEquals(job.spec.template.metadata.labels["spark-role"], "driver");
  }
  assertEquals(ingress[0].from, [{ podSelector }]);
  assertEquals(egress[0].to, [{ podSelector }]);
  for (const [{ ports }] of [ingress, egress]) {
    assertEquals(ports.map(({ port }: Manifest) => port), open);
  }
});

/** Runs Python with the jobs' modules, and reads what it prints as JSON. */
async function python(program: string, env: Record<string, string> = {}): Promise<Manifest> {
  const { success, stdout, stderr } = await new Deno.Command("python3", {
    args: ["-B", "-c", program],
    env: { ...env, PYTHONPATH: JOBS.pathname },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const DAY = parseDay("2025-12-28")!;
const SHA = "0123456789abcdef".repeat(4);

Deno.test("manifests: every source of the jobs compiles, as the oldest Python that Spark 3.5 runs on", async () => {
  const found = await python(`
import ast, json, pathlib
for path in pathlib.Path("${JOBS.pathname}").rglob("*.py"):
    text = path.read_text()
    compile(text, str(path), "exec")
    ast.parse(text, feature_version=(3, 8))
    lines = text.splitlines()
    assert len(lines) <= 300 and max(map(len, lines), default=0) <= 88, path
print(json.dumps(sorted(p.name for p in pathlib.Path("${JOBS.pathname}").glob("*.py"))))`);
  assertEquals(found, ["bronze_ingest.py", "silver_transform.py"]);
});

Deno.test("manifests: both engines have one contract", async () => {
  const program = "import json; from deep_storage import contract as c; " +
    "print(json.dumps([c.EVENT_CONTRACT, c.EXECUTION_CONTRACT]))";
  assertEquals(await python(program), [EVENT_CONTRACT, EXECUTION_CONTRACT]);
});

Deno.test("manifests: both engines render a commit to the same bytes, and read it", async () => {
  const part = (folder: string) => ({
    key: `${folder}/date=${DAY}/part-00000-0.parquet`,
    rows: 3,
    bytes: 999,
    sha256: SHA,
  });
  const bronze: BronzeCommit = {
    layer: "bronze",
    day: DAY,
    state: "sealed",
    rows: 3,
    contract: EVENT_CONTRACT,
    minSeq: -9_223_372_036_854_775_807n,
    maxSeq: 9n,
    parts: [part("bronze/events")],
  };
  const silver: SilverCommit = {
    layer: "silver",
    day: DAY,
    state: "open",
    rows: 0,
    contract: EXECUTION_CONTRACT,
    ...{ bronze: { key: "bronze/…", sha256: SHA }, parts: [] },
  };
  for (const commit of [bronze, silver]) {
    const text = new TextDecoder().decode(renderMarker(commit));
    const again = await python(
      `
import json, os
from deep_storage import marker, marker_reader
body = os.environ["MARKER"].encode()
print(json.dumps(marker.render(marker_reader.parse(body, "${commit.layer}", "${DAY}")).decode()))`,
      { MARKER: text },
    );
    assertEquals(again, text);
  }
});

Deno.test("manifests: both engines read a day alike", async () => {
  const texts = ["2025-12-28", "2024-02-29", "2025-02-29", "0001-01-01", "0000-01-01"];
  const odd = ["2025-1-1", " 2025-12-28", "2025-12-28\n", "$(date +%F)", "", "２０２５-12-28"];
  const days = await python(
    `
import json, os
from deep_storage import settings
texts = json.loads(os.environ["TEXTS"])
print(json.dumps([settings.parse_day(text) is not None for text in texts]))`,
    { TEXTS: JSON.stringify([...texts, ...odd]) },
  );
  assertEquals(days, [...texts, ...odd].map((text) => parseDay(text) !== undefined));
  const window = await python(
    `import json; from deep_storage import settings; print(json.dumps(settings.window_of("${DAY}")))`,
  );
  assertEquals(window.map(BigInt), [windowOf(DAY).start, windowOf(DAY).end]);
});

Deno.test("manifests: a JOB_DATE that is none is refused, and a shell expression is reported as one", async () => {
  for (
    const [text, words] of [
      ["$(date +%F)", "Kubernetes does not run a shell"],
      ["2025-02-30", "the calendar has no such day"],
      ["28.12.2025", "the format of a day is YYYY-MM-DD"],
    ] as const
  ) {
    const { kind, message } = await python(
      `
import json
from deep_storage import errors, settings
try:
    settings.requested_day()
except errors.Failure as failure:
    print(json.dumps({"kind": failure.kind, "message": str(failure)}))`,
      { JOB_DATE: text },
    );
    assertEquals(kind, "configuration");
    assertStringIncludes(message, words);
  }
});

Deno.test("manifests: what an operator sees holds no key", async () => {
  const shown = await python(
    `
import json
from deep_storage import errors, settings
text = [repr(settings.database()), repr(settings.store())]
text.append(errors.unexpected(ValueError("no p4ss!word here"), settings.secrets()))
print(json.dumps(text))`,
    {
      DJANGO_DB_PASSWORD: "p4ss!word",
      AWS_ACCESS_KEY_ID: "KEYID",
      AWS_SECRET_ACCESS_KEY: "s3cr3t",
    },
  );
  for (const secret of ["p4ss!word", "KEYID", "s3cr3t"]) {
    assertEquals(JSON.stringify(shown).includes(secret), false);
  }
});
