import { judgeDockerfile } from "../../../../checks/preflight/image/dockerfile_jars.ts";
import { targetOfCommand } from "../../../../checks/source_code/command_targets.ts";
import { assertEquals, assertMatch } from "../../../support/assert.ts";

// Where the commands of a Dockerfile put jars.

/** The problems of a Dockerfile, one in a line; `unknown: …` for what it does not show. */
function problemsOf(text: string): string {
  const reading = judgeDockerfile({ language: "dockerfile", file: "Dockerfile", line: 1, text })!;
  return [
    ...reading.findings.map(({ severity, problem }) => `${severity}: ${problem}`)
      .filter((each) =>
        !each.includes("without a checksum") && !each.startsWith("warn: only root")
      ),
    ...(reading.unknown === undefined ? [] : [`unknown: ${reading.unknown}`]),
  ].join("\n");
}

const BASE = "FROM apache/spark:3.5.8\n" +
  "COPY hadoop-aws-3.3.4.jar aws-java-sdk-bundle-1.12.262.jar /opt/spark/jars/\n";
const JAR = "postgresql-42.7.4.jar";
const URL = `https://x.example/${JAR}`;

Deno.test("judgeDockerfile finds a jar in a folder that Spark does not read", () => {
  const work = "/opt/spark/work-dir";
  for (
    const [dockerfile, folder] of [
      [`RUN cd /opt/extra && curl -fO ${URL}`, "/opt/extra"],
      [`COPY ${JAR} /opt/spark/jars-extra/`, "/opt/spark/jars-extra"],
      [`RUN mkdir -p /opt/extra && cd /opt/extra && curl -fsSLO ${URL}`, "/opt/extra"],
      [`RUN cd /opt; cd extra/ && wget -q ${URL}`, "/opt/extra"],
      [`WORKDIR /opt/extra\nADD ${URL} .`, "/opt/extra"],
      [`WORKDIR /opt/extra\nADD ${URL} ./`, "/opt/extra"],
      [`WORKDIR /opt\nWORKDIR extra\nCOPY ${JAR} ./`, "/opt/extra"],
      [`WORKDIR /opt/extra\nRUN curl -f -O ${URL}`, "/opt/extra"],
      [`ADD ${URL} ./`, work],
      [`RUN wget ${URL}`, work],
      [`RUN curl -fsSLO ${URL}`, work],
      [`RUN wget -P /opt/extra ${URL}`, "/opt/extra"],
      [`RUN wget -qP /opt/extra/ ${URL}`, "/opt/extra"],
      [`RUN wget --directory-prefix=/opt/extra ${URL}`, "/opt/extra"],
      [`RUN wget -O /opt/extra/${JAR} ${URL}`, "/opt/extra"],
      [`RUN curl -fo /opt/extra/driver.jar ${URL}`, "/opt/extra"],
      [`RUN curl --output=/opt/extra/${JAR} ${URL}`, "/opt/extra"],
      [`RUN curl --output-dir /opt/extra -O ${URL}`, "/opt/extra"],
      [`RUN cd /opt && curl --output-dir extra -fO ${URL}`, "/opt/extra"],
      [`RUN curl ${URL} > /opt/extra/${JAR}`, "/opt/extra"],
      [`RUN --mount=type=cache,target=/c cd /opt/extra && curl -fO ${URL}`, "/opt/extra"],
      [`RUN <<END\nset -e\ncd /opt/extra\ncurl -fO ${URL}\nEND`, "/opt/extra"],
      [`RUN curl -fO ${URL} && mv ${JAR} /opt/extra/`, "/opt/extra"],
      [`RUN curl -fO ${URL} && install -m 644 ${JAR} /opt/extra`, "/opt/extra"],
      [`ADD https://x.example/a.jar ${URL} /opt/extra/`, "/opt/extra"],
      [`RUN cd /opt/extra && curl -fO ${URL} && chmod 644 *.jar`, "/opt/extra"],
      [`RUN cd $SPARK_HOME/extra && curl -fO ${URL}`, "/opt/spark/extra"],
      [
        `RUN cd /opt/extra && for f in ${JAR}; do curl -fO https://x.example/$f; done`,
        "/opt/extra",
      ],
      [
        `RUN for f in a.jar ${JAR}; do wget -P /opt/extra https://x.example/\${f}; done`,
        "/opt/extra",
      ],
      [`RUN ["curl", "-fo", "/opt/extra/${JAR}", "${URL}"]`, "/opt/extra"],
    ] as const
  ) {
    assertEquals(
      problemsOf(`${BASE}${dockerfile}\n`),
      `fail: the Dockerfile adds the postgresql jar to ${folder}, which Spark does not read`,
      dockerfile,
    );
  }
});

Deno.test("judgeDockerfile accepts a jar that ends in Spark's folder", () => {
  for (
    const dockerfile of [
      `RUN cd /opt/spark/jars && curl -fO ${URL}`,
      `RUN cd "$SPARK_HOME/jars" && wget -q ${URL}`,
      `RUN cd \${SPARK_HOME}/jars && wget -q ${URL}`,
      `WORKDIR /opt/spark/jars\nADD ${URL} .`,
      `WORKDIR $SPARK_HOME\nWORKDIR jars\nRUN curl -fO ${URL}\nWORKDIR /opt/app`,
      `WORKDIR /opt/spark\nCOPY ${JAR} jars/`,
      `RUN wget -P /opt/spark/jars/ ${URL}`,
      `RUN curl --output-dir /opt/spark/jars -fO ${URL}`,
      `RUN curl -fo /opt/spark/jars/driver.jar ${URL}`,
      `RUN curl -fO ${URL} && mv ${JAR} /opt/spark/jars/`,
      `RUN curl -fO ${URL} && mv *.jar /opt/spark/jars/`,
      `RUN curl -fO ${URL}\nRUN mv *.jar $SPARK_HOME/jars/`,
      `RUN cd /tmp && curl -fO ${URL} && cp ./*.jar /opt/spark/jars/`,
      `RUN cd /tmp && curl -fO ${URL}\nRUN find /tmp -name '*.jar' -exec mv {} /opt/spark/jars/ \\;`,
      `RUN cd /opt/extra && curl -fO ${URL}\nRUN cp /opt/extra/* /opt/spark/jars/`,
      `RUN cd /opt/extra && curl -fO ${URL}\nENV SPARK_CLASSPATH=/opt/extra/*`,
      `WORKDIR /opt/extra\nADD ${URL} .\nRUN ln -s /opt/extra/${JAR} /opt/spark/jars/`,
      `ADD https://x.example/a.jar ${URL} /opt/spark/jars/`,
      `RUN <<END\ncd /opt/spark/jars\ncurl -fO ${URL}\nEND`,
      // The place is not clear.
      `RUN for jar in ${JAR}; do curl -fo /opt/spark/jars/$jar https://x.example/$jar; done`,
      `RUN (cd /opt/spark/jars && curl -fO ${URL})`,
      `RUN cd $JARS && curl -fO ${URL}`,
      `RUN cd "$(dirname /opt/spark/jars/x)" && curl -fO ${URL}`,
      `RUN aria2c ${URL}`,
      `RUN curl ${URL} | tee /opt/spark/jars/${JAR}`,
    ]
  ) {
    assertEquals(problemsOf(`${BASE}${dockerfile}\n`), "", dockerfile);
  }
});

Deno.test("targetOfCommand returns the folder of the last command that names the file", () => {
  const target = (run: string) => targetOfCommand(run, "a.jar", "/srv");
  assertEquals(target("curl -O https://x/a.jar"), "/srv");
  assertEquals(target("curl https://x/a.jar"), undefined);
  assertEquals(target("cd .. && wget https://x/a.jar"), "/");
  assertEquals(target("cd && wget https://x/a.jar"), "/root");
  assertEquals(target("wget https://x/a.jar && echo a.jar && sha256sum -c a.jar"), "/srv");
  assertEquals(target("cp -t /opt a.jar b.jar"), "/opt");
  assertEquals(target("cp b.jar /opt"), undefined);
  assertEquals(target("curl -o b.jar https://x/b.jar -o c/a.jar https://x/a.jar"), "/srv/c");
  assertEquals(targetOfCommand("wget https://x/a.jar", "a.jar", undefined), undefined);
});

Deno.test("judgeDockerfile does not know the jars of a stage on another image", () => {
  for (
    const [stages, from] of [
      ["FROM registry.example.com/jars:1 AS jars\n", "jars"],
      ["FROM company/tools AS tools\nRUN true\nFROM tools AS jars\n", "jars"],
      ["", "libraries"],
      ["", "registry.example.com/jars:1"],
    ] as const
  ) {
    const text = `${stages}${BASE}COPY --from=${from} /jars/ /opt/spark/jars/\n`;
    assertMatch(problemsOf(text), /^unknown: Dockerfile: the jars that COPY --from=/, text);
  }
  const known = `FROM alpine:3 AS jars\nRUN mkdir /jars\n${BASE}`;
  assertEquals(
    problemsOf(`${known}COPY --from=jars /jars/ /opt/spark/jars/\n`),
    "fail: the Dockerfile does not add the postgresql jar",
  );
});

Deno.test("judgeDockerfile finds arguments before FROM that a stage uses without ARG", () => {
  const text = (before: string, stage: string, from = "FROM apache/spark:3.5.8") =>
    `${before}\n${from}\n${BASE.slice(BASE.indexOf("\n") + 1)}${stage}\n`;
  const copy = "COPY postgresql-${DRIVER}.jar /opt/spark/jars/";
  const fault = "COPY uses DRIVER, which has no value after FROM";
  const found = (...given: Parameters<typeof text>) => problemsOf(text(...given));
  assertEquals(found("ARG DRIVER=42.7.4", copy), `fail: ${fault}`);
  assertEquals(found("ARG X=1 DRIVER=42.7.4", copy), `fail: ${fault}`);
  assertEquals(found("ARG DRIVER=42.7.4", `${copy}\nARG DRIVER`), `fail: ${fault}`);
  assertEquals(
    found("ARG DRIVER=42.7.4", `RUN curl -fo /opt/spark/jars/p https://x/postgresql-$DRIVER.jar`),
    `fail: ${fault.replace("COPY", "RUN")}`,
  );
  assertEquals(found("ARG DRIVER=42.7.4", `ARG DRIVER\n${copy}`), "");
  assertEquals(found("ARG DRIVER=42.7.4", `ENV DRIVER=42.7.4\n${copy}`), "");
  assertEquals(found("ARG DRIVER=42.7.4", copy.replace("DRIVER", "DRIVER:-42.7.4")), "");
  assertEquals(
    found("ARG DRIVER=42.7.4", copy, "FROM apache/spark:3.5.8 AS base\nARG DRIVER\nFROM base"),
    "",
  );
  assertEquals(
    found("ARG DRIVER=1", "RUN DRIVER=42.7.4 && cp postgresql-$DRIVER.jar /opt/spark/jars/"),
    "",
  );
  assertEquals(
    found("ARG JAVA_VERSION=17", `RUN echo $JAVA_VERSION\nCOPY ${JAR} /opt/spark/jars/`),
    "",
  );
  assertMatch(
    found("ARG DRIVER=42.7.4", copy, "FROM registry.example.com/spark:3.5.8"),
    /^warn: COPY uses DRIVER, which has no value after FROM$/,
  );
});

Deno.test("judgeDockerfile finds the jars of a stage in a folder that Spark does not read", () => {
  const image = (stage: string, copy: string) =>
    problemsOf(`FROM alpine:3 AS jars\n${stage}\n${BASE}${copy}\n`);
  const stage = `ADD ${URL} /jars/`;
  const fault = (folder: string) =>
    `fail: the Dockerfile adds the postgresql jar to ${folder}, which Spark does not read`;
  assertEquals(image(stage, "COPY --from=jars /jars/ /opt/extra/"), fault("/opt/extra"));
  assertEquals(image(stage, "WORKDIR /opt/extra\nCOPY --from=jars /jars/ ."), fault("/opt/extra"));
  assertEquals(
    image(`RUN wget ${URL}`, `COPY --from=jars /${JAR} ./`),
    fault("/opt/spark/work-dir"),
  );
  for (
    const copy of [
      "COPY --from=jars /jars/ /opt/spark/jars/",
      "COPY --from=jars /jars/ $SPARK_HOME/jars/",
      "COPY --from=jars /opt/ /opt/",
      "COPY --from=jars / /",
      "COPY --from=jars /jars/ /opt/extra/\nCOPY --from=jars /jars/ /opt/spark/jars/",
      "COPY --from=jars /jars/ /opt/extra/\nENV SPARK_DIST_CLASSPATH=/opt/extra/*",
      "COPY --from=jars /jars/ /opt/extra/\nRUN mv /opt/extra/*.jar /opt/spark/jars/",
      "RUN --mount=from=jars,target=/mnt cp /mnt/jars/*.jar /opt/spark/jars/",
    ]
  ) {
    assertEquals(image(stage, copy), "", copy);
  }
});

Deno.test("judgeDockerfile does not know the jars that a command unpacks or copies without names", () => {
  for (
    const command of [
      "RUN --mount=type=bind,source=jars,target=/mnt cp /mnt/*.jar /opt/spark/jars/",
      "RUN curl -fsSL https://x.example/jars.tgz | tar xz -C /opt/spark/jars",
      "RUN unzip -q /tmp/jars.zip -d $SPARK_HOME/jars && rm /tmp/jars.zip",
      "RUN cp -r /tmp/spark/. /opt/spark/",
    ]
  ) {
    assertMatch(problemsOf(`${BASE}${command}\n`), /^unknown: .* the jars that RUN /, command);
  }
  for (
    const command of [
      "RUN mv /opt/spark/jars/guava-14.0.1.jar /tmp/",
      "RUN chown -R 185 /opt/spark/jars",
      "RUN ls /opt/spark/jars",
      "RUN cp /tmp/log4j2.properties /opt/spark/conf/",
    ]
  ) {
    assertEquals(
      problemsOf(`${BASE}${command}\n`),
      "fail: the Dockerfile does not add the postgresql jar",
      command,
    );
  }
});

Deno.test("judgeDockerfile runs ONBUILD only in a stage above", () => {
  const trigger = `${BASE.replace("\n", " AS base\n")}ONBUILD COPY ${JAR} /opt/spark/jars/\n`;
  assertEquals(problemsOf(`${trigger}FROM base\n`), "");
  const missing = "fail: the Dockerfile does not add the postgresql jar";
  assertEquals(problemsOf(trigger), missing);
});

Deno.test("judgeDockerfile warns about the Python package of another Spark", () => {
  const all = `${BASE}COPY ${JAR} /opt/spark/jars/\n`;
  const problem = (what: string) => `warn: the image has Spark 3.5, and installs ${what}`;
  for (const what of ["pyspark==4.0.0", "pyspark[sql]==3.4.1"]) {
    assertEquals(problemsOf(`${all}RUN pip install "${what}" boto3\n`), problem(what));
  }
  for (const what of ["pyspark==3.5.8", "pyspark", "pyspark-client==4.0.0", "boto3"]) {
    assertEquals(problemsOf(`${all}RUN pip install ${what}\n`), "", what);
  }
});
