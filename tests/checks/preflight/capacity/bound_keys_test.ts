import { readFile } from "../../../../checks/facts/manifests.ts";
import { wrongBounds } from "../../../../checks/preflight/capacity/bound_keys.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";

const problems = (yaml: string) =>
  wrongBounds(readFile("a.yaml", yaml).objects).map(({ problem }) => problem);

const quota = (key: string) =>
  `apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: a }\nspec: { hard: { "${key}": "1" } }\n`;

Deno.test("wrongBounds knows the keys of a ResourceQuota", () => {
  const known = [
    "cpu",
    "memory",
    "requests.cpu",
    "limits.memory",
    "requests.storage",
    "ephemeral-storage",
    "requests.ephemeral-storage",
    "pods",
    "count/pods",
    "count/jobs.batch",
    "count/deployments.apps",
    "services.nodeports",
    "requests.nvidia.com/gpu",
    "hugepages-2Mi",
    "requests.hugepages-1Gi",
    "gold.storageclass.storage.k8s.io/requests.storage",
    "count/sparkapplications.sparkoperator.k8s.io",
    "count/ingresses.networking.k8s.io",
    "persistentvolumeclaims",
  ];
  for (const key of known) assertEquals(problems(quota(key)), [], key);
});

Deno.test("wrongBounds suggests the key that is meant", () => {
  const wrong = {
    "requests.count/pods": "count/pods",
    "request.cpu": "requests.cpu",
    "limit.memory": "limits.memory",
    "requests.pods": "pods",
    "count/jobs": "count/jobs.batch",
    "count/pod": "count/pods",
    "count/deployments": "count/deployments.apps",
    "count/cronjob.batch": "count/cronjobs.batch",
    "nvidia.com/gpu": "requests.nvidia.com/gpu",
    "limits.nvidia.com/gpu": "requests.nvidia.com/gpu",
    "limits.cpus": "limits.cpu",
    Pods: "pods",
    "requests.mem": undefined,
    "spark.executors": undefined,
  };
  for (const [key, meant] of Object.entries(wrong)) {
    assertEquals(problems(quota(key)), [
      `a quota has no key ${key}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
    ]);
  }
});

Deno.test("wrongBounds fails for amounts that the API server refuses", () => {
  const amounts = [
    ["pods", "-1", "pods must not be negative, but is -1"],
    ["pods", "1.5", "pods must be a whole number, but is 1.5"],
    ["count/jobs.batch", "500m", "count/jobs.batch must be a whole number, but is 500m"],
    ["requests.cpu", "1.5", undefined],
    ["pods", "1k", undefined],
  ] as const;
  for (const [key, amount, problem] of amounts) {
    const found = problems(quota(key).replace('"1"', `"${amount}"`));
    assertEquals(found, problem === undefined ? [] : [problem]);
  }
});

const range = (limit: string) =>
  `apiVersion: v1\nkind: LimitRange\nmetadata: { name: a }\nspec: { limits: [{ ${limit} }] }\n`;

Deno.test("wrongBounds judges the keys, types and amounts of a LimitRange", () => {
  const good = [
    "type: Container, max: { cpu: 2 }, default: { cpu: 1, memory: 1Gi }, defaultRequest: { cpu: 500m }",
    "type: PersistentVolumeClaim, max: { storage: 1Gi }",
    "type: Pod, max: { cpu: 4 }",
  ];
  for (const each of good) assertEquals(problems(range(each)), [], each);
  const wrong = [
    ["type: Container, max: { requests.cpu: 2 }", "no resource requests.cpu"],
    ["type: Containers, max: { cpu: 2 }", 'no type "Containers"'],
    ["type: Pod, default: { cpu: 2 }", "sets default only for type Container"],
    ["type: Container, min: { cpu: 2 }, max: { cpu: 1 }", "min of cpu is 2, more than max: 1"],
    ["type: Container, default: { cpu: 1 }, defaultRequest: { cpu: 2 }", "more than default: 1"],
  ] as const;
  for (const [limit, expected] of wrong) {
    assertStringIncludes(problems(range(limit)).join("\n"), expected);
  }
});

Deno.test("wrongBounds fails for a ratio of limit to request below one", () => {
  const ratio = (value: string) =>
    problems(range(`type: Container, maxLimitRequestRatio: { memory: "${value}" }`));
  assertEquals(ratio("1.5"), []);
  assertEquals(ratio("0.5"), [
    "maxLimitRequestRatio of memory is 0.5, and must be 1 or more",
  ]);
});
