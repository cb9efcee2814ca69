import { judgeDockerfile } from "../../../../checks/preflight/image/dockerfile_jars.ts";
import { assertEquals } from "../../../support/assert.ts";

// Jars that a Dockerfile names, and that its image does not have, or that its user cannot read.

const BUILDER = `FROM maven:3.9 AS libraries
RUN mvn dependency:copy -DoutputDirectory=/libs -Dartifact=org.apache.hadoop:hadoop-aws:3.3.4 && \\
    mvn dependency:copy -DoutputDirectory=/libs -Dartifact=com.amazonaws:aws-java-sdk-bundle:1.12.262 && \\
    mvn dependency:copy -DoutputDirectory=/libs -Dartifact=org.postgresql:postgresql:42.7.4
FROM apache/spark:3.5.8
`;
const SPARK = "/opt/spark/jars/";

function problemsOf(instructions: string): string[] {
  const reading = judgeDockerfile({
    language: "dockerfile",
    file: "Dockerfile",
    line: 1,
    text: BUILDER + instructions,
  });
  return reading!.findings.filter(({ severity }) => severity === "fail")
    .map(({ problem }) => problem);
}

const missing = (name: string) => `the Dockerfile does not add the ${name} jar`;

const CASES: Readonly<
  Record<string, readonly [instructions: string, problems: readonly string[]]>
> = {
  "all jars": [`COPY --from=libraries /libs/*.jar ${SPARK}`, []],
  "the folder": [`COPY --from=libraries /libs/ ${SPARK}`, []],
  "each jar by name": [
    "hadoop-aws-3.3.4 aws-java-sdk-bundle-1.12.262 postgresql-42.7.4".split(" ")
      .map((jar) => `COPY --from=libraries /libs/${jar}.jar ${SPARK}\n`).join(""),
    [],
  ],
  "one jar": [
    `COPY --from=libraries /libs/hadoop-aws-3.3.4.jar ${SPARK}`,
    [missing("aws-java-sdk-bundle"), missing("postgresql")],
  ],
  "two jars by patterns": [
    `COPY --from=libraries /libs/hadoop-aws*.jar /libs/aws-java-sdk-bundle-*.jar ${SPARK}`,
    [missing("postgresql")],
  ],
  "a jar with a name of its own": [`COPY --from=libraries /libs/all.jar ${SPARK}`, []],
  "a command with the stage": [
    `COPY --from=libraries /libs/hadoop-aws-3.3.4.jar ${SPARK}\n` +
    `RUN --mount=from=libraries,target=/l cp /l/libs/*.jar ${SPARK}`,
    [],
  ],
  "ONBUILD": [
    `ONBUILD COPY --from=libraries /libs/*.jar ${SPARK}`,
    ["hadoop-aws", "aws-java-sdk-bundle", "postgresql"].map(missing),
  ],
  "moved out of Spark's folder": [
    `COPY --from=libraries /libs/*.jar ${SPARK}\nRUN mv ${SPARK}postgresql-42.7.4.jar /tmp/`,
    ["a command removes the postgresql jar, which the Dockerfile adds before"],
  ],
  "moved within Spark's folder": [
    `COPY --from=libraries /libs/*.jar ${SPARK}\n` +
    `RUN mv ${SPARK}postgresql-42.7.4.jar ${SPARK}postgresql.jar`,
    [],
  ],
  "a mode for root alone": [
    `COPY --from=libraries --chmod=600 /libs/*.jar ${SPARK}\nCOPY --chmod=755 jobs /jobs/\nUSER 185`,
    ["only root can read the files of COPY --chmod=600, but the image runs as user 185"],
  ],
  "a mode for the owner": [
    `COPY --from=libraries --chown=185 --chmod=0600 /libs/*.jar ${SPARK}\nUSER 185`,
    [],
  ],
  "a mode for the group": [`COPY --from=libraries --chmod=640 /libs/*.jar ${SPARK}\nUSER 185`, []],
  "a mode that a command changes": [
    `COPY --from=libraries --chmod=600 /libs/*.jar ${SPARK}\nRUN chmod 644 ${SPARK}*\nUSER 185`,
    [],
  ],
  "a mode for root, who runs Spark": [
    `COPY --from=libraries --chmod=600 /libs/*.jar ${SPARK}\nUSER root`,
    [],
  ],
};
for (const [name, [instructions, problems]] of Object.entries(CASES)) {
  Deno.test(`judgeDockerfile sees which jars of a stage the image has: ${name}`, () => {
    assertEquals(problemsOf(instructions).sort(), [...problems].sort());
  });
}
