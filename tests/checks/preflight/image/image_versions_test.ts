import { judgeImages } from "../../../../checks/preflight/image/image_deps.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import {
  otherExecutorImages,
  wrongJarsOfJobs,
} from "../../../../checks/preflight/image/image_versions.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { contents } from "../../healthy/image.ts";
import {
  ALL_FILES,
  argoWorkflow,
  change,
  factOf,
  FILES,
  IMAGE,
  JOB,
  ONE_IMAGE,
} from "../../healthy/manifests.ts";

const EXECUTOR = "spark.kubernetes.executor.container.image";

/** The healthy job with other arguments, and with another image of its own pod. */
function treeWith(args: readonly string[], image = IMAGE, files = ONE_IMAGE) {
  const text = args.map((each) => `- ${each}`).join("\n            ");
  const changed = change(JOB, "- --driver-memory=1g", text, files);
  return treeOf(factOf(change(JOB, `image: ${IMAGE}`, `image: ${image}`, changed)));
}

const judged = (
  executor: string,
  driver = IMAGE,
  fact?: Parameters<typeof otherExecutorImages>[1],
) =>
  otherExecutorImages(
    treeWith([`--conf=${EXECUTOR}=${executor}`], driver),
    fact,
  ).map(({ severity, problem }) => `${severity} ${problem.replace(/:.*/, "")}`);

const NAME = IMAGE.replace(/:.*/, "");
const DIFFERENT = ["warn the executors' image is not the driver's"];
const failed = (executor: string, driver: string) => [
  `fail the executors' image has Spark ${executor}, but the driver's has Spark ${driver}`,
];

Deno.test("otherExecutorImages fails for another release of Spark, and warns about another image", () => {
  assertEquals(judged(IMAGE), []);
  assertEquals(judged(`${NAME}:4.0.0-phase1`), failed("4.0", "3.5"));
  assertEquals(judged("apache/spark:3.4.1"), failed("3.4", "3.5"));
  // Findings of their own.
  assertEquals(judged("apache/spark:3.5.8"), []);
  assertEquals(judged(`${NAME}:latest`), []);
  const digest = `sha256:${"a".repeat(64)}`;
  for (
    const executor of [
      `${NAME}:3.5.7-phase1`,
      `${NAME}@${digest}`,
      `${NAME}:4.0`,
      `${NAME}:9.1.0`,
      `${NAME}-etl:4.0.0`,
      "ghcr.io/example/etl:3.4.0",
    ]
  ) assertEquals(judged(executor), DIFFERENT, executor);
  assertEquals(judged(`${NAME}:1@${digest}`, `${NAME}@${digest}`), []);
  assertEquals(judged("docker.io/apache/spark:3.5.8", "apache/spark:3.5.8"), []);
  assertEquals(judged("$IMAGE"), []);
});

Deno.test("otherExecutorImages judges the driver that Spark creates, and no executors of a local job", () => {
  const args = ["--deploy-mode=cluster", `--conf=${EXECUTOR}=${NAME}:4.0.0`];
  const driver = "spark.kubernetes.driver.container.image";
  const severities = (more: readonly string[]) =>
    otherExecutorImages(treeWith([...args, ...more])).map(({ severity }) => severity);
  assertEquals(severities([`--conf=${driver}=${NAME}:4.0.0`]), []);
  assertEquals(severities([`--conf=${driver}=${NAME}:3.5.8`]), ["fail"]);
  assertEquals(severities(["--deploy-mode=client", "--master=local[2]"]), []);
});

Deno.test("otherExecutorImages takes the release of Spark from the contents of an image", () => {
  const jars = (version: string) => [
    { file: `spark-core_2.12-${version}.jar`, name: "spark-core_2.12", version },
  ];
  const other = "ghcr.io/example/etl:2";
  const fact = (version: string) => ({
    platform: "linux/amd64",
    images: [
      contents(IMAGE, { jars: jars("3.5.8") }),
      contents(other, { jars: jars(version) }),
    ],
  });
  assertEquals(judged(other, IMAGE, fact("4.0.1")), failed("4.0", "3.5"));
  assertEquals(judged(other, IMAGE, fact("3.5.8")), DIFFERENT);
});

Deno.test("wrongJarsOfJobs fails for a jar for another Scala, and warns about another Spark", () => {
  const jars = (jar: string, bases: readonly string[], image = IMAGE) =>
    wrongJarsOfJobs(treeWith([`--jars=${jar}`], image), bases)
      .map(({ severity, problem }) => `${severity} ${problem}`);
  const wrong = "local:///opt/spark/jars/iceberg-spark-runtime-3.5_2.13-1.6.0.jar";
  const base = "apache/spark:3.5.8-scala2.12-java17-python3-ubuntu";
  const scala = (found: string, wanted: string) => [
    `fail iceberg-spark-runtime-3.5_${found}-1.6.0.jar is for Scala ${found}, ` +
    `but Spark in this image is for Scala ${wanted}`,
  ];
  assertEquals(jars(wrong, [base]), scala("2.13", "2.12"));
  assertEquals(jars(wrong, [], "apache/spark:3.5.8"), scala("2.13", "2.12"));
  assertEquals(
    jars(wrong.replace("2.13", "2.12"), ["apache/spark:4.0.0"])[0],
    scala("2.12", "2.13")[0],
  );
  assertEquals(
    jars(wrong.replace("3.5_2.13", "3.4_2.12"), [base]).map((each) => each.slice(0, 4)),
    [
      "warn",
    ],
  );
  assertEquals(jars(wrong.replace("2.13", "2.12"), [base]), []);
  // What the image contains is not known.
  assertEquals(jars(wrong, []), []);
  assertEquals(jars(wrong, ["registry.example.com/base:3.5.8"]), []);
  assertEquals(jars(wrong, [base, "apache/spark:4.0.0"]), []);
  // Another job has another image, so the Dockerfile can be that of either.
  const other = treeWith([`--jars=${wrong}`], "registry.example.com/other:1", ALL_FILES);
  assertEquals(wrongJarsOfJobs(other, [base]), []);
});

Deno.test("image-deps does not judge an image with a parameter", () => {
  for (
    const image of [
      "{{inputs.parameters.image}}",
      "registry.example.com/a:{{workflow.parameters.tag}}",
    ]
  ) {
    const workflow = argoWorkflow(`container:
  image: "${image}"
  command: [spark-submit]
  args:
    - --master=k8s://https://kubernetes.default.svc
    - --conf=spark.kubernetes.executor.container.image=${IMAGE}
    - local:///opt/deep-storage/jobs/bronze_ingest.py
`);
    const { findings, unknown } = judgeImages(treeOf(factOf({ ...FILES, "a.yaml": workflow })))!;
    assertEquals(findings, [], image);
    assertStringIncludes(unknown ?? "", `the image ${image} has a parameter`);
  }
});

Deno.test("otherExecutorImages recommends the image of the project, or else the one that more places use", () => {
  const fixOf = (driver: string, executor: string, other = driver) => {
    const tree = treeWith([`--conf=${EXECUTOR}=${executor}`], driver);
    const more = treeWith([`--conf=${EXECUTOR}=${executor}`], other).jobs;
    const jobs = other === driver ? tree.jobs : [...tree.jobs, ...more];
    const [found] = otherExecutorImages({ ...tree, jobs });
    return found?.fix.replace("Use one image for driver and executors: ", "");
  };
  const [old, recent] = [`${NAME}:3.5.7-phase1`, `${NAME}:3.5.9-phase1`];
  assertEquals(fixOf(old, IMAGE), IMAGE);
  assertEquals(fixOf(IMAGE, old), IMAGE);
  assertEquals(fixOf(recent, old), `${recent} or ${old}`);
  assertEquals(fixOf(recent, old, old), old);
  assertEquals(fixOf(`${NAME}:3.4.1`, IMAGE), IMAGE); // also for another release
});
