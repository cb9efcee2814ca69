// The flags of the programs of a control plane.

/** The flags of etcd. Clients connect over a socket in the folder, which only this user can enter. */
export function etcdFlags(folder: string): string[] {
  return [
    "--name=only",
    `--data-dir=${folder}/etcd`,
    `--listen-client-urls=unix://${folder}/etcd.sock`,
    "--advertise-client-urls=http://127.0.0.1:0",
    "--listen-peer-urls=http://127.0.0.1:0", // there are no peers
    "--initial-advertise-peer-urls=http://127.0.0.1:0",
    "--initial-cluster=only=http://127.0.0.1:0",
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

/** The flags of every API server. The Service range is that of k3s, as manifests/ expects. */
export function apiserverFlags(folder: string): string[] {
  return [
    `--etcd-servers=unix://${folder}/etcd.sock`,
    `--tls-cert-file=${folder}/server.crt`,
    `--tls-private-key-file=${folder}/server.key`,
    `--client-ca-file=${folder}/ca.crt`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-signing-key-file=${folder}/accounts.key`,
    `--service-account-key-file=${folder}/accounts.pub`,
    "--service-cluster-ip-range=10.43.0.0/16",
    // This plugin taints new nodes until a kubelet reports to a controller.
    "--disable-admission-plugins=TaintNodesByCondition",
    "--enable-priority-and-fairness=false",
    "--profiling=false",
  ];
}

/** The flags of every controller manager. */
export function controllerFlags(folder: string): string[] {
  return [
    `--service-account-private-key-file=${folder}/accounts.key`,
    `--root-ca-file=${folder}/ca.crt`,
    "--leader-elect=false",
    "--secure-port=0",
    "--profiling=false",
  ];
}

/** The flags of the scheduler. */
export const SCHEDULER_FLAGS: readonly string[] = ["--leader-elect=false", "--secure-port=0"];
