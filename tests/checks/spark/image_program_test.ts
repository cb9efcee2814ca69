import { readFile } from "../../../checks/facts/manifests.ts";
import { treeOf } from "../../../checks/facts/tree.ts";
import { assertEquals } from "../../support/assert.ts";
import { FILES } from "../healthy/manifests.ts";
import { K8S } from "./job_yaml.ts";
import { preflightOf } from "./whole_preflight.ts";

// A Job without `command` runs what its image declares.

const job = (image: string, more = "") => `
apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: analytics-jobs, labels: { tool: spark } }
spec:
  template:
    metadata: { labels: { app: etl } }
    spec:
      restartPolicy: Never
      containers:
        - name: etl
          image: ${image}
          ${more}
`;

const SUBMIT = `["spark-submit", "--master", "${K8S}", "--conf", ` +
  '"spark.kubernetes.container.image=acme/etl:1", "local:///opt/etl.py"]';

const program = (...lines: string[]) => ["FROM apache/spark:3.5.8", ...lines, ""].join("\n");

/** The mode of the job, and why the mode is unknown. */
function modeOf(yaml: string, files: Readonly<Record<string, string>> = {}) {
  const readings = Object.entries({ "job.yaml": yaml, ...files })
    .map(([file, text]) => readFile(file, text));
  const { jobs } = treeOf({
    directory: "manifests",
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
  });
  return [jobs[0]!.mode, jobs[0]!.unknown];
}

const UNKNOWN = [
  "unknown",
  "container etl has no command, and the program of its image is not known",
];

const KNOWN: readonly [name: string, dockerfile: string, more?: string][] = [
  ["ENTRYPOINT", program(`ENTRYPOINT ${SUBMIT}`)],
  ["CMD", program(`CMD ${SUBMIT}`)],
  [
    "CMD after the entry point of Spark",
    program('ENTRYPOINT ["/opt/entrypoint.sh"]', `CMD ${SUBMIT}`),
  ],
  [
    "ENTRYPOINT with args",
    program('ENTRYPOINT ["spark-submit"]', 'CMD ["--help"]'),
    `args: ${SUBMIT.replace('"spark-submit", ', "")}`,
  ],
  [
    "a command line of a shell",
    program(
      `ENTRYPOINT exec spark-submit --master ${K8S} --conf spark.kubernetes.container.image=a /a.py`,
    ),
  ],
  ["a stage", `FROM apache/spark:3.5.8 AS base\nENTRYPOINT ${SUBMIT}\nFROM base\nUSER 185\n`],
];

for (const [name, dockerfile, more] of KNOWN) {
  Deno.test(`a Job without a command runs the program of its image's Dockerfile: ${name}`, () => {
    for (const file of ["etl/Dockerfile", "Dockerfile.etl", "images/etl.Dockerfile"]) {
      const found = modeOf(job("ghcr.io/acme/etl:1.0.0", more), { [file]: dockerfile });
      assertEquals(found, ["client", undefined], file);
    }
  });
}

Deno.test("the only Dockerfile shows the program of the project's image", () => {
  const image = "ghcr.io/ldamasio/rbs-spark:3.5.8-phase1";
  const dockerfile = program(`CMD ${SUBMIT}`);
  assertEquals(modeOf(job(image), { "image/Dockerfile": dockerfile }), ["client", undefined]);
  const two = { "image/Dockerfile": dockerfile, "other/Dockerfile": "FROM nginx:1.27\n" };
  assertEquals(modeOf(job(image), two), UNKNOWN);
});

const HIDDEN: readonly [name: string, more: string, files: Readonly<Record<string, string>>][] = [
  ["no Dockerfile", "", {}],
  ["args for an unknown entry point", 'args: ["--day", "2025-12-28"]', {}],
  ["an option with a path", 'args: ["--config", "/etc/etl.sh"]', {}],
  ["the Dockerfile of another image", "", { "other/Dockerfile": program(`CMD ${SUBMIT}`) }],
  ["a Dockerfile without a program", "", { "etl/Dockerfile": program("USER 185") }],
  [
    "a CMD below an ENTRYPOINT",
    "",
    {
      "etl/Dockerfile":
        `FROM apache/spark:3.5.8 AS base\nCMD ${SUBMIT}\nFROM base\nENTRYPOINT ["/app/etl"]\n`,
    },
  ],
  ["a program that is not read", "", { "etl/Dockerfile": program('ENTRYPOINT ["/app/etl"]') }],
];

for (const [name, more, files] of HIDDEN) {
  Deno.test(`the mode of a Spark job whose image decides its program is unknown: ${name}`, () => {
    assertEquals(modeOf(job("ghcr.io/acme/etl:1.0.0", more), files), UNKNOWN);
  });
}

Deno.test("a Job without a command whose arguments are a program is judged", () => {
  const image = "ghcr.io/acme/spark:1.0.0";
  const script = "args: [sh, -c, 'exec spark-submit --master local[2] /a.py']";
  assertEquals(modeOf(job(image, script)), ["local", undefined]);
  const code = { "a.py": "SparkSession.builder.getOrCreate()" };
  for (const program of ["driver", "python3"]) {
    const started = job(image, `args: [${program}, /opt/a.py]`);
    assertEquals(modeOf(started, code), ["local", undefined]);
    assertEquals(modeOf(started), [
      "unknown",
      "the master of Spark is not set, and the code of /opt/a.py, which can set it, was not read",
    ]);
  }
});

Deno.test("no check of connections passes a Spark job whose program is not known", async () => {
  const results = await preflightOf({ ...FILES, "more.yaml": job("ghcr.io/acme/etl:1.0.0") });
  const passed = results.filter(({ verdict }) => verdict === "pass").map(({ id }) => id);
  const connections = ["kubernetes-api-egress", "driver-executor-traffic", "egress-policy", "rbac"];
  assertEquals(connections.filter((id) => passed.includes(id)), []);
  assertEquals(
    results.filter(({ id, findings }) => connections.includes(id) && findings.length > 0),
    [],
  );
});

Deno.test("a Dockerfile in a folder named spark is not that of a published image", () => {
  const files = { "spark/Dockerfile": program(`CMD ${SUBMIT}`) };
  assertEquals(modeOf(job("apache/spark:3.5.8"), files), UNKNOWN);
  assertEquals(modeOf(job("ghcr.io/acme/spark:1.0.0"), files), ["client", undefined]);
});

Deno.test("a program that starts another one shows the program of an image", () => {
  const lines = [
    'ENTRYPOINT ["/usr/bin/tini", "--", "spark-submit", "--master=local[1]", "/a.py"]',
    'ENTRYPOINT ["python3", "/a.py"]',
    "CMD spark-submit --master local[1] /a.py",
  ];
  for (const line of lines) {
    const files = { "etl/Dockerfile": program(line), "etl/a.py": "SparkSession.builder" };
    assertEquals(modeOf(job("ghcr.io/acme/etl:1.0.0"), files), ["local", undefined], line);
  }
  const sleeps = { "etl/Dockerfile": program('CMD ["sleep", "infinity"]') };
  assertEquals(modeOf(job("ghcr.io/acme/etl:1.0.0"), sleeps), UNKNOWN);
});

Deno.test("the image of the toolkit runs its tasks without a command", () => {
  const args = (engine: string) => `args: [run, yesterday, --engine=${engine}]`;
  for (const engine of ["local", "spark"]) {
    const readings = readFile(
      "job.yaml",
      job("registry.example.com/deep-storage:1.0.0", args(engine)),
    );
    const { jobs } = treeOf({ directory: "manifests", objects: readings.objects, scripts: [] });
    assertEquals([jobs[0]!.toolkit, jobs[0]!.mode], [engine, "local"]);
  }
});
