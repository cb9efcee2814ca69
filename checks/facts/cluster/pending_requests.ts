import type { Cluster } from "../../../pipeline/cluster/cluster.ts";

/** A cluster of which is known what is under way. */
export interface Tracked {
  /** The cluster. */
  readonly cluster: Cluster;
  /** Ends whatever is under way, and waits until nothing is. */
  end(): Promise<void>;
}

/** Keeps track of the requests to a cluster: where one fails, nobody waits for the others. */
export function tracked(cluster: Cluster): Tracked {
  const pending = new Set<Promise<unknown>>();
  const track = <A extends unknown[], R>(ask: (...args: A) => Promise<R>) => (...args: A) => {
    const answer = ask(...args);
    pending.add(answer);
    const forget = () => pending.delete(answer);
    answer.then(forget, forget);
    return answer;
  };
  return {
    cluster: {
      ...cluster,
      version: track(cluster.version),
      isNamespaced: track(cluster.isNamespaced),
      list: track(cluster.list),
      get: track(cluster.get),
      create: track(cluster.create),
      apply: track(cluster.apply),
    },
    async end() {
      cluster.close();
      while (pending.size > 0) await Promise.allSettled(pending);
    },
  };
}
