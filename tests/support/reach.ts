const ROOT = new URL("../../", import.meta.url);

/** Two workloads under two policies. */
export const MANIFESTS = `
apiVersion: v1
kind: Namespace
metadata:
  name: jobs
---
apiVersion: v1
kind: Namespace
metadata:
  name: data
---
apiVersion: batch/v1
kind: Job
metadata:
  name: bronze
  namespace: jobs
spec:
  template:
    metadata:
      labels: {app: bronze}
    spec:
      containers: [{name: main}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: postgres
  namespace: data
spec:
  template:
    metadata:
      labels: {app: postgres}
    spec:
      containers: [{name: main, ports: [{name: postgres, containerPort: 5432}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: out
  namespace: jobs
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: data}
      podSelector:
        matchLabels: {app: postgres}
    ports:
    - port: postgres
  - to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8]
    ports:
    - port: 443
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: closed
  namespace: data
spec:
  podSelector: {}
  ingress:
  - from:
    - namespaceSelector:
        matchLabels: {name: jobs}
`;

/** What a command printed, and its exit code. */
interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs reach with manifests in a temporary directory, which the output calls `DIR`. */
export async function reach(manifests: string, ...args: string[]): Promise<Ran> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/all.yaml`, manifests);
    const command = [
      "run",
      "-q",
      "-P=reach",
      "tasks/main.ts",
      "reach",
      "--manifests",
      directory,
      ...args,
    ];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: command,
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const text = (bytes: Uint8Array) =>
      new TextDecoder().decode(bytes).replaceAll(directory, "DIR");
    return { code, out: text(stdout), err: text(stderr) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
