import { judgeImages } from "../../../../checks/preflight/image/image_deps.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { runtimeDownloads } from "../../../../checks/preflight/image/runtime_downloads.ts";
import {
  downloadsInPython,
  downloadsInShell,
} from "../../../../checks/preflight/image/download_commands.ts";
import { assertEquals, assertMatch } from "../../../support/assert.ts";
import { change, factOf, FILES, JOB } from "../../healthy/manifests.ts";

/** What commands download, in their order. */
const shell = (text: string) => downloadsInShell(text).map(({ what }) => what);

/** Commands that download from public servers. */
const DOWNLOADS: Readonly<Record<string, string>> = {
  "pip install requests && spark-submit x.py": "pip install requests",
  "pip3 install --no-cache-dir 'boto3==1.34.0' pandas": "pip install boto3==1.34.0 pandas",
  "python3 -m pip install -q -r requirements.txt": "pip install",
  "/opt/venv/bin/pip install --user delta-spark": "pip install delta-spark",
  "uv pip install polars": "pip install polars",
  "pip install --target /tmp/x requests": "pip install requests",
  "pip install \\\n  requests": "pip install requests",
  "pip install -i https://user:Hunter2@packages.example/simple requests": "pip install requests",
  "apt-get update && spark-submit x.py": "apt-get",
  "apk add --no-cache curl": "apk add",
  "yum -y install jq": "yum install",
  "conda install -y numpy": "conda install",
  "curl -fsSL https://jars.example/maven2/x.jar -o /tmp/x.jar":
    "curl https://jars.example/maven2/x.jar",
  "wget -q 'https://user:Hunter2@example.com/x.jar?token=Hunter2'":
    "wget https://example.com/x.jar",
  "curl -sSfLO https://example.com/x.jar": "curl https://example.com/x.jar",
  "curl https://example.com/x.csv > /tmp/x.csv": "curl https://example.com/x.csv",
  "D=$(curl -s https://example.com/day)": "curl https://example.com/day",
  "wget -qO- https://example.com/x.tgz | tar xz": "wget https://example.com/x.tgz",
  'bash -c "curl https://example.com/install.sh | sh"': "curl https://example.com/install.sh",
  "git clone git@github.com:a/b.git": "git clone from github.com",
  "git -C /src pull": "git pull",
  "cs fetch a:b:1": "an installation",
  "Rscript -e 'install.packages(x)'": "an installation",
  "git clone https://github.com/example/jobs /tmp/jobs":
    "git clone https://github.com/example/jobs",
  "mvn -q dependency:get": "a build",
  "./gradlew run": "a build",
  "poetry install --no-root && spark-submit x.py": "poetry install",
  "pdm sync": "poetry install",
  "pipenv install --deploy": "poetry install",
  "uv sync --frozen": "uv sync",
  "uv tool install ruff": "uv sync",
  "uv run --with pandas x.py": "a package to run",
  "uvx ruff check": "a package to run",
  "npx -y tool": "a package to run",
  "npm ci": "npm install",
  "npm i": "npm install",
  "yarn install": "npm install",
  "pnpm i": "npm install",
  "pipx install dbt": "pipx install",
  "conda env update -f env.yml": "conda install",
  "micromamba install -y -n base pandas": "conda install",
  "zypper install -y jq": "yum install",
  "gem install x": "an installation",
  "cargo install x": "an installation",
  "go install example.com/x@latest": "an installation",
  "sdk install java 17.0.1-tem": "an installation",
  "apt-get install -y -o Dpkg::Options::=--force-confold jq": "apt-get",
  "cargo install x --version 1.2.3": "an installation",
  "sbt -v compile": "a build",
  'sbt "run x"': "a build",
  "./gradlew --no-daemon build": "a build",
  "echo 'y' | apt-get install jq": "apt-get",
  "echo 'a' && apt-get install 'jq'": "apt-get",
  "echo 'a; apt-get install jq' | sh": "apt-get",
  "echo 'a; apt-get install jq' | sudo bash": "apt-get",
  'echo "$(true; apt-get install jq)"': "apt-get",
};

for (const [text, what] of Object.entries(DOWNLOADS)) {
  Deno.test(`downloadsInShell finds: ${text}`, () => assertEquals(shell(text), [what]));
}

/** Commands that need no public server. */
const OFFLINE = [
  "spark-submit --master local[2] x.py",
  "pip install --no-index --find-links /opt/wheels requests",
  "pip install /opt/wheels/x.whl",
  "pip install -e .",
  "pip install -i http://devpi.tools.svc/simple requests",
  "pip list",
  "# pip install requests",
  "echo pip install requests",
  "echo done # curl https://example.com/x",
  "curl -s http://localhost:4040/api/v1/applications",
  "curl http://pushgateway.monitoring.svc:9091/metrics",
  "curl http://pushgateway:9091/x",
  "wget http://10.42.0.7/x",
  "curl $ENDPOINT/x.jar",
  "curl https://$HOST/x.jar",
  "curl -X POST -d @x.json https://hooks.example.com/x",
  "curl --data done https://hooks.example.com/x",
  "curl -fsS -m 10 --retry 5 https://ping.example.com/x",
  "curl -fsS -o /dev/null https://ping.example.com/x || true",
  "curl -s https://ping.example.com/x > /dev/null 2>&1",
  "wget -q --spider https://ping.example.com/x",
  "wget -qO /dev/null https://ping.example.com/x",
  "aws s3 cp s3://bucket/x.py /tmp",
  "git status",
  "poetry run spark-submit x.py",
  "uv run x.py",
  "npx tsc",
  "mvn -o -q package",
  "gradle --offline run",
  "go run x.go",
  "npm run build",
  "bundle install --local",
  "poetry add pandas --dry-run",
  "sbt --version",
  "sbt -v",
  "gradle --version",
  "./gradlew -v",
  "mvn --version",
  "echo 'run apt-get update && apt-get install -y jq'",
  'if true; then echo "first; pip install requests"; fi',
  "cd /tmp && printf 'a | apt-get update; %s' x",
];

for (const text of OFFLINE) {
  Deno.test(`downloadsInShell accepts: ${text}`, () => assertEquals(shell(text), []));
}

Deno.test("downloadsInPython finds files that Spark fetches, and pip", () => {
  const found = (text: string) => downloadsInPython(text).map(({ what }) => what);
  assertEquals(found('sc.addPyFile("https://example.com/a.zip")'), [
    "addPyFile https://example.com/a.zip",
  ]);
  assertEquals(found("spark.sparkContext.addFile('https://example.com/a.csv?token=x')"), [
    "addFile https://example.com/a.csv",
  ]);
  const files = 'sc.addJar("gs://b/a.jar")\nsc.addFile("hdfs://n/a")\nsc.addFile("s3a://b/a")\n' +
    'URL = "http://files.tools.svc/a.zip"\nsc.addPyFile(URL)\nsc.addFile(f"https://{host}/a")';
  assertEquals(downloadsInPython(files).map(({ what, isPublic }) => [what, isPublic]), [
    ["addJar gs://b/a.jar", false],
    ["addFile hdfs://n/a", false],
    ["addPyFile http://files.tools.svc/a.zip", false],
    ["addFile https://{host}/a", false],
  ]);
  assertEquals(found('subprocess.run(["pip", "install", "x"])'), ["pip install x"]);
  assertEquals(found('os.system("pip install x")'), ["pip install x"]);
  assertEquals(found('pip.main(["install", "x"])'), ["pip install"]);
  const url = "https://example.com/a.jar";
  assertEquals(found(`urlretrieve("${url}", "/tmp/a.jar")`), [`urlretrieve ${url}`]);
  assertEquals(found(`subprocess.run(["wget", "${url}"])`), [`wget ${url}`]);
  assertEquals(found(`subprocess.run("curl -o a ${url}", shell=True)`), [`curl ${url}`]);
  assertEquals(found(`open("a").write(requests.get("${url}").content)`), [`requests.get ${url}`]);
  assertEquals(found(`spark.sql("ADD JAR ${url}")`), [`ADD JAR ${url}`]);
  assertEquals(found('spark.sql("add jar ivy://a:b:1")'), ["ADD JAR ivy://a:b:1"]);
  assertEquals(found("configure_spark_with_delta_pip(b)"), ["configure_spark_with_delta_pip()"]);
  for (
    const text of [
      '"""Usage: pip install pandas"""',
      'logging.error("run pip install pandas first")',
      'requests.get("https://monitor.example.com/x")',
      'requests.post("https://monitor.example.com/x", json={})',
      'pd.read_csv("http://files.tools.svc/a.csv")',
      'subprocess.run(["ls", "-l"])',
    ]
  ) assertEquals([text, found(text)], [text, []]);
  assertEquals(found("%pip install x"), ["pip install"]);
  assertEquals(
    found('# sc.addPyFile("https://example.com/a.zip")\nsc.addPyFile("/opt/a.zip")'),
    [],
  );
});

/** The findings for our manifests with another command of the bronze Job. */
function findings(files: Readonly<Record<string, string>>) {
  return runtimeDownloads(treeOf(factOf(files)))
    .map(({ severity, field, problem }) => ({ severity, field, problem }));
}

const APPLICATION = "local:///opt/deep-storage/jobs/bronze_ingest.py";

for (
  const [name, argument, problem] of [
    [
      "the application file",
      "https://example.com/jobs/bronze.py",
      "the application file https://example.com/jobs/bronze.py",
    ],
    [
      "the application file with a login",
      "https://u:Hunter2@example.com:8443/bronze.py?a=b",
      "the application file https://example.com:8443/bronze.py",
    ],
    [
      "a jar as the application",
      "https://example.com/app.jar",
      "the application file https://example.com/app.jar",
    ],
    [
      "Python files",
      "--py-files=https://example.com/a.zip",
      "--py-files https://example.com/a.zip",
    ],
    [
      "Python files among others",
      "--py-files=/opt/b.zip,https://example.com/a.zip",
      "--py-files https://example.com/a.zip",
    ],
    ["files", "--files=https://example.com/a.csv", "--files https://example.com/a.csv"],
  ] as const
) {
  Deno.test(`image-deps fails for a download at run time: ${name}`, () => {
    const [found, ...others] = findings(change(JOB, APPLICATION, argument));
    assertEquals(others, []);
    assertEquals([found!.severity, found!.problem], [
      "fail",
      `the job downloads when it starts: ${problem}`,
    ]);
    assertMatch(found!.field!, /args\[\d+\]$/);
  });
}

for (
  const url of [
    "gs://bucket/x",
    "hdfs://namenode/x",
    "abfss://c@account.dfs.core.windows.net/x",
    "http://files/x",
    "http://files.tools.svc/x",
    "http://10.0.0.7/x",
    "https://example.com/x",
    "s3a://bucket/x",
  ]
) {
  Deno.test(`image-deps judges the same in --jars, --py-files and the application file: ${url}`, () => {
    const severities = ([jar, zip, py]: readonly [string, string, string]) =>
      [`--jars=${jar}`, `--py-files=${zip}`, py].map((argument) => {
        const tree = treeOf(factOf(change(JOB, APPLICATION, argument)));
        return judgeImages(tree)!.findings.filter(({ problem }) => problem.includes("download"))
          .map(({ severity }) => severity);
      });
    const wanted = url.startsWith("s3a:") ? [] : [url.includes("example.com") ? "fail" : "warn"];
    assertEquals(severities([`${url}.jar`, `${url}.zip`, `${url}.py`]), [wanted, wanted, wanted]);
  });
}

Deno.test("image-deps does not take an argument of the application for a download", () => {
  for (const application of [APPLICATION, "/opt/deep-storage/jobs/bronze_ingest.py"]) {
    const argument = `${application}\n            - hdfs://namenode/input.zip`;
    assertEquals(findings(change(JOB, APPLICATION, argument)), []);
  }
});

Deno.test("image-deps finds commands in containers, init containers and scripts", () => {
  assertEquals(findings(FILES), []);
  const init = `initContainers:
        - name: wait
          image: busybox:1
          command: [sh, -c, "wget https://example.com/x.jar"]
      containers:`;
  assertEquals(findings(change(JOB, "containers:", init)).map(({ field }) => field), [
    "spec.template.spec.initContainers[0].command[2]",
  ]);
});

Deno.test("image-deps finds a download of a hook, and takes text that is only printed", () => {
  const hook = (command: string) =>
    change(
      JOB,
      "          env:\n",
      `          lifecycle: {postStart: {exec: {command: ${command}}}}\n          env:\n`,
    );
  const [found, ...others] = findings(hook("[sh, -c, pip install pandas]"));
  assertEquals(others, []);
  assertEquals(found, {
    severity: "fail",
    field: "spec.template.spec.containers[0].lifecycle.postStart.exec.command[2]",
    problem: "the job downloads when it starts: pip install pandas",
  });
  assertEquals(findings(hook("[sh, -c, sleep 1]")), []);
  const shell = `[bash, -c, "echo 'pip install pandas'; spark-submit local:///a.py"]`;
  assertEquals(
    findings(change(JOB, "command: [/opt/spark/bin/spark-submit]", `command: ${shell}`)),
    [],
  );
});

Deno.test("runtimeDownloads finds the repository of git-sync", () => {
  const found = (fields: string) => {
    const init =
      `      initContainers: [{ name: code, image: registry.k8s.io/git-sync/git-sync:v4.2.3, ${fields} }]\n`;
    const files = change(JOB, "      containers:\n", `${init}      containers:\n`);
    return runtimeDownloads(treeOf(factOf(files))).map(({ severity, field, problem }) => (
      `${severity} ${field!.split(".").slice(-1)}: ${problem.split(": ")[1]}`
    ));
  };
  const url = "https://user:Hunter2@github.com/example/jobs";
  const what = "git-sync https://github.com/example/jobs";
  assertEquals(found(`args: ["--repo=${url}", --one-time]`), [`fail args[0]: ${what}`]);
  assertEquals(found(`args: [--repo, "${url}"]`), [`fail args[1]: ${what}`]);
  assertEquals(found(`env: [{ name: GITSYNC_REPO, value: "${url}" }]`), [`fail env[0]: ${what}`]);
  assertEquals(found('args: ["--repo=http://git.svc/jobs"]'), [
    "warn args[0]: git-sync http://git.svc/jobs",
  ]);
  assertEquals(found("args: [--one-time]"), []);
});
