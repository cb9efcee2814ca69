import { type Check, check } from "../../check.ts";
import { refused } from "../../login_refused.ts";

/** The kubeconfig's user is let into the cluster that its context names. */
export const clusterLogin: Check<"cluster"> = check({
  id: "cluster-login",
  title: "the cluster lets us in",
  phase: "before",
  needs: ["cluster"],
  run({ cluster }) {
    if (cluster.opened) {
      const { name, version, user } = cluster;
      const as = user === undefined ? "" : ` as ${user}`;
      return { examined: `${name}${as}, Kubernetes ${version}`, findings: [] };
    }
    return refused(cluster, "all that is said of the cluster is read with exactly this login");
  },
});
