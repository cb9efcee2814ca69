import { type Check, check } from "../../check.ts";
import { refusedLogin } from "../../login_refused.ts";

/** The cluster of the kubeconfig's context accepts the kubeconfig's user. */
export const clusterLogin: Check<"cluster"> = check({
  id: "cluster-login",
  title: "the cluster accepts the login",
  phase: "before",
  needs: ["cluster"],
  run({ cluster }) {
    if (cluster.opened) {
      const { name, version, user } = cluster;
      const as = user === undefined ? "" : ` as ${user}`;
      return { examined: `${name}${as}, Kubernetes ${version}`, findings: [] };
    }
    return refusedLogin(cluster, "all checks of the cluster use this login");
  },
});
