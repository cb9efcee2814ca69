import {
  gatherImages,
  type ImageContents,
  type ImageReading,
  type ImageRequest,
} from "../../../checks/facts/image.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { startFakeRegistry } from "../../support/fake_registry.ts";
import { dockerArchive, imageOf, indexOf, JAR, ociArchive } from "../../support/images.ts";
import {
  REGISTRY_USER,
  registryInstalled,
  startRegistry,
  type TestRegistry,
} from "../../support/registry.ts";

const ignore = !registryInstalled();

const JARS = "opt/spark/jars";
const IMAGE = imageOf({
  layers: [
    {
      [`${JARS}/hadoop-client-api-3.3.4.jar`]: JAR,
      [`${JARS}/netty-all-4.1.96.Final-linux-x86_64.jar`]: JAR,
      [`${JARS}/hive-shims-0.23-2.3.9.jar`]: JAR,
      [`${JARS}/README`]: "",
      [`${JARS}/unused.jar`]: JAR,
    },
    { [`${JARS}/postgresql-42.7.14.jar`]: JAR, "opt/deep-storage/jobs/bronze.py": "" },
    { [`${JARS}/.wh.unused.jar`]: JAR, [`${JARS}/hadoop-aws-3.3.4.jar`]: JAR },
  ],
  env: ["SPARK_HOME=/opt/spark/"],
});

let registry: TestRegistry;
Deno.test.beforeAll(async () => {
  if (ignore) return;
  registry = await startRegistry({ tls: true, auth: "basic" });
  await registry.push("team/spark", "1", indexOf([IMAGE]), [IMAGE]);
});
Deno.test.afterAll(() => registry?.stop());

function request(name: string, password?: string, files: readonly string[] = []): ImageRequest {
  const auths = { [registry.host]: { username: REGISTRY_USER.user, password } };
  const config = new TextEncoder().encode(JSON.stringify({ auths }));
  const credentials = password === undefined ? [] : [{ from: "Secret jobs/registry", config }];
  return { reference: `${registry.host}/${name}`, files, credentials };
}

const { password } = REGISTRY_USER;
const trusting = () => ({ caCertificates: [registry.certificate!] });

function contents(reading: ImageReading | undefined): ImageContents {
  assert(reading?.opened === true, Deno.inspect(reading));
  return reading;
}

Deno.test({
  name:
    "gatherImage: an image in a registry is told by its jars, its Hadoop, and the files that are asked for",
  ignore,
  async fn() {
    const files = ["/opt/deep-storage/jobs/bronze.py", "/opt/deep-storage/jobs/silver.py", "/opt"];
    const fact = await gatherImages([request("team/spark:1", password, files)], trusting());
    assertEquals(fact.platform, "linux/amd64");
    assertEquals(fact.images, [{
      opened: true,
      reference: `${registry.host}/team/spark:1`,
      source: "registry",
      credentials: ["Secret jobs/registry"],
      loggedIn: true,
      digest: IMAGE.manifest.descriptor.digest,
      platform: "linux/amd64",
      platforms: ["linux/amd64"],
      jarsFolder: "/opt/spark/jars",
      jars: [
        { file: "hadoop-aws-3.3.4.jar", name: "hadoop-aws", version: "3.3.4" },
        { file: "hadoop-client-api-3.3.4.jar", name: "hadoop-client-api", version: "3.3.4" },
        { file: "hive-shims-0.23-2.3.9.jar", name: "hive-shims-0.23", version: "2.3.9" },
        {
          file: "netty-all-4.1.96.Final-linux-x86_64.jar",
          name: "netty-all-linux-x86_64",
          version: "4.1.96.Final",
        },
        { file: "postgresql-42.7.14.jar", name: "postgresql", version: "42.7.14" },
      ],
      deletedJars: [{ file: "unused.jar", name: "unused", version: undefined, layer: 3 }],
      hadoopVersion: "3.3.4",
      files: ["/opt/deep-storage/jobs/bronze.py"],
    }]);
  },
});

Deno.test({
  name:
    "gatherImage: what a registry refuses is part of the fact, with the fix, and without a secret",
  ignore,
  async fn() {
    const requests = [
      request("team/spark:1"),
      request("team/spark:1", "wr0ng!"),
      request("team/spark:2", password),
      request("team/spark:1", password),
      { reference: "$(IMAGE)", files: [], credentials: [] },
    ];
    const fact = await gatherImages(requests, { ...trusting(), platform: "linux/arm64" });
    const told = fact.images.map((each) => !each.opened && `${each.trouble} ${each.loggedIn}`);
    assertEquals(told, [
      "denied false",
      "denied true",
      "unknown true",
      "platform true",
      "unknown false",
    ]);
    for (const each of fact.images) {
      assert(
        !each.opened && each.fix.length > 10 && each.problem.startsWith("Cannot read the image"),
      );
    }
    const text = JSON.stringify(fact);
    for (const secret of [password, JSON.stringify(password), "wr0ng!", btoa(password)]) {
      assert(!text.includes(secret));
    }
  },
});

Deno.test({
  name: "layers are remembered in this user's cache, without a secret",
  ignore,
  async fn() {
    const cache = await Deno.makeTempDir({ prefix: "cache-" });
    try {
      const sources: string[] = [];
      for (let i = 0; i < 2; i++) {
        const options = { ...trusting(), cache };
        const { images: [image] } = await gatherImages(
          [request("team/spark:1", password)],
          options,
        );
        sources.push(contents(image).source);
        assertEquals(contents(image).jars?.length, 5);
      }
      assertEquals(sources, ["registry", "cache"]);
      const files = [...Deno.readDirSync(`${cache}/layers`)];
      assertEquals(files.length, 3);
      for (const { name } of files) {
        const text = await Deno.readTextFile(`${cache}/layers/${name}`);
        assert(!text.includes(password) && !text.includes(REGISTRY_USER.user));
      }
      // A user without permission to pull gets no data from the cache.
      const { images: [denied] } = await gatherImages([request("team/spark:1")], {
        ...trusting(),
        cache,
      });
      assertEquals(denied?.opened, false);
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});

Deno.test("gatherImage reads each image once, with the files of all jobs", async () => {
  const fake = startFakeRegistry(IMAGE);
  try {
    const reference = `${fake.host}/team/spark:1`;
    const requests = [["/opt/deep-storage/jobs/bronze.py"], ["/none"]].map((files) => (
      { reference, files, credentials: [] }
    ));
    const { images } = await gatherImages(requests);
    assertEquals(images.map((image) => contents(image).files.length), [1, 0]);
    const manifests = fake.asked.filter(({ path }) => path.includes("/manifests/"));
    assertEquals(manifests.length, 1);
  } finally {
    await fake.stop();
  }
});

Deno.test("gatherImage fails for an unreachable registry, and cancels other reads", async () => {
  const body = () => new ReadableStream({ start() {} });
  const silent = startFakeRegistry(
    IMAGE,
    (path) => path.includes("/blobs/") ? new Response(body()) : undefined,
  );
  const gone = startFakeRegistry(IMAGE);
  await gone.stop();
  try {
    const requests = [silent, gone].map(({ host }) => (
      { reference: `${host}/team/spark:1`, files: [], credentials: [] }
    ));
    const error = await assertRejects(() => gatherImages(requests), Failure, gone.host);
    assertEquals(error.kind, "unreachable");
  } finally {
    await silent.stop();
  }
});

Deno.test("gatherImage finds no jars without a jars folder, and finds them in another Spark home", async () => {
  const [plain, other] = [
    imageOf({ layers: [{ "bin/sh": "" }] }),
    imageOf({ layers: [{ "srv/jars/hadoop-common-3.3.6.jar": "" }], env: ["SPARK_HOME=/srv"] }),
  ];
  for (
    const [image, folder, hadoop] of [
      [plain, "/opt/spark/jars", undefined],
      [other, "/srv/jars", "3.3.6"],
    ] as const
  ) {
    const archive = await Deno.makeTempFile();
    await Deno.writeFile(archive, dockerArchive(image, ["a:1"]));
    const { images: [reading] } = await gatherImages([], { archive });
    const { jars, jarsFolder, hadoopVersion } = contents(reading);
    assertEquals([jarsFolder, hadoopVersion], [folder, hadoop]);
    assertEquals(jars?.length, hadoop === undefined ? undefined : 1);
    await Deno.remove(archive);
  }
});

Deno.test("gatherImage reads an archive instead of registries: the images that jobs run, or all images", async () => {
  const archive = await Deno.makeTempFile({ suffix: ".tar" });
  try {
    await Deno.writeFile(archive, dockerArchive(IMAGE, ["ghcr.io/team/spark:1", "spark:dev"]));
    const all = await gatherImages([], { archive });
    assertEquals(all.archive, archive);
    assertEquals(all.images.map(({ reference }) => reference), ["ghcr.io/team/spark:1"]);
    const asked = await gatherImages(
      ["ghcr.io/team/spark:1", "ghcr.io/team/spark:2"].map((reference) => (
        { reference, files: [], credentials: [] }
      )),
      { archive },
    );
    const [one, two] = asked.images;
    assertEquals([contents(one).source, two?.opened], ["archive", false]);
    assert(two?.opened === false);
    assertStringIncludes(two.problem, "the archive has ghcr.io/team/spark:1, spark:dev instead");
    await Deno.writeFile(archive, ociArchive(IMAGE.manifest, [IMAGE]));
    assertEquals((await gatherImages([], { archive })).images[0]?.reference, archive);
  } finally {
    await Deno.remove(archive);
  }
});
