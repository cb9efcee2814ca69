import type { Finding, Result } from "../../../../checks/finding.ts";
import type { ImageFact, ImageReading } from "../../../../checks/facts/image.ts";
import { imageDeps } from "../../../../checks/preflight/image/image_deps.ts";
import { type Gatherers, runChecks } from "../../../../checks/runner.ts";
import { Failure } from "../../../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { change, factOf, IMAGE, JOB, JOB_ID, lineOf, ONE_IMAGE } from "../../healthy/manifests.ts";
import { contents, DIGEST, jar, JARS, refusal } from "../../healthy/image.ts";

const OBJECT = `${IMAGE}@${DIGEST}`;

const factWith = (...images: readonly ImageReading[]): ImageFact => (
  { platform: "linux/amd64", images }
);

/** The verdict of image-deps over files, or without them, and what is known of their image. */
async function judge(
  image: ImageFact | Gatherers["image"],
  files: Readonly<Record<string, string>> | "none" = ONE_IMAGE,
): Promise<Result> {
  const left = { absent: "left out", asked: true } as const;
  const isFact = image !== undefined && "images" in image;
  const [result] = await runChecks([imageDeps], {
    manifests: files === "none" ? left : () => Promise.resolve(factOf(files)),
    cluster: left,
    image: isFact ? () => Promise.resolve(image) : image ?? left,
  }, { timeoutMs: 10_000 });
  return result!;
}

async function found(
  fact: ImageFact,
  ...expected: Partial<Finding>[]
): Promise<readonly Finding[]> {
  const { findings, verdict, reason } = await judge(fact);
  assertEquals(findings.length, expected.length, findings.map(({ problem }) => problem).join("\n"));
  expected.forEach((each, i) => assertEquals({ ...findings[i]!, ...each }, findings[i]!));
  for (const { why, fix } of findings) assert(fix.length > 10 && (why ?? "").length > 10);
  if (expected.length === 0) assertEquals([verdict, reason], ["pass", undefined]);
  return findings;
}

const without = (name: string) => JARS.filter((each) => each.name !== name);

Deno.test("image-deps: an image with the right jars, and the code that the job names, is well", async () => {
  await found(factWith(contents(IMAGE)));
  const { examined } = await judge(factWith(contents(IMAGE)));
  assertStringIncludes(examined ?? "", "the inside of 1 image");
});

for (
  const [name, add] of [
    ["hadoop-aws", "-Dartifact=org.apache.hadoop:hadoop-aws:3.3.4"],
    ["aws-java-sdk-bundle", "-Dartifact=com.amazonaws:aws-java-sdk-bundle:1.12.262"],
    ["postgresql", "-Dartifact=org.postgresql:postgresql:42.7.14"],
  ] as const
) {
  Deno.test(`image-deps: a missing ${name} is reported with the image's digest, and how to get it`, async () => {
    const [finding] = await found(factWith(contents(IMAGE, { jars: without(name) })), {
      ...{ severity: "fail", object: OBJECT, field: "/opt/spark/jars", file: `manifests/${JOB}` },
      ...{
        line: lineOf(JOB, `image: ${IMAGE}`),
        problem: `there is no ${name} jar in /opt/spark/jars`,
      },
    });
    assertStringIncludes(finding!.fix, add);
  });
}

Deno.test("image-deps: a jar that a layer deletes is reported with that layer", async () => {
  const deletedJars = [{ ...jar("postgresql", "42.7.14"), layer: 7 }];
  const [finding] = await found(
    factWith(contents(IMAGE, { jars: without("postgresql"), deletedJars })),
    {
      problem: "postgresql-42.7.14.jar is not in /opt/spark/jars any more: layer 7 deletes it",
    },
  );
  assertStringIncludes(finding!.fix, "remove what deletes postgresql-42.7.14.jar");
  await found(factWith(contents(IMAGE, { deletedJars })));
});

const replaced = (name: string, version: string) => [...without(name), jar(name, version)];

Deno.test("image-deps: versions have to fit the image's own Hadoop, whatever its Spark usually has", async () => {
  const aws = contents(IMAGE, { jars: replaced("hadoop-aws", "3.4.1") });
  const [finding] = await found(factWith(aws), {
    ...{ field: "hadoop-aws-3.4.1.jar", severity: "fail", object: OBJECT },
    problem: "hadoop-aws-3.4.1.jar does not fit the image's Hadoop 3.3.4",
  });
  assertStringIncludes(finding!.fix, "Take hadoop-aws-3.3.4.jar instead");
  await found(factWith(contents(IMAGE, { jars: replaced("aws-java-sdk-bundle", "1.11.1026") })), {
    problem: "aws-java-sdk-bundle-1.11.1026.jar does not fit the image's Hadoop 3.3.4",
  });
  const newer = replaced("hadoop-aws", "3.3.6").map((each) =>
    each.name === "aws-java-sdk-bundle" ? jar(each.name, "1.12.367") : each
  );
  await found(factWith(contents(IMAGE, { jars: newer, hadoopVersion: "3.3.6" })));
});

Deno.test("image-deps: since Hadoop 3.4 the SDK is another jar", async () => {
  const jars = [jar("hadoop-aws", "3.4.1"), jar("postgresql", "42.7.14"), jar("bundle", "2.24.6")];
  await found(factWith(contents(IMAGE, { jars, hadoopVersion: "3.4.1" })));
  await found(factWith(contents(IMAGE, { jars: jars.slice(0, 2), hadoopVersion: "3.4.1" })), {
    problem: "there is no bundle jar in /opt/spark/jars",
  });
});

Deno.test("image-deps: of a Hadoop that nobody knows, what does not depend on it is judged all the same", async () => {
  const jars = replaced("hadoop-aws", "9.9.9");
  await found(factWith(contents(IMAGE, { jars, hadoopVersion: "9.9.9" })), {
    ...{ severity: "warn", problem: "this check does not know which AWS SDK fits Hadoop 9.9.9" },
  });
});

Deno.test("image-deps: two versions of a jar are one too many; jars for two machines are not two versions", async () => {
  const jars = [...JARS, jar("postgresql", "42.5.0")];
  await found(factWith(contents(IMAGE, { jars })), {
    field: "postgresql-42.7.14.jar",
    problem: "there are 2 versions of one jar: postgresql-42.7.14.jar, postgresql-42.5.0.jar",
  });
  const both = ["netty-linux-x86_64", "netty-linux-aarch_64"].map((name) => jar(name, "4.1"));
  await found(factWith(contents(IMAGE, { jars: [...JARS, ...both] })));
});

Deno.test("image-deps: an image without a jars folder, or without Hadoop in it, is not Spark's", async () => {
  await found(factWith(contents(IMAGE, { jars: undefined, hadoopVersion: undefined })), {
    problem: "it has no folder /opt/spark/jars",
  });
  await found(factWith(contents(IMAGE, { jars: [], hadoopVersion: undefined })), {
    problem: "it has no Hadoop in /opt/spark/jars",
  });
});

Deno.test("code that the job names and the image lacks is reported where the job names it", async () => {
  await found(factWith(contents(IMAGE, { files: [] })), {
    ...{ object: JOB_ID, field: "spec.template.spec.containers[0].args[20]" },
    problem: `/opt/deep-storage/jobs/bronze_ingest.py is not in the image ${IMAGE} (${DIGEST})`,
  });
});

Deno.test("image-deps: the image is for the nodes' platform", async () => {
  const arm = contents(IMAGE, { platform: "linux/arm64/v8" });
  const [finding] = await found(factWith(arm), {
    problem: "it is for linux/arm64/v8, and the nodes are linux/amd64",
  });
  assertStringIncludes(finding!.fix, "--platform linux/amd64");
  await found({ ...factWith(arm), platform: "linux/arm64" });
  await found(factWith(refusal(IMAGE, "platform")), { object: IMAGE, fix: "Mend the image." });
});

Deno.test("image-deps: a broken image is a failure of this check; one that cannot be pulled is one of image-pull", async () => {
  await found(factWith(refusal(IMAGE, "broken")), { object: IMAGE, fix: "Mend the image." });
  for (const trouble of ["denied", "unknown"] as const) {
    const { verdict, reason, findings } = await judge(factWith(refusal(IMAGE, trouble)));
    assertEquals([verdict, findings.length], ["skip", 0]);
    assertStringIncludes(reason ?? "", "see image-pull");
  }
});

Deno.test("image-deps: an image that is not Spark's needs no jars", async () => {
  const init =
    "initContainers:\n        - {name: wait, image: busybox:1, resources: {limits: {cpu: 1m, memory: 1Mi}}}\n      containers:";
  const files = change(JOB, "containers:", init, ONE_IMAGE);
  const busybox = contents("busybox:1", { jars: undefined, hadoopVersion: undefined });
  const { verdict } = await judge(factWith(contents(IMAGE), busybox), files);
  assertEquals(verdict, "pass");
});

Deno.test("without the image, YAML and Dockerfile are judged as ever", async () => {
  const { verdict, examined } = await judge(undefined);
  assertEquals(verdict, "pass");
  assertStringIncludes(examined ?? "", "1 Dockerfile");
  const plain = await judge(undefined, change(JOB, IMAGE, "apache/spark:3.5.8", ONE_IMAGE));
  assertEquals(plain.verdict, "fail");
});

Deno.test("image-deps: what plain Spark lacks is reported by its name alone", async () => {
  const plain = "apache/spark:3.5.8";
  const files = change(JOB, IMAGE, plain, ONE_IMAGE);
  const lacking = contents(plain, { jars: without("postgresql") });
  const { findings } = await judge(factWith(lacking), files);
  assertEquals(findings.map(({ problem }) => problem), [`${plain} is plain Spark`]);
});

Deno.test("image-deps: the image of an archive alone is judged, as Spark's", async () => {
  const alone = (...images: readonly ImageReading[]) => judge(factWith(...images), "none");
  assertEquals((await alone(contents("x"))).verdict, "pass");
  const { verdict, findings } = await alone(contents("x", { jars: without("postgresql") }));
  assertEquals([verdict, findings[0]?.object, findings[0]?.file], [
    "fail",
    `x@${DIGEST}`,
    undefined,
  ]);
  assertEquals((await alone()).verdict, "error");
});

Deno.test("image-deps: an image that could not be gathered is an error, unless something failed anyway", async () => {
  const gone = () =>
    Promise.reject(
      new Failure({
        kind: "unreachable",
        task: "look",
        problem: "it is gone",
        remedy: "Wait.",
      }),
    );
  const { verdict, reason } = await judge(gone);
  assertEquals(verdict, "error");
  assertStringIncludes(reason ?? "", "Cannot look: it is gone");
  const failed = await judge(gone, change(JOB, IMAGE, "apache/spark:3.5.8", ONE_IMAGE));
  assertEquals(failed.verdict, "fail");
});

Deno.test("image-deps: an image that a job runs and nobody looked into is an error", async () => {
  const { verdict, reason } = await judge(factWith(contents("other:1")));
  assertEquals([verdict, reason], ["error", `${IMAGE} was not read`]);
});

Deno.test("image-deps: both halves are reported together", async () => {
  const files = change(JOB, "- --driver-memory=1g", "- --packages=a:b:1", ONE_IMAGE);
  const { findings } = await judge(
    factWith(contents(IMAGE, { jars: without("postgresql") })),
    files,
  );
  assertEquals(findings.map(({ object }) => object), [JOB_ID, OBJECT]);
});

Deno.test("image-deps: one half fails whatever becomes of the other", async () => {
  const plain = change(JOB, IMAGE, "apache/spark:3.5.8", ONE_IMAGE);
  const denied = await judge(factWith(refusal("apache/spark:3.5.8", "denied")), plain);
  assertEquals([denied.verdict, denied.findings.length], ["fail", 1]);
  const bad = factWith(contents("x", { jars: without("postgresql") }));
  assertEquals((await judge(bad, { "broken.yaml": "a: [" })).verdict, "fail");
  assertEquals((await judge(factWith(contents("x")), { "broken.yaml": "a: [" })).verdict, "skip");
});
