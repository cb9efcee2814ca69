import { gatherPrograms } from "../../../checks/facts/image.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import { treeOf } from "../../../checks/facts/tree.ts";
import { assertEquals } from "../../support/assert.ts";
import { dockerArchive, imageOf, indexOf, ociArchive } from "../../support/images.ts";

// The program of a container without a command, from the configuration of its image in an archive.

const NAME = "ghcr.io/acme/etl:1.0.0";
const SUBMIT = ["spark-submit", "--master=k8s://https://kubernetes.default.svc", "local:///a.py"];

const job = (more = "") =>
  `apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: etl, image: "${NAME}"${more} }]
`;

/** The mode of the job, as in `client`, and its words. */
async function modeOf(bytes: Uint8Array, more = "", files: Readonly<Record<string, string>> = {}) {
  const path = await Deno.makeTempFile({ suffix: ".tar" });
  try {
    await Deno.writeFile(path, bytes);
    const programs = await gatherPrograms([NAME], path);
    const readings = Object.entries({ "job.yaml": job(more), ...files })
      .map(([file, text]) => readFile(file, text));
    const { jobs: [read] } = treeOf({
      directory: "manifests",
      objects: readings.flatMap(({ objects }) => objects),
      scripts: readings.flatMap(({ scripts }) => scripts),
      programs,
    });
    return [read!.mode, read!.containers[0]?.words.map(({ text }) => text).join(" ") ?? ""];
  } finally {
    await Deno.remove(path);
  }
}

const layers = [{ "a.py": "" }];
const words = SUBMIT.join(" ");
const SPARK = imageOf({ layers, entrypoint: SUBMIT });
const ARM = imageOf({ layers, entrypoint: ["sleep"], platform: "linux/arm64" });

for (
  const [name, bytes] of [
    ["docker save", dockerArchive(SPARK, [NAME])],
    ["an OCI layout", ociArchive(SPARK.manifest, [SPARK], NAME)],
    ["an OCI layout for two platforms", ociArchive(indexOf([ARM, SPARK]), [ARM, SPARK], NAME)],
  ] as const
) {
  Deno.test(`the ENTRYPOINT of an image is its program: ${name}`, async () => {
    assertEquals(await modeOf(bytes), ["client", words]);
  });
}

const archiveOf = (parts: Partial<Parameters<typeof imageOf>[0]>) =>
  dockerArchive(imageOf({ layers, ...parts }), [NAME]);

Deno.test("args replace the CMD of an image, and follow its ENTRYPOINT", async () => {
  const [submit, ...rest] = SUBMIT;
  const image = archiveOf({ entrypoint: [submit!], command: rest });
  assertEquals(await modeOf(image), ["client", words]);
  const other = await modeOf(image, ', args: ["--master=local[2]", "b.py"]');
  assertEquals(other, ["local", "spark-submit --master=local[2] b.py"]);
  assertEquals(await modeOf(archiveOf({ command: SUBMIT })), ["client", words]);
});

Deno.test("an ENTRYPOINT for a shell ignores CMD and args", async () => {
  const image = archiveOf({ entrypoint: ["/bin/sh", "-c", words], command: ["x"] });
  assertEquals(await modeOf(image, ', args: ["y"]'), ["client", `/bin/sh -c ${words}`]);
});

Deno.test("the image counts more than the Dockerfile beside the manifests", async () => {
  const dockerfile = 'FROM acme/base\nENTRYPOINT ["spark-submit", "--master=local[1]", "/a.py"]\n';
  assertEquals(
    await modeOf(archiveOf({ entrypoint: SUBMIT }), "", { "etl/Dockerfile": dockerfile }),
    [
      "client",
      words,
    ],
  );
});

Deno.test("the program of an image that the archive does not have is not known", async () => {
  const other = dockerArchive(SPARK, ["ghcr.io/acme/other:1.0.0"]);
  assertEquals((await modeOf(other))[1], "");
});
