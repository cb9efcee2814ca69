import {
  imagesOf,
  type ImageUse,
  readingFor,
  requestsFor,
} from "../../../../checks/preflight/image/image_uses.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { assertEquals } from "../../../support/assert.ts";
import { contents } from "../../healthy/image.ts";
import {
  ACCESS,
  change,
  EXECUTORS,
  factOf,
  IMAGE,
  JOB,
  JOB_ID,
  lineOf,
  ONE_IMAGE,
} from "../../healthy/manifests.ts";

const FIELD = "spec.template.spec.containers[0].image";

function usesIn(files: Readonly<Record<string, string>>): ImageUse[] {
  return imagesOf(treeOf(factOf(files)));
}

/** The healthy job with one more argument for Spark. */
const withArgument = (...args: string[]) =>
  change(
    JOB,
    "- --driver-memory=1g",
    args.map((each) => `- ${each}`).join("\n            "),
    ONE_IMAGE,
  );

const EXECUTOR = "spark.kubernetes.executor.container.image";

Deno.test("image_uses lists the image of a job's container, with the files that the job refers to", () => {
  const [use, ...others] = usesIn(ONE_IMAGE);
  assertEquals(others, []);
  const { place, reference, isSpark, bySpark, files, namespace, secrets } = use!;
  assertEquals([reference, isSpark, bySpark, namespace], [IMAGE, true, false, "analytics-jobs"]);
  assertEquals([place.object, place.field, place.line], [
    JOB_ID,
    FIELD,
    lineOf(JOB, `image: ${IMAGE}`),
  ]);
  assertEquals(files.map(({ path }) => path), ["/opt/deep-storage/jobs/bronze_ingest.py"]);
  assertEquals(files[0]!.place.field, "spec.template.spec.containers[0].args[20]");
  assertEquals(secrets, []);
});

Deno.test("image_uses lists the executors' image from Spark's setting", () => {
  for (const key of [EXECUTOR, "spark.kubernetes.container.image"]) {
    const [, use, ...others] = usesIn(withArgument(`--conf=${key}=ghcr.io/example/other:1`));
    assertEquals(others, []);
    assertEquals([use?.reference, use?.bySpark], ["ghcr.io/example/other:1", true]);
    assertEquals(use?.place.field, "spec.template.spec.containers[0].args[3]");
  }
  const both = withArgument(
    `--conf=spark.kubernetes.container.image=a:1`,
    `--conf=${EXECUTOR}=b:1`,
  );
  assertEquals(usesIn(both).map(({ reference }) => reference), [IMAGE, "b:1"]);
});

Deno.test("image_uses lists the driver's own image in cluster mode", () => {
  const files = withArgument(
    "--deploy-mode=cluster",
    "--conf=spark.kubernetes.container.image=a:1",
    "--conf=spark.kubernetes.driver.container.image=b:1",
  );
  assertEquals(usesIn(files).map(({ reference }) => reference), [IMAGE, "b:1", "a:1"]);
});

Deno.test("image_uses expects files with local:// in the driver's image in cluster mode", () => {
  const uses = (...more: string[]) =>
    usesIn(withArgument(
      "--deploy-mode=cluster",
      "--conf=spark.kubernetes.container.image=a:1",
      "--conf=spark.kubernetes.driver.container.image=b:1",
      "--py-files=/own/lib.zip,local:///opt/lib.zip",
      ...more,
    )).map(({ reference, isSpark, files }) => [
      reference,
      isSpark,
      files.map(({ path }) => path).join(),
    ]);
  const job = "/opt/deep-storage/jobs/bronze_ingest.py";
  assertEquals(uses(), [
    [IMAGE, false, "/own/lib.zip"],
    ["b:1", true, `/opt/lib.zip,${job}`],
    ["a:1", true, ""],
  ]);
  const volume = "spark.kubernetes.driver.volumes.persistentVolumeClaim.code.mount.path=/opt";
  assertEquals(uses(`--conf=${volume}`)[1], ["b:1", true, ""]);
  const template = "spark.kubernetes.driver.podTemplateFile=/none.yaml";
  assertEquals(uses(`--conf=${template}`)[1], ["b:1", true, ""]);
  const upload = "spark.kubernetes.file.upload.path=s3a://lake/upload";
  assertEquals(uses(`--conf=${upload}`)[0], [IMAGE, true, "/own/lib.zip"]);
});

Deno.test("image_uses replaces a variable in an argument, as Kubernetes does", () => {
  const files = withArgument(`--conf=${EXECUTOR}=ghcr.io/$(TEAM)/$(NONE):1`);
  const named = {
    ...files,
    [JOB]: files[JOB]!.replace(
      "name: HOME",
      'name: TEAM\n              value: "x"\n            - name: HOME',
    ),
  };
  assertEquals(usesIn(named)[1]?.reference, "ghcr.io/x/$(NONE):1");
});

Deno.test("image_uses lists an init container's image, which need not contain Spark", () => {
  const init = "initContainers:\n        - {name: wait, image: busybox:1}\n      containers:";
  const [first] = usesIn(change(JOB, "containers:", init, ONE_IMAGE));
  assertEquals([first?.reference, first?.isSpark, first?.files], ["busybox:1", false, []]);
});

Deno.test("image_uses expects files in the image, except those of a volume", () => {
  const files = (text: string) =>
    usesIn(change(JOB, "- local:///opt/deep-storage/jobs/bronze_ingest.py", text, ONE_IMAGE))[0]
      ?.files
      .map(({ path }) => path);
  assertEquals(files("- local:///opt/deep-storage/executor/bronze.py"), []);
  assertEquals(files("- /opt/jobs/bronze.py"), ["/opt/jobs/bronze.py"]);
  assertEquals(files("- --py-files=local:///a/b.zip,local:///a/c.py"), ["/a/b.zip", "/a/c.py"]);
  assertEquals(files("- --conf=spark.jars=local:///a/x-1.0.jar"), ["/a/x-1.0.jar"]);
  assertEquals(files("- s3a://rbs/jobs/bronze.py"), []);
  assertEquals(files('- "exec spark-submit \\"/a b/c.py\\" /d/e.py"'), ["/d/e.py"]);
});

const SECRET = (name: string, namespace = "analytics-jobs") => `
apiVersion: v1
kind: Secret
metadata: {name: ${name}, namespace: ${namespace}}
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: '{"auths": {"ghcr.io": {"username": "robot", "password": "p-${name}"}}}'
`;
const ACCOUNT = "automountServiceAccountToken: false\n";
const withAccount = (files: Readonly<Record<string, string>>, ...names: string[]) => ({
  ...files,
  [ACCESS]: files[ACCESS]!.replace(
    ACCOUNT,
    `${ACCOUNT}imagePullSecrets: [${names.map((name) => `{name: ${name}}`)}]\n`,
  ),
  "pull.yaml": names.map((name) => SECRET(name)).join("---"),
});
const withPod = (files: Readonly<Record<string, string>>, ...names: string[]) => ({
  ...files,
  [JOB]: files[JOB]!.replace(
    "      restartPolicy: Never",
    `      imagePullSecrets: [${
      names.map((name) => `{name: ${name}}`)
    }]\n      restartPolicy: Never`,
  ),
});

const secretsOf = (use: ImageUse | undefined) =>
  use?.secrets.map(({ name, namespace, secret }) => (
    `${namespace}/${name}${secret === undefined ? " missing" : ""}`
  ));

Deno.test("image_uses uses the pod's pull secrets, or those of its service account", () => {
  const account = withAccount(ONE_IMAGE, "a", "b");
  assertEquals(secretsOf(usesIn(account)[0]), ["analytics-jobs/a", "analytics-jobs/b"]);
  const [use] = usesIn(withPod(account, "c"));
  assertEquals(secretsOf(use), ["analytics-jobs/c missing"]);
  assertEquals(use?.secrets[0]?.place.field, "spec.template.spec.imagePullSecrets[0]");
  const elsewhere = { ...withPod(ONE_IMAGE, "c"), "pull.yaml": SECRET("c", "robson") };
  assertEquals(secretsOf(usesIn(elsewhere)[0]), ["analytics-jobs/c missing"]);
});

Deno.test("image_uses reads executors' pull secrets from Spark's setting, template and account", () => {
  const image = `--conf=${EXECUTOR}=a:1`;
  const executors = (...args: string[]) =>
    secretsOf(usesIn(withAccount(withArgument(image, ...args), "acc"))[1]);
  assertEquals(executors(), []);
  assertEquals(executors("--conf=spark.kubernetes.container.image.pullSecrets=x,acc"), [
    "analytics-jobs/x missing",
    "analytics-jobs/acc",
  ]);
  for (const role of ["executor", "driver"]) {
    const key = `spark.kubernetes.authenticate.${role}.serviceAccountName`;
    assertEquals(executors(`--conf=${key}=spark-jobs`), ["analytics-jobs/acc"]);
  }
  const template = {
    ...withArgument(image),
    [EXECUTORS]: ONE_IMAGE[EXECUTORS]!.replace(
      "    spec:\n",
      "    spec:\n      imagePullSecrets: [{name: t}]\n",
    ),
  };
  assertEquals(secretsOf(usesIn(template)[1]), ["analytics-jobs/t missing"]);
});

const own = [{ from: "config.json", config: new Uint8Array(0) }];

Deno.test("image_uses requests each pair of image and credentials once, with all files", () => {
  const second = ONE_IMAGE[JOB]!.replace("name: bronze-ingest-manual", "name: silver")
    .replace("/jobs/bronze_ingest.py", "/jobs/silver.py");
  const files = {
    ...withAccount(withArgument(`--conf=${EXECUTOR}=${IMAGE}`), "a"),
    "z.yaml": second,
  };
  const requests = requestsFor(usesIn(files));
  assertEquals(
    requests.map((
      { reference, files, credentials },
    ) => [reference, ...files, ...credentials.map(({ from }) => from)]),
    [
      [
        IMAGE,
        "/opt/deep-storage/jobs/bronze_ingest.py",
        "/opt/deep-storage/jobs/silver.py",
        "Secret analytics-jobs/a",
      ],
      [IMAGE],
    ],
  );
});

Deno.test("image_uses uses the operator's credentials for pods with unknown pull secrets", () => {
  const from = (files: Readonly<Record<string, string>>) =>
    requestsFor(usesIn(files), own).flatMap(({ credentials }) =>
      credentials.map(({ from }) => from)
    );
  assertEquals(from(ONE_IMAGE), ["config.json"]);
  assertEquals(from(withPod(ONE_IMAGE, "missing")), ["config.json"]);
  assertEquals(from(withAccount(ONE_IMAGE, "a")), ["Secret analytics-jobs/a"]);
  const broken = { ...withPod(ONE_IMAGE, "a"), "pull.yaml": SECRET("a").replace("'{", "'") };
  assertEquals(from(broken), ["config.json"]);
});

Deno.test("image_uses finds the reading for a use by its credentials", () => {
  const files = withAccount(withArgument(`--conf=${EXECUTOR}=${IMAGE}`), "a");
  const [driver, executor] = usesIn(files);
  const readings = [
    contents(IMAGE, { credentials: [] }),
    contents(IMAGE, { credentials: ["Secret analytics-jobs/a"] }),
  ];
  assertEquals(readingFor(driver!, readings), readings[1]);
  assertEquals(readingFor(executor!, readings), readings[0]);
  assertEquals(readingFor(driver!, [contents("other:1")]), undefined);
});
