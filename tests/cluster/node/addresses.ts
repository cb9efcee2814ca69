// The addresses of a real node. Pods and Services have the ranges of k3s, as manifests/ expects.

/** Name of the node. */
export const NODE = "analytics-1";
/** Address of the node. */
export const NODE_ADDRESS = "192.168.60.11";
/** Address of the network outside, on the wire to the node. */
export const GATEWAY = "192.168.60.1";
/** Addresses of pods. */
export const PODS = "10.42.0.0/24";
/** Addresses of Services. */
export const SERVICES = "10.43.0.0/16";
/** Address of the Service of the API server. */
export const KUBERNETES = "10.43.0.1";
/** Address of the Service of the DNS. */
export const DNS = "10.43.0.10";
/** Address outside the cluster that the name of the object store has. */
export const STORE = "198.51.100.10";
/** One more address outside the cluster. */
export const ELSEWHERE = "198.51.100.99";
