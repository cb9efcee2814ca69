import { patchPolicy } from "../../../../checks/preflight/network/policy_fix.ts";
import { readPolicy } from "../../../../checks/network_policy/read_policy.ts";
import type { PatchStep } from "../../../../checks/preflight/change.ts";
import { openApi } from "../../../cluster/api.ts";
import { assertEquals } from "../../../support/assert.ts";
import { clusterTest, controlPlane } from "../../../support/control_plane.ts";

const PATH = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies";

/** Rules in forms that the API server stores in another form. */
const RULES = [
  { ports: [{ port: 53 }, { protocol: "UDP", port: 53 }], to: [] },
  { to: [{ podSelector: { matchLabels: {}, matchExpressions: null } }], ports: null },
  { to: [{ ipBlock: { cidr: "0.0.0.0/0", except: [] } }], ports: [{ port: "dns", endPort: null }] },
  {
    to: [{
      namespaceSelector: { matchLabels: { ports: "a" } },
      podSelector: { matchExpressions: [{ key: "b", operator: "Exists", values: [] }] },
    }],
  },
  {},
  null,
];

const STEPS: readonly ((rule: string) => PatchStep)[] = [
  (path) => ({ op: "remove", path }),
  (path) => ({ op: "add", path: `${path}.ports`, value: [{ protocol: "TCP", port: 443 }] }),
];

clusterTest(
  "patchPolicy: the API server accepts a patch, and refuses it if the rules moved",
  async () => {
    using api = openApi(controlPlane().admin);
    for (const [i, rule] of RULES.entries()) {
      const object = {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: "patched", namespace: "default" },
        spec: { podSelector: {}, policyTypes: ["Egress"], egress: RULES },
      };
      const policy = readPolicy(object, undefined, (...problem) => {
        throw new Error(problem.join(" "));
      });
      for (const stepOf of STEPS) {
        const { fix } = patchPolicy(policy, stepOf(`spec.egress[${i}]`));
        const patch = JSON.parse(/-p '(.*)'/.exec(fix)![1]!);
        const send = async (egress: readonly unknown[]) => {
          const body = { ...object, spec: { ...object.spec, egress } };
          await api.call("POST", PATH, body);
          const type = "application/json-patch+json";
          const response = await api.send("PATCH", `${PATH}/patched`, patch, type);
          await api.call("DELETE", `${PATH}/patched`);
          return [response.status, await response.text()] as const;
        };
        const [status, answer] = await send(RULES);
        assertEquals(status, 200, `${JSON.stringify(rule)} ${fix} ${answer}`);
        const [refused, message] = await send(
          RULES.filter((each) => each !== RULES[0]).toReversed(),
        );
        assertEquals(refused, 422, `${fix} ${message}`);
      }
    }
  },
);
