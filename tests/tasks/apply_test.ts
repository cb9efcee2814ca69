import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import { type Api, openApi, pathOf, resourceOf } from "../cluster/api.ts";
import { kubeconfig } from "../cluster/kubeconfig.ts";
import { theNodes } from "../cluster/setup.ts";
import { bringTo } from "../cluster/state.ts";
import { until } from "../cluster/until.ts";
import { READS_ALL, user } from "../cluster/users.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { runTask, startTask, type TaskOutcome } from "../support/task.ts";
import { atTerminal, startOnTerminal } from "../support/terminal.ts";

// Runs `deno task apply` like an operator, on a real control plane.

const ROOT = new URL("../../", import.meta.url);

/** The manifests of this repository. */
const OURS = await Promise.all(
  [...Deno.readDirSync(new URL("manifests/", ROOT))].map(({ name }) => name)
    .filter((name) => name.endsWith(".yaml")).sort()
    .map((name) => Deno.readTextFile(new URL(`manifests/${name}`, ROOT))),
);

function objectsIn(...texts: readonly string[]): KubeObject[] {
  return texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS()));
}

/** A directory of manifests, removed on disposal. */
async function directoryOf(...texts: readonly string[]) {
  const path = await Deno.makeTempDir({ prefix: "manifests-" });
  for (const [i, text] of texts.entries()) await Deno.writeTextFile(`${path}/${i}.yaml`, text);
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

function apply(...args: readonly string[]): Promise<TaskOutcome> {
  return runTask("apply", ["--kubeconfig", controlPlane().kubeconfig, ...args]);
}

/** Returns the UID and version of each object in the cluster, by kind and name. */
async function versions(api: Api, objects: readonly KubeObject[]) {
  const resources = await api.resources();
  const found = await Promise.all(objects.map(async (object) => {
    const { name, namespace } = object.metadata;
    const response = await api.send("GET", pathOf(resourceOf(resources, object), namespace, name));
    const { metadata } = await response.json();
    const is = response.ok ? `${metadata.uid} ${metadata.resourceVersion}` : "not there";
    return [`${object.kind} ${name}`, is] as const;
  }));
  return Object.fromEntries(found);
}

/** Returns the objects that were created or changed between two reads. */
function changed(before: Record<string, string>, after: Record<string, string>): string[] {
  return Object.keys(after).filter((id) => before[id] !== after[id]);
}

async function isGone(api: Api, path: string): Promise<boolean> {
  const response = await api.send("GET", path);
  await response.body?.cancel();
  return response.status === 404;
}

const IN_JOBS = "/api/v1/namespaces/analytics-jobs";
const JOBS = "/apis/batch/v1/namespaces/analytics-jobs/jobs";
const POLICIES = "/apis/networking.k8s.io/v1/namespaces/analytics-jobs/networkpolicies";
const MERGE = "application/merge-patch+json";

clusterTest(
  "apply: an empty cluster matches the manifests, and a second apply changes nothing",
  async () => {
    await bringTo(controlPlane(), []);
    using api = openApi(controlPlane().admin);
    const objects = objectsIn(...OURS);
    const first = await apply("--yes");
    assertEquals([first.code, first.stderr], [0, ""]);
    const after = await versions(api, objects);
    assertEquals(Object.values(after).filter((is) => is === "not there"), []);
    const lines = first.stdout.split("\n");
    assertEquals(lines.filter((line) => line.startsWith("+ ")).length, objects.length);
    assertEquals(lines.filter((line) => line.startsWith("created ")).length, objects.length);
    assertMatch(
      first.stdout,
      new RegExp(`${objects.length} changes applied: .* matches the manifests`),
    );
    const created = lines.filter((line) => line.startsWith("created ")).map((line) =>
      line.split(/ +/)[1]
    );
    assertEquals([created[0], ...created.slice(-2)], ["Namespace", "Job", "Job"]);

    const second = await apply("--yes");
    assertEquals([second.code, second.stderr], [0, ""]);
    assertEquals(second.stdout.split("\n")[0]!.split(": ").at(-1), `${objects.length} unchanged`);
    assertMatch(second.stdout, /^nothing to do: /m);
    assertEquals(await versions(api, objects), after);
  },
);

clusterTest("apply: changes only different fields, and shows each of them first", async () => {
  const objects = objectsIn(...OURS);
  await bringTo(controlPlane(), objects);
  using api = openApi(controlPlane().admin);
  await api.call("PATCH", "/api/v1/namespaces/analytics-jobs", {
    metadata: { labels: { name: "wrong" } },
  }, MERGE);
  await api.call("PATCH", `${IN_JOBS}/resourcequotas/analytics-jobs`, {
    spec: { hard: { "requests.memory": "8G" } },
  }, MERGE);
  await api.call("DELETE", `${POLICIES}/allow-s3-egress`);
  const before = await versions(api, objects);
  const { code, stdout, stderr } = await apply("--yes");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout.split("\n").slice(1, 6), [
    "~ Namespace analytics-jobs",
    '    metadata.labels.name  "wrong" -> "analytics-jobs"',
    "~ ResourceQuota analytics-jobs/analytics-jobs",
    '    spec.hard.requests.memory  "8G" -> "12G"',
    "+ NetworkPolicy analytics-jobs/allow-s3-egress  new",
  ]);
  assertStringIncludes(stdout, ": 1 to create, 2 to change, 12 unchanged\n");
  assertEquals(changed(before, await versions(api, objects)), [
    "Namespace analytics-jobs",
    "ResourceQuota analytics-jobs",
    "NetworkPolicy allow-s3-egress",
  ]);
});

clusterTest("apply: keeps objects without a manifest, and fields of other managers", async () => {
  await bringTo(controlPlane(), objectsIn(...OURS));
  using api = openApi(controlPlane().admin);
  const spec = { podSelector: {} };
  await api.call("POST", POLICIES, { kind: "NetworkPolicy", metadata: { name: "other" }, spec });
  await api.call(
    "PATCH",
    `${POLICIES}/default-deny`,
    { metadata: { labels: { by: "us" } } },
    MERGE,
  );
  const { code, stdout } = await apply("--yes");
  assertEquals([code, /^nothing to do/m.test(stdout)], [0, true]);
  assertEquals((await api.get(`${POLICIES}/other`)).spec.podSelector, {});
  assertEquals((await api.get(`${POLICIES}/default-deny`)).metadata.labels, { by: "us" });
});

clusterTest("apply: removes a field that was removed from the manifests", async () => {
  await bringTo(controlPlane(), []);
  const policy = (labels: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: deny, namespace: default, labels: ${labels} }
spec: { podSelector: {} }
`;
  await using before = await directoryOf(policy("{ a: b, c: d }"));
  await using after = await directoryOf(policy("{ a: b }"));
  assertEquals((await apply("--yes", "--manifests", before.path)).code, 0);
  const { code, stdout } = await apply("--yes", "--manifests", after.path);
  assertEquals(code, 0);
  assertStringIncludes(stdout, '    metadata.labels.c  "d" -> nothing\n');
});

clusterTest("apply: without a terminal and --yes, shows the changes and exits with 2", async () => {
  await bringTo(controlPlane(), []);
  const { code, stdout, stderr } = await apply();
  assertEquals(code, 2);
  assertStringIncludes(stdout, "+ Namespace analytics-jobs  new");
  assertMatch(stdout, /Nothing was applied\.\n$/);
  assertMatch(stderr, /^Cannot ask "Apply 15 changes to .* Add --yes /);
  using api = openApi(controlPlane().admin);
  assert(await isGone(api, "/api/v1/namespaces/analytics-jobs"));
});

const NAMESPACE = `
apiVersion: v1
kind: Namespace
metadata: { name: analytics-jobs }
`;
const QUOTA = `
apiVersion: v1
kind: ResourceQuota
metadata: { name: jobs, namespace: analytics-jobs }
spec: { hard: { pods: "5" } }
`;
const REFUSED = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: wrong, namespace: analytics-jobs }
spec: { podSelector: {}, egress: [{ ports: [{ port: 70000 }] }] }
`;

clusterTest(
  "apply: applies nothing if one object cannot be applied, and exits with 2",
  async (t) => {
    await bringTo(controlPlane(), objectsIn(NAMESPACE));
    using api = openApi(controlPlane().admin);
    const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
      [
        "an object that the API server refuses",
        [QUOTA, REFUSED],
        /refuses 1 of 2 objects, and nothing/,
      ],
      ["a file that cannot be read", [QUOTA, "a: [b"], /1\.yaml:1: /],
      [
        "an object that is defined twice",
        [QUOTA, QUOTA],
        /ResourceQuota .* is defined in .*0\.yaml:2 and in .*1/,
      ],
      [
        "a namespace that does not exist",
        [QUOTA.replace("-jobs }", "-jobz }")],
        /no namespace analytics-jobz/,
      ],
      ["no object", [""], /the directory has no Kubernetes object/],
    ];
    for (const [name, texts, says] of cases) {
      await t.step(name, async () => {
        await using directory = await directoryOf(...texts);
        const { code, stdout, stderr } = await apply("--yes", "--manifests", directory.path);
        assertEquals(code, 2, stdout);
        assertMatch(stderr, says);
        assertEquals((await api.get(`${IN_JOBS}/resourcequotas`)).items, []);
      });
    }
  },
);

clusterTest("apply: shows a refused object as preflight does, with file and field", async () => {
  await bringTo(controlPlane(), objectsIn(NAMESPACE));
  await using directory = await directoryOf(REFUSED);
  const { stdout } = await apply("--yes", "--manifests", directory.path);
  assertMatch(
    stdout,
    /NetworkPolicy analytics-jobs\/wrong {2}spec\.egress\[0\]\.ports\[0\]\.port {2}\(.*0\.yaml:5\)/,
  );
  assertStringIncludes(stdout, "runbook/server-dry-run.md");
});

clusterTest(
  "apply: creates a new namespace first, and then applies all or nothing in it",
  async () => {
    await bringTo(controlPlane(), []);
    await using directory = await directoryOf(NAMESPACE, QUOTA, REFUSED);
    const { code, stderr } = await apply("--yes", "--manifests", directory.path);
    assertEquals(code, 2);
    assertStringIncludes(
      stderr,
      "the API server refuses 1 of 3 objects, and only Namespace analytics-jobs was applied.",
    );
    using api = openApi(controlPlane().admin);
    assertEquals((await api.get(`${IN_JOBS}/resourcequotas`)).items, []);
  },
);

clusterTest("apply: names the permission that a user lacks, and exits with 2", async () => {
  await bringTo(controlPlane(), objectsIn(NAMESPACE));
  const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, kubeconfig(reader));
  const { code, stderr } = await runTask("apply", ["--kubeconfig", file, "--yes"]);
  await Deno.remove(file);
  assertEquals(code, 2);
  assertMatch(
    stderr,
    /User "system:serviceaccount:default:reader" cannot patch resources "namespaces"/,
  );
});

clusterTest("apply: shows no values of Secrets", async () => {
  const secret = (value: string) => `
apiVersion: v1
kind: Secret
metadata: { name: a, namespace: analytics-jobs }
stringData: { PASSWORD: "${value}" }
`;
  await bringTo(controlPlane(), objectsIn(NAMESPACE, secret("0ld-p4ss")));
  await using directory = await directoryOf(NAMESPACE, secret("n3w-p4ss"));
  const { code, stdout, stderr } = await apply("--yes", "--manifests", directory.path);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "stringData.PASSWORD  a value -> another value");
  for (const value of ["0ld-p4ss", "n3w-p4ss"]) {
    for (const form of [value, btoa(value)]) assert(!(stdout + stderr).includes(form), stdout);
  }
  using api = openApi(controlPlane().admin);
  assertEquals((await api.get(`${IN_JOBS}/secrets/a`)).data.PASSWORD, btoa("n3w-p4ss"));
  const again = await apply("--yes", "--manifests", directory.path);
  assertMatch(again.stdout, /^nothing to do: /m);
});

const job = (image: string, more = "") => `
apiVersion: batch/v1
kind: Job
metadata: { name: bronze, namespace: analytics-jobs${more} }
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: driver, image: "${image}" }]
`;

const imageOf = ({ spec }: { spec: { template: { spec: { containers: { image: string }[] } } } }) =>
  spec.template.spec.containers[0]!.image;

clusterTest(
  "apply: replaces a Job that was not started and has a different pod template, and reports that",
  async () => {
    await bringTo(controlPlane(), objectsIn(NAMESPACE, job("spark:1")));
    using api = openApi(controlPlane().admin);
    const before = await api.get(`${JOBS}/bronze`);
    await using directory = await directoryOf(NAMESPACE, job("spark:2"));
    const { code, stdout, stderr } = await apply("--yes", "--manifests", directory.path);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(
      stdout,
      /^± Job analytics-jobs\/bronze {2}is deleted and created again, because the pods of a Job cannot be changed; /m,
    );
    assertStringIncludes(
      stdout,
      '    spec.template.spec.containers[0].image  "spark:1" -> "spark:2"\n',
    );
    const after = await api.get(`${JOBS}/bronze`);
    assertEquals([imageOf(after), after.spec.suspend], ["spark:2", true]);
    assert(after.metadata.uid !== before.metadata.uid);
  },
);

clusterTest("apply: replaces a Job that was not started and has additional fields", async () => {
  const more = job("spark:1").replace("Never", "Never\n      nodeSelector: { pool: old }");
  await bringTo(controlPlane(), objectsIn(NAMESPACE, more));
  await using directory = await directoryOf(NAMESPACE, job("spark:1"));
  const how = ["--yes", "--manifests", directory.path];
  const { code, stdout } = await apply(...how);
  assertEquals(code, 0);
  assertStringIncludes(stdout, '    spec.template.spec.nodeSelector  {"pool":"old"} -> nothing\n');
  assertMatch((await apply(...how)).stdout, /^nothing to do: /m);
});

clusterTest("apply: ignores fields of other managers on a Job that was not started", async () => {
  await bringTo(controlPlane(), objectsIn(NAMESPACE, job("spark:1", ", labels: { by: somebody }")));
  await using directory = await directoryOf(NAMESPACE, job("spark:1"));
  const { code, stdout } = await apply("--yes", "--manifests", directory.path);
  assertEquals([code, /^nothing to do: /m.test(stdout)], [0, true], stdout);
});

/** Returns the output of apply for a Job that was started from another template and reached a state. */
async function applyToStarted(live: string, far: string, isSo: (status: object) => boolean) {
  await using directory = await directoryOf(NAMESPACE, job("spark:2"));
  await bringTo(controlPlane(), [...await theNodes(), ...objectsIn(NAMESPACE, live)]);
  using api = openApi(controlPlane().admin);
  await api.call("PATCH", `${JOBS}/bronze`, { spec: { suspend: false } }, MERGE);
  await until(`the Job ${far}`, async () => isSo((await api.get(`${JOBS}/bronze`)).status));
  const before = await api.get(`${JOBS}/bronze`);
  const { code, stdout, stderr } = await apply("--yes", "--manifests", directory.path);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^nothing to do: /m);
  assertEquals((await api.get(`${JOBS}/bronze`)).metadata.uid, before.metadata.uid);
  return stdout;
}

clusterTest("apply: does not change a Job that was started", async () => {
  const live = job("spark:1").replace("Never", "Never\n      nodeSelector: { there-is: none }");
  const stdout = await applyToStarted(live, "runs", (status) => "active" in status);
  assertMatch(
    stdout,
    /^= Job analytics-jobs\/bronze {2}is not changed: it has started$/m,
  );
});

clusterTest(
  "apply: does not change a finished Job, and prints how to run the Job again",
  async () => {
    const isOver = (status: object) => "completionTime" in status;
    const stdout = await applyToStarted(job("spark:1"), "is at its end", isOver);
    assertStringIncludes(
      stdout,
      "it has finished. To run the Job again: " +
        "kubectl -n analytics-jobs delete job bronze && deno task apply\n",
    );
  },
);

clusterTest(
  "apply: exits with 3 if the cluster is unreachable, with 2 without kubeconfig or manifests",
  async () => {
    const gone = kubeconfig({ ...controlPlane().admin, server: "https://127.0.0.1:1" });
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, gone);
    const { code, stderr } = await runTask("apply", ["--kubeconfig", file, "--yes"]);
    assertEquals(code, 3);
    assertStringIncludes(stderr, "https://127.0.0.1:1");
    await Deno.remove(file);
    const missing = await runTask("apply", ["--kubeconfig", file, "--yes"]);
    assertEquals(missing.code, 2);
    const nowhere = await runTask("apply", ["--yes"], {
      HOME: "/nonexistent",
      DENO_DIR: denoDir(),
    });
    assertEquals(nowhere.code, 2);
    assertStringIncludes(nowhere.stderr, "there is no kubeconfig");
    const empty = await apply("--manifests", "no/such/place");
    assertEquals(empty.code, 2);
  },
);

/** Returns the path of Deno's cache, for a task with another home directory. */
function denoDir(): string {
  return Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
}

const HOLD = ", finalizers: [deep-storage/hold]";

/** Removes the finalizer that keeps a Job from being deleted. */
async function letGo(api: Api): Promise<void> {
  await api.call("PATCH", `${JOBS}/bronze`, { metadata: { finalizers: null } }, MERGE);
  await until("the Job is gone", () => isGone(api, `${JOBS}/bronze`));
}

clusterTest(
  "apply: exits with 3 at the timeout, and lists what was applied; the next run continues",
  async () => {
    await bringTo(controlPlane(), objectsIn(NAMESPACE, job("spark:1", HOLD)));
    await using directory = await directoryOf(NAMESPACE, QUOTA, job("spark:2"));
    const how = ["--yes", "--manifests", directory.path];
    const { code, stdout, stderr } = await apply(...how, "--timeout", "8");
    using api = openApi(controlPlane().admin);
    assertEquals(code, 3);
    assertStringIncludes(stderr, "it took longer than 8 s");
    assertMatch(stdout, /1 of 2 changes applied, and perhaps Job analytics-jobs\/bronze\.\n$/);
    const going = await apply(...how);
    assertEquals(going.code, 3);
    assertStringIncludes(going.stderr, "Job analytics-jobs/bronze is being deleted");
    await letGo(api);
    assertEquals((await apply(...how)).code, 0);
    assertEquals(imageOf(await api.get(`${JOBS}/bronze`)), "spark:2");
  },
);

clusterTest(
  "apply: exits with 130 at Ctrl-C, and lists what was applied; the next run continues",
  async () => {
    await bringTo(controlPlane(), objectsIn(NAMESPACE, job("spark:1", HOLD)));
    await using directory = await directoryOf(NAMESPACE, QUOTA, job("spark:2"));
    const how = ["--kubeconfig", controlPlane().kubeconfig, "--yes", "--manifests", directory.path];
    using api = openApi(controlPlane().admin);
    const task = startTask("apply", how);
    await until(
      "the Job is being removed",
      async () => (await api.get(`${JOBS}/bronze`)).metadata.deletionTimestamp !== undefined,
    );
    task.kill("SIGINT");
    const { code, stdout, stderr } = await task.outcome;
    assertEquals([code, stderr], [
      130,
      "Interrupted. apply can be stopped at any point: run it again.\n",
    ]);
    assertMatch(stdout, /1 of 2 changes applied, and perhaps Job analytics-jobs\/bronze\.\n$/);
    await letGo(api);
    const again = await runTask("apply", how);
    assertEquals(again.code, 0);
    assertMatch(again.stdout, /: 1 to create, 2 unchanged$/m);
  },
);

const terminalTest = atTerminal(clusterTest);

// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[3\dm/;

for (
  const [answer, code, applied] of [
    ["y\r", 0, true],
    ["yes\r", 0, true],
    ["n\r", 1, false],
    [
      "\r",
      1,
      false,
    ],
    ["yo\r", 1, false],
    ["\x04", 1, false],
    ["\x03", 130, false],
  ] as const
) {
  terminalTest(
    `deno task apply: at a terminal it asks, and ${JSON.stringify(answer)} means ${
      applied ? "yes" : "no"
    }`,
    async () => {
      await bringTo(controlPlane(), objectsIn(NAMESPACE));
      await using directory = await directoryOf(NAMESPACE, QUOTA);
      const args = ["--kubeconfig", controlPlane().kubeconfig, "--manifests", directory.path];
      const task = startOnTerminal("apply", args);
      await task.until(
        `Apply 1 change to ${controlPlane().admin.name} at ${controlPlane().admin.server}? [y/N]`,
      );
      await task.type(answer);
      assertEquals(await task.outcome, { code, restored: true });
      assertEquals(task.shown().includes("Nothing was applied."), !applied, task.shown());
      assertMatch(task.shown(), COLOUR);
      using api = openApi(controlPlane().admin);
      assertEquals((await api.get(`${IN_JOBS}/resourcequotas`)).items.length, applied ? 1 : 0);
    },
  );
}

terminalTest("apply: prints no colour with NO_COLOR", async () => {
  await bringTo(controlPlane(), objectsIn(NAMESPACE));
  await using directory = await directoryOf(NAMESPACE, QUOTA);
  const args = ["--kubeconfig", controlPlane().kubeconfig, "--manifests", directory.path, "--yes"];
  const task = startOnTerminal("apply", args, { NO_COLOR: "1" });
  assertEquals(await task.outcome, { code: 0, restored: true });
  assert(!COLOUR.test(task.shown()), task.shown());
});
