/** The number of namespaces of the generated manifests. */
const NAMESPACES = 20;

const KINDS = ["Deployment", "StatefulSet", "DaemonSet"] as const;
const TIERS = ["web", "api", "data", "batch"] as const;

/**
 * Yields manifests of many workloads and policies, one object per item, as JSON. The objects are the
 * same on each call. To write them into a file:
 *
 * `deno run -q tests/support/policy_manifests.ts 2000 500 > all.yaml`
 */
export function* policyManifests(workloads: number, policies: number): Generator<string> {
  for (let i = 0; i < NAMESPACES; i++) {
    yield object("v1", "Namespace", undefined, `team-${i}`, {}, { team: `t${i % 5}` });
  }
  for (let i = 0; i < workloads; i++) {
    const labels = { app: `app-${i}`, tier: TIERS[i % TIERS.length]!, wave: `w${i % 7}` };
    const ports = i % 3 === 0 ? [{ name: "http", containerPort: 8000 + i % 4 }] : [];
    const spec = {
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: "main", ports }],
          ...(i % 97 === 0 ? { hostNetwork: true } : {}),
        },
      },
    };
    yield object("apps/v1", KINDS[i % KINDS.length]!, `team-${i % NAMESPACES}`, `app-${i}`, spec);
  }
  for (let i = 0; i < policies; i++) {
    yield object(
      "networking.k8s.io/v1",
      "NetworkPolicy",
      `team-${i % NAMESPACES}`,
      `policy-${i}`,
      specOf(i),
    );
  }
}

/** Returns the spec of a policy, in one of several common forms. */
function specOf(i: number): unknown {
  const own = { matchLabels: { app: `app-${i}` } };
  const tier = { matchLabels: { tier: TIERS[i % TIERS.length]! } };
  const block = {
    ipBlock: { cidr: `${i % 200 + 1}.0.0.0/8`, except: [`${i % 200 + 1}.${i % 250}.0.0/16`] },
  };
  switch (i % 6) {
    case 0:
      return { podSelector: {}, policyTypes: i % 12 === 0 ? ["Ingress"] : ["Ingress", "Egress"] };
    case 1:
      return {
        podSelector: own,
        ingress: [{ from: [{ podSelector: tier }], ports: [{ port: "http" }] }],
      };
    case 2:
      return {
        podSelector: tier,
        policyTypes: ["Egress"],
        egress: [{
          to: [{ namespaceSelector: { matchLabels: { team: `t${i % 5}` } }, podSelector: tier }],
          ports: [{ port: 8000, endPort: 8002 }, { protocol: "UDP", port: 53 }],
        }],
      };
    case 3:
      return { podSelector: tier, egress: [{ to: [block], ports: [{ port: 443 }] }] };
    case 4:
      return { podSelector: own, ingress: [{ from: [{ namespaceSelector: {} }, block] }] };
    default:
      return {
        podSelector: {
          matchExpressions: [{ key: "wave", operator: "In", values: [`w${i % 7}`, "w1"] }],
        },
        egress: [{ to: [{ namespaceSelector: {} }] }, { to: [block] }],
        ingress: [{ ports: [{ port: 8000 + i % 4 }] }],
      };
  }
}

function object(
  apiVersion: string,
  kind: string,
  namespace: string | undefined,
  name: string,
  spec: unknown,
  labels?: Readonly<Record<string, string>>,
): string {
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
  };
  return JSON.stringify({ apiVersion, kind, metadata, spec });
}

if (import.meta.main) {
  const [workloads = "100", policies = "50"] = Deno.args;
  const all = [...policyManifests(Number(workloads), Number(policies))];
  console.log(all.join("\n---\n"));
}
