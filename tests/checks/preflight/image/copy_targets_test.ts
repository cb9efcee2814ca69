import { copyTargets } from "../../../../checks/preflight/image/copy_targets.ts";
import { assertEquals } from "../../../support/assert.ts";
import { change, judgeFiles } from "../../healthy/manifests.ts";

/** The findings of a Dockerfile beside some files. */
function found(dockerfile: string): string[] {
  const text = `FROM apache/spark:3.5.8\n${dockerfile}\n`;
  return copyTargets({ language: "dockerfile", file: "image/Dockerfile", line: 1, text }, {
    listing: ["image/Dockerfile", "image/jars/a.jar", "image/jobs/a.py", "image/jobs/b.py"],
    texts: [],
    above: [],
  }).map(({ severity, problem, line }) => `${severity} ${line}: ${problem}`);
}

const COPIES = [
  ["COPY jobs/a.py jobs/b.py /opt/app", "2 sources to /opt/app"],
  ["COPY a.jar b.jar c.jar $SPARK_HOME/jars", "3 sources to $SPARK_HOME/jars"],
  ['COPY ["jobs/a.py", "jobs/b.py", "/opt/app"]', "2 sources to /opt/app"],
  ["COPY --chown=185 jobs/a.py jobs/b.py /opt/app", "2 sources to /opt/app"],
  ["COPY --from=build /a.jar /b.jar /opt/spark/jars", "2 sources to /opt/spark/jars"],
  ["ADD https://a.example/a.jar b.jar /opt/spark/jars", "2 sources to /opt/spark/jars"],
  ["COPY jobs/*.py /opt/app", "the files of jobs/*.py to /opt/app"],
  ["COPY image/jobs/?.py /opt/app", "the files of image/jobs/?.py to /opt/app"],
] as const;

for (const [dockerfile, problem] of COPIES) {
  Deno.test(`image-deps fails for a target that is no folder: ${dockerfile}`, () => {
    const name = dockerfile.split(" ")[0]!;
    assertEquals(found(dockerfile), [
      `fail 2: ${name} copies ${problem}, which does not end with /`,
    ]);
  });
}

for (
  const dockerfile of [
    "COPY jobs/a.py jobs/b.py /opt/app/",
    "COPY jobs/a.py jobs/b.py .",
    "COPY jobs/a.py jobs/b.py $FOLDER",
    "COPY jobs/a.py $MORE /opt/app",
    "COPY jobs /opt/app",
    "COPY jars/*.jar /opt/app.jar",
    "COPY none/*.py /opt/app",
    "COPY --from=build /jars/*.jar /opt/app",
    "COPY <<one /opt/app\na b c\none",
    "RUN cp a b /opt/app",
    "COPY jobs/a.py /opt/app/\nVOLUME /opt/app",
    "VOLUME /data\nCOPY jobs/a.py /opt/app/",
    "VOLUME /opt/ap\nCOPY jobs/a.py /opt/app/",
    "FROM apache/spark:3.5.8\nCOPY a /data/",
  ]
) {
  Deno.test(`image-deps accepts the targets of a Dockerfile: ${dockerfile.replaceAll("\n", "; ")}`, () => {
    assertEquals(found(dockerfile), []);
  });
}

for (
  const [dockerfile, problem] of [
    ["VOLUME /opt/app\nCOPY jobs /opt/app", "VOLUME /opt/app is before COPY to /opt/app"],
    ['VOLUME ["/data", "/opt"]\nADD a.jar /opt/jars/', "VOLUME /opt is before ADD to /opt/jars"],
    ["WORKDIR /opt\nVOLUME app\nCOPY jobs app/x/", "VOLUME /opt/app is before COPY to /opt/app/x"],
  ] as const
) {
  Deno.test(`image-deps warns about files in a volume: ${dockerfile.replaceAll("\n", "; ")}`, () => {
    const line = dockerfile.startsWith("WORKDIR") ? 3 : 2;
    assertEquals(found(dockerfile), [`warn ${line}: ${problem}`]);
  });
}

Deno.test("image-deps reports the targets of the Dockerfile of the jobs", async () => {
  const copy = "COPY --chmod=755 jobs /opt/deep-storage/jobs\n";
  const files = change("image/Dockerfile", copy, `${copy}COPY a.txt b.txt /opt/deep-storage/x\n`);
  const result = (await judgeFiles(files)).find(({ id }) => id === "image-deps")!;
  assertEquals(result.findings.map(({ problem }) => problem), [
    "COPY copies 2 sources to /opt/deep-storage/x, which does not end with /",
  ]);
});
