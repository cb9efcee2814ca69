import { ignoredSources } from "../../../../checks/preflight/image/ignored_sources.ts";
import { assertEquals } from "../../../support/assert.ts";

/** The problems of a Dockerfile beside some files, with a text of `.dockerignore`. */
function problems(dockerfile: string, ignore: string, above: readonly string[] = []): string[] {
  const text = `FROM apache/spark:3.5.8\n${dockerfile}\n`;
  return ignoredSources({ language: "dockerfile", file: "image/Dockerfile", line: 1, text }, {
    listing: ["image/Dockerfile", "image/jars/a.jar", "image/jobs/a.py", "image/jobs/b.py"],
    texts: [{ file: "image/.dockerignore", text: ignore }],
    above,
  }).map(({ problem, line }) => `${line}: ${problem}`);
}

Deno.test("ignoredSources finds what COPY needs, and .dockerignore leaves out", () => {
  const jobs = [".dockerignore leaves out jobs, which COPY needs"].map((each) => `2: ${each}`);
  assertEquals(problems("COPY jobs/ /opt/jobs/", "jobs"), jobs);
  assertEquals(problems("COPY ./jobs /opt/jobs/", "**/*.py"), jobs);
  assertEquals(problems("COPY --chown=1 jobs /opt/jobs/", "*\n!jars"), jobs);
  assertEquals(problems("ADD jars/a.jar jobs/a.py /opt/", "*.jar\n**/*.jar"), [
    "2: .dockerignore leaves out jars/a.jar, which ADD needs",
  ]);
  const mount = "RUN --mount=type=bind,source=jobs/a.py,target=/tmp/a.py python3 /tmp/a.py";
  assertEquals(problems(mount, "**/*.py"), [
    "2: .dockerignore leaves out jobs/a.py, which RUN needs",
  ]);
  assertEquals(problems(mount.replace("type=bind,", ""), "jobs").length, 1);
  for (
    const [dockerfile, ignore] of [
      [mount, "jobs/b.py"],
      [mount.replace("type=bind", "type=bind,from=build"), "jobs"],
      [mount.replace("type=bind", "type=secret"), "jobs"],
      ["RUN echo --mount=source=jobs", "jobs"],
      ["COPY jobs/ /opt/jobs/", "jobs/b.py"],
      ["COPY jobs/ /opt/jobs/", "*\n!jobs"],
      ["COPY . /opt/jobs/", "*"],
      ["COPY jobs/*.py /opt/jobs/", "jobs"],
      ["COPY --from=build jobs /opt/jobs/", "jobs"],
      ["COPY image/jobs /opt/jobs/", "jobs"],
      ["COPY $FOLDER /opt/jobs/", "*"],
      ["ADD https://x.example/a.jar /opt/", "*"],
      ["COPY none /opt/", "*"],
      ["COPY <<jobs /opt/\na\njobs", "jobs"],
    ] as const
  ) {
    assertEquals(problems(dockerfile, ignore), [], `${dockerfile}; ${ignore}`);
  }
  assertEquals(problems("COPY jobs/ /opt/jobs/", "jobs", ["jobs"]), []);
});
