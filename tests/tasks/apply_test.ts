import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import { type Api, openApi, pathOf, resourceOf } from "../cluster/api.ts";
import { kubeconfig } from "../cluster/kubeconfig.ts";
import { bringTo } from "../cluster/state.ts";
import { READS_ALL, user } from "../cluster/users.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { validLines } from "../support/line_schema.ts";
import { runTask } from "../support/task.ts";
import {
  apply,
  directoryOf,
  IN_JOBS,
  isGone,
  MERGE,
  NAMESPACE,
  objectsIn,
  QUOTA,
} from "./apply/setup.ts";

// Runs `deno task apply` like an operator, on a real control plane.

const ROOT = new URL("../../", import.meta.url);

/** The manifests of this repository. */
const OURS = await Promise.all(
  [...Deno.readDirSync(new URL("manifests/", ROOT))].map(({ name }) => name)
    .filter((name) => name.endsWith(".yaml")).sort()
    .map((name) => Deno.readTextFile(new URL(`manifests/${name}`, ROOT))),
);

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

const POLICIES = "/apis/networking.k8s.io/v1/namespaces/analytics-jobs/networkpolicies";

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
    const last = ["Job", "Job", "CronJob", "CronJob", "CronJob"];
    assertEquals([created[0], ...created.slice(-5)], ["Namespace", ...last]);

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
  assertStringIncludes(stdout, ": 1 to create, 2 to change, 22 unchanged\n");
  assertEquals(changed(before, await versions(api, objects)), [
    "Namespace analytics-jobs",
    "ResourceQuota analytics-jobs",
    "NetworkPolicy allow-s3-egress",
  ]);
});

clusterTest("apply --dry-run: shows the changes, and makes none", async () => {
  const objects = objectsIn(NAMESPACE, QUOTA);
  await bringTo(controlPlane(), objectsIn(NAMESPACE));
  await using manifests = await directoryOf(NAMESPACE, QUOTA);
  using api = openApi(controlPlane().admin);
  const before = await versions(api, objects);
  const { code, stdout, stderr } = await apply("--dry-run", "--manifests", manifests.path);
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "\n+ ResourceQuota analytics-jobs/jobs  new\n");
  assertStringIncludes(stdout, "nothing was applied: without --dry-run, apply would make 1 change");
  assertEquals(await versions(api, objects), before);
});

clusterTest("apply --output json: prints a line for each object and each change", async () => {
  await bringTo(controlPlane(), objectsIn(NAMESPACE));
  await using manifests = await directoryOf(NAMESPACE, QUOTA);
  const args = ["--manifests", manifests.path, "-o", "json"];
  const steps = async (...more: string[]) => {
    const { code, stdout, stderr } = await apply(...args, ...more);
    assertEquals([code, stderr], [0, ""]);
    return validLines(stdout).map(({ step, kind, action, outcome, changes }) =>
      [step, kind ?? outcome, action ?? changes].join(" ")
    );
  };
  const plan = ["object Namespace nothing", "object ResourceQuota create"];
  assertEquals(await steps("--dry-run"), [...plan, "total planned 1"]);
  const applied = ["applied ResourceQuota create", "total applied 1"];
  assertEquals(await steps("--yes"), [...plan, ...applied]);
  assertEquals((await steps("--yes")).at(-1), "total unchanged 0");
});

clusterTest(
  "apply --output json: prints what the API server refuses, and the failure",
  async () => {
    await bringTo(controlPlane(), objectsIn(NAMESPACE));
    await using manifests = await directoryOf(NAMESPACE, QUOTA.replace('"5"', '"many"'));
    const { code, stdout } = await apply("--manifests", manifests.path, "-o", "json", "--yes");
    assertEquals(code, 2);
    assertEquals(validLines(stdout).map(({ step }) => step), ["refused", "failed"]);
  },
);

Deno.test("apply --output json: requires --yes or --dry-run", async () => {
  const { code, stdout } = await runTask("apply", ["-o", "json"]);
  assertEquals(code, 2);
  assertStringIncludes(String(validLines(stdout)[0]!.message), "Add --yes");
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
  assertMatch(stderr, /^Cannot ask "Apply 25 changes to .* Add --yes /);
  using api = openApi(controlPlane().admin);
  assert(await isGone(api, "/api/v1/namespaces/analytics-jobs"));
});

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
    for (const [name, texts, message] of cases) {
      await t.step(name, async () => {
        await using directory = await directoryOf(...texts);
        const { code, stdout, stderr } = await apply("--yes", "--manifests", directory.path);
        assertEquals(code, 2, stdout);
        assertMatch(stderr, message);
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
  assertStringIncludes(stdout, "runbook: deno task explain server-dry-run");
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

clusterTest(
  "apply: exits with 3 if the cluster is unreachable, with 2 without kubeconfig or manifests",
  async () => {
    const unreachable = kubeconfig({ ...controlPlane().admin, server: "https://127.0.0.1:1" });
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, unreachable);
    const { code, stderr } = await runTask("apply", ["--kubeconfig", file, "--yes"]);
    assertEquals(code, 3);
    assertStringIncludes(stderr, "https://127.0.0.1:1");
    await Deno.remove(file);
    const missing = await runTask("apply", ["--kubeconfig", file, "--yes"]);
    assertEquals(missing.code, 2);
    const withoutKubeconfig = await runTask("apply", ["--yes"], {
      HOME: "/nonexistent",
      DENO_DIR: denoDir(),
    });
    assertEquals(withoutKubeconfig.code, 2);
    assertStringIncludes(withoutKubeconfig.stderr, "there is no kubeconfig");
    const empty = await apply("--manifests", "no/such/place");
    assertEquals(empty.code, 2);
  },
);

/** Returns the path of Deno's cache, for a task with another home directory. */
function denoDir(): string {
  return Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
}
