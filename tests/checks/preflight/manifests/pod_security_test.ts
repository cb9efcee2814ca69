import { treeOf } from "../../../../checks/facts/tree.ts";
import { refusedPods } from "../../../../checks/preflight/manifests/pod_security.ts";
import { assertEquals } from "../../../support/assert.ts";
import { change, EXECUTORS, factOf, FILES, JOB } from "../../healthy/manifests.ts";

const found = (files: Readonly<Record<string, string>>) =>
  refusedPods(treeOf(factOf(files))).map(({ severity, problem }) => `${severity}: ${problem}`);

Deno.test("refusedPods accepts our own manifests", () => assertEquals(found(FILES), []));

/** Changes of a file, and what is found. */
const FAULTS = [
  [
    JOB,
    "allowPrivilegeEscalation: false",
    "privileged: true\n            allowPrivilegeEscalation: false",
    "fail: the container is privileged",
  ],
  [
    JOB,
    "drop: [ALL]",
    "drop: [ALL]\n              add: [SYS_ADMIN]",
    "fail: the container adds SYS_ADMIN",
  ],
  [
    JOB,
    "        runAsNonRoot: true\n",
    "        runAsNonRoot: false\n",
    "fail: the container sets another value than runAsNonRoot: true",
  ],
  [JOB, "        runAsUser: 185\n", "        runAsUser: 0\n", "fail: the container runs as root"],
  [
    JOB,
    "      restartPolicy: Never\n",
    "      restartPolicy: Never\n      hostNetwork: true\n",
    "fail: the pod uses hostNetwork",
  ],
  [
    JOB,
    "          emptyDir:\n            sizeLimit: 4Gi",
    "          hostPath:\n            path: /tmp",
    "fail: the pod has a volume of type hostPath",
  ],
  [
    JOB,
    "            allowPrivilegeEscalation: false\n",
    "",
    "warn: the container does not set allowPrivilegeEscalation: false",
  ],
  [
    EXECUTORS,
    "allowPrivilegeEscalation: false",
    "allowPrivilegeEscalation: true",
    "fail: the container sets another value than allowPrivilegeEscalation: false",
  ],
  [
    EXECUTORS,
    "              drop: [ALL]",
    "              drop: [NET_RAW]",
    "warn: the container does not set capabilities: {drop: [ALL]}",
  ],
] as const;

for (const [file, from, to, expected] of FAULTS) {
  Deno.test(`refusedPods finds in ${file}: ${expected}`, () => {
    assertEquals(found(change(file, from, to)), [expected]);
  });
}

Deno.test("refusedPods judges only namespaces that enforce a level", () => {
  const files = change(
    "00-namespace.yaml",
    "pod-security.kubernetes.io/enforce: restricted",
    "a: b",
  );
  const privileged = change(JOB, "allowPrivilegeEscalation: false", "privileged: true", files);
  assertEquals(found(privileged), []);
});
