/** How a job runs Spark, as far as its YAML says so. */
export interface SparkSettings {
  /** Where Spark runs, as in `k8s://https://kubernetes.default.svc`. Absent, it is `local[*]`. */
  readonly master: string | undefined;
  /** Whether the driver is the job's own pod, or one that the job asks the cluster for. */
  readonly mode: "client" | "cluster";
  /** The configuration, by key; what stands on the command line wins over files. */
  readonly conf: ReadonlyMap<string, string>;
}

/**
 * Reads Spark's settings out of a job.
 *
 * @param texts the command and arguments of its containers, also whole scripts
 * @param properties the files that are mounted and may be a `spark-defaults.conf`
 */
export function sparkSettings(
  texts: readonly string[],
  properties: readonly string[],
): SparkSettings {
  const conf = new Map<string, string>();
  for (const text of properties) {
    for (
      const [, key, value] of text.matchAll(/^[ \t]*(spark\.[^\s=:]+)[ \t]*[=: \t][ \t]*(.*)$/gm)
    ) {
      conf.set(key!, value!.trim());
    }
  }
  for (const text of texts) {
    for (const [, key, value] of text.matchAll(IN_CODE)) conf.set(key!, value!);
  }
  const words = texts.flatMap(wordsOf);
  let master = masterInCode(texts) ?? conf.get("spark.master");
  let mode = conf.get("spark.submit.deployMode");
  for (let i = 0; i < words.length; i++) {
    const [, flag, given] = /^(--master|--deploy-mode|--conf|-c)(?:=(.*))?$/s.exec(words[i]!) ?? [];
    if (flag === undefined) continue;
    const value = given ?? words[i + 1] ?? "";
    if (flag === "--master") master = value;
    else if (flag === "--deploy-mode") mode = value;
    else if (value.startsWith("spark.") && value.includes("=")) {
      const at = value.indexOf("=");
      conf.set(value.slice(0, at), value.slice(at + 1));
    }
  }
  return { master, mode: mode === "cluster" ? "cluster" : "client", conf };
}

/**
 * Whether Spark asks Kubernetes for executors. Where no master is named, what only matters on
 * Kubernetes tells: the master may stand in the image.
 */
export function runsOnKubernetes({ master, conf }: SparkSettings): boolean {
  if (master !== undefined) return master.startsWith("k8s://");
  return [...conf.keys()].some((key) =>
    key.startsWith("spark.kubernetes.") || key === "spark.executor.instances"
  );
}

/** What the keys below a prefix are set to, such as the labels of executors. */
export function settingsBelow({ conf }: SparkSettings, prefix: string): Map<string, string> {
  const below = [...conf].filter(([key]) => key.startsWith(prefix));
  return new Map(below.map(([key, value]) => [key.slice(prefix.length), value]));
}

const IN_CODE = /\.config\(\s*["'](spark\.[^"']+)["']\s*,\s*["']?([^"')]*)["']?\s*\)/g;

function masterInCode(texts: readonly string[]): string | undefined {
  for (const text of texts) {
    const [, master] = /\.master\(\s*["']([^"']+)["']\s*\)/.exec(text) ?? [];
    if (master !== undefined) return master;
  }
  return undefined;
}

/** An argument as a shell would see it, since it may be a script for one. */
function wordsOf(text: string): string[] {
  const joined = text.replaceAll(/\\\r?\n/g, " ");
  const words = joined.match(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+/g) ?? [];
  return words.map((word) => word.replaceAll(/["']/g, ""));
}
