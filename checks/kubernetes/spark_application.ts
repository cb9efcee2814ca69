import { entryOf, type Fields, fieldsIn, listOf, textOf } from "./fields.ts";
import { sparkMebibytes } from "./quantities.ts";
import { withSparkVersion } from "./spark_version.ts";
import type { PodTemplate, Word } from "./pod_template.ts";

/** The name of the driver's container in pods that Spark creates. */
const DRIVER = "spark-kubernetes-driver";

/** The ports that Spark declares in the driver's pod, by name. */
const PORTS = {
  "driver-rpc-port": { key: "spark.driver.port", port: 7078 },
  "blockmanager": { key: "spark.driver.blockManager.port", port: 7079 },
  "spark-ui": { key: "spark.ui.port", port: 4040 },
} as const;

/** The operator that runs a SparkApplication, which decides its fields. */
type Operator = "kubeflow" | "apache";

/** The operators by the group of their API. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  "sparkoperator.k8s.io": "kubeflow",
  "spark.apache.org": "apache",
  "org.apache.spark": "apache",
};

/**
 * The driver's pod of a SparkApplication or a ScheduledSparkApplication, as the operator creates it
 * with spark-submit. The driver is the job's own pod, and requests executors, as in client mode.
 *
 * @param group the group of the object's API
 * @returns undefined for an object of another kind
 */
export function sparkApplicationTemplate(object: Fields, group: string): PodTemplate | undefined {
  const operator = entryOf(OPERATORS, group);
  const isScheduled = object.kind === "ScheduledSparkApplication";
  if (operator === undefined || object.kind !== "SparkApplication" && !isScheduled) {
    return undefined;
  }
  const outer = fieldsIn(object.spec);
  const base = isScheduled ? "spec.template" : "spec";
  const spec = isScheduled ? fieldsIn(outer.template) : outer;
  const application: Application = {
    name: textOf(fieldsIn(object.metadata).name) ?? "",
    namespace: textOf(fieldsIn(object.metadata).namespace),
    operator,
    isScheduled,
    base,
    spec,
    conf: new Map(
      Object.entries(fieldsIn(spec.sparkConf)).map(([key, value]) => {
        const text = textOf(value) ?? "";
        const isImage = operator === "apache" && key.endsWith("container.image");
        return [key, isImage ? withSparkVersion(text, spec) : text];
      }),
    ),
  };
  return operator === "kubeflow" ? kubeflow(application) : apache(application);
}

interface Application {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly operator: Operator;
  readonly isScheduled: boolean;
  /** The path of the application's spec, as in `spec.template`. */
  readonly base: string;
  readonly spec: Fields;
  readonly conf: ReadonlyMap<string, string>;
}

/** The operator of Kubeflow has a field for most settings, which win over `sparkConf`. */
function kubeflow(application: Application): PodTemplate {
  const { spec, base } = application;
  const [driver, executor] = [fieldsIn(spec.driver), fieldsIn(spec.executor)];
  const words: Word[] = [];
  const add = (path: string, key: string, value: unknown) => {
    const text = textOf(value);
    if (text !== undefined) words.push({ path: `${base}.${path}`, text: `--conf=${key}=${text}` });
  };
  add("image", "spark.kubernetes.container.image", spec.image);
  add("memoryOverheadFactor", "spark.kubernetes.memoryOverheadFactor", spec.memoryOverheadFactor);
  for (const [role, pod] of [["driver", driver], ["executor", executor]] as const) {
    const kubernetes = `spark.kubernetes.${role}`;
    add(`${role}.image`, `${kubernetes}.container.image`, pod.image);
    add(`${role}.cores`, `spark.${role}.cores`, pod.cores);
    add(`${role}.memory`, `spark.${role}.memory`, pod.memory);
    add(`${role}.memoryOverhead`, `spark.${role}.memoryOverhead`, pod.memoryOverhead);
    const agent = agentOf(spec, role);
    const options = [textOf(pod.javaOptions), agent].filter((each) => each !== undefined);
    if (options.length > 0) {
      const field = agent === undefined ? `${role}.javaOptions` : "monitoring.prometheus";
      add(field, `spark.${role}.extraJavaOptions`, options.join(" "));
    }
    add(`${role}.coreRequest`, `${kubernetes}.request.cores`, pod.coreRequest);
    add(`${role}.coreLimit`, `${kubernetes}.limit.cores`, pod.coreLimit);
    add(
      `${role}.serviceAccount`,
      `spark.kubernetes.authenticate.${role}.serviceAccountName`,
      pod.serviceAccount,
    );
    for (const [key, value] of Object.entries(fieldsIn(pod.labels))) {
      add(`${role}.labels`, `${kubernetes}.label.${key}`, value);
    }
    for (const { name, path } of listOf(pod.secrets)) {
      add(`${role}.secrets`, `${kubernetes}.secrets.${textOf(name)}`, path);
    }
    for (const [key, value] of Object.entries(fieldsIn(pod.annotations))) {
      add(`${role}.annotations`, `${kubernetes}.annotation.${key}`, value);
    }
  }
  for (const [i, { name, value }] of listOf(executor.env).entries()) {
    if (textOf(name) !== undefined) {
      add(`executor.env[${i}].value`, `spark.executorEnv.${textOf(name)}`, value);
    }
  }
  for (const [name, value] of Object.entries(fieldsIn(executor.envVars))) {
    add(`executor.envVars.${name}`, `spark.executorEnv.${name}`, value);
  }
  add("executor.instances", "spark.executor.instances", executor.instances);
  const dynamic = fieldsIn(spec.dynamicAllocation);
  for (const key of ["enabled", "initialExecutors", "minExecutors", "maxExecutors"]) {
    add(`dynamicAllocation.${key}`, `spark.dynamicAllocation.${key}`, dynamic[key]);
  }
  const dependencies = fieldsIn(spec.deps);
  for (
    const [field, key] of [
      ["jars", "spark.jars"],
      ["packages", "spark.jars.packages"],
      ["repositories", "spark.jars.repositories"],
      ["pyFiles", "spark.submit.pyFiles"],
      ["files", "spark.files"],
      ["archives", "spark.archives"],
    ] as const
  ) {
    const list = Array.isArray(dependencies[field]) ? dependencies[field] : [];
    if (list.length > 0) add(`deps.${field}`, key, list.join(","));
  }
  for (const [key, value] of Object.entries(fieldsIn(spec.hadoopConf))) {
    add("hadoopConf", `spark.hadoop.${key}`, value);
  }
  const operatorLabels = {
    "sparkoperator.k8s.io/launched-by-spark-operator": "true",
    // A ScheduledSparkApplication adds the time to the name.
    ...(application.isScheduled ? {} : { "sparkoperator.k8s.io/app-name": application.name }),
  };
  const labelsOf = (pod: Fields) => ({
    ...fieldsIn(fieldsIn(fieldsIn(pod.template).metadata).labels),
    ...fieldsIn(pod.labels),
    ...operatorLabels,
  });
  const secrets = Array.isArray(spec.imagePullSecrets) ? spec.imagePullSecrets : [];
  const podSpec = (pod: Fields) => ({
    ...fieldsIn(fieldsIn(pod.template).spec),
    ...pick(pod, ["affinity", "hostNetwork", "initContainers", "tolerations"]),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes }),
    ...(pod.podSecurityContext === undefined ? {} : { securityContext: pod.podSecurityContext }),
    ...(secrets.length === 0 ? {} : { imagePullSecrets: secrets.map((name) => ({ name })) }),
    nodeSelector: { ...fieldsIn(spec.nodeSelector), ...fieldsIn(pod.nodeSelector) },
  });
  const [first = {}, ...others] = listOf(fieldsIn(fieldsIn(driver.template).spec).containers);
  const fields = ["envFrom", "ports", "volumeMounts", "securityContext"];
  const python = spec.type === "Python" || spec.type === "R";
  return assemble(application, {
    words,
    labels: { driver: labelsOf(driver), executor: labelsOf(executor) },
    driver: podSpec(driver),
    executor: podSpec(executor),
    paths: { driver: `${base}.driver`, executor: `${base}.executor` },
    container: {
      ...pick(first, fields),
      ...pick(driver, fields),
      env: [...listOf(first.env), ...environmentOf(driver)],
    },
    sidecars: [...others, ...listOf(driver.sidecars)],
    factor: python ? "0.4" : "0.1",
    file: { path: `${base}.mainApplicationFile`, value: spec.mainApplicationFile },
    arguments: { path: `${base}.arguments`, value: spec.arguments },
  });
}

/** The option of Java that loads the exporter of metrics; undefined without one. */
function agentOf({ monitoring }: Fields, role: "driver" | "executor"): string | undefined {
  const { exposeDriverMetrics, exposeExecutorMetrics, prometheus } = fieldsIn(monitoring);
  const isOn = (role === "driver" ? exposeDriverMetrics : exposeExecutorMetrics) === true;
  const jar = textOf(fieldsIn(prometheus).jmxExporterJar);
  return isOn && jar !== undefined ? `-javaagent:${jar}=8090:/etc/metrics/conf` : undefined;
}

/** The operator of Apache Spark takes settings from `sparkConf`, and pod templates. */
function apache(application: Application): PodTemplate {
  const { spec, base, conf, name } = application;
  const templates = (["driver", "executor"] as const).map((role) =>
    fieldsIn(fieldsIn(spec[`${role}Spec`]).podTemplateSpec)
  );
  const [driver = {}, executor = {}] = templates;
  const labels = { "spark.operator/spark-app-name": name };
  const containers = listOf(fieldsIn(driver.spec).containers);
  const prefix = "spark.kubernetes.driverEnv.";
  const env = [...conf].filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => ({ name: key.slice(prefix.length), value }));
  const file = spec.pyFiles ?? spec.sparkRFiles ?? spec.jars;
  const labelsOf = (template: Fields) => fieldsIn(fieldsIn(template.metadata).labels);
  return assemble(application, {
    words: [],
    labels: {
      driver: { ...labelsOf(driver), ...labels },
      executor: { ...labelsOf(executor), ...labels },
    },
    driver: fieldsIn(driver.spec),
    executor: fieldsIn(executor.spec),
    paths: {
      driver: `${base}.driverSpec.podTemplateSpec.spec`,
      executor: `${base}.executorSpec.podTemplateSpec.spec`,
    },
    container: { ...containers[0], env: [...listOf(containers[0]?.env), ...env] },
    sidecars: containers.slice(1),
    factor: spec.pyFiles === undefined && spec.sparkRFiles === undefined ? "0.1" : "0.4",
    file: {
      path: `${base}.${spec.pyFiles === undefined ? "jars" : "pyFiles"}`,
      value: textOf(file)?.split(",")[0],
    },
    arguments: { path: `${base}.driverArgs`, value: spec.driverArgs },
  });
}

interface Parts {
  readonly words: readonly Word[];
  readonly labels: { readonly driver: Fields; readonly executor: Fields };
  readonly driver: Fields;
  readonly executor: Fields;
  readonly paths: { readonly driver: string; readonly executor: string };
  readonly container: Fields;
  readonly sidecars: readonly Fields[];
  readonly factor: string;
  readonly file: { readonly path: string; readonly value: unknown };
  readonly arguments: { readonly path: string; readonly value: unknown };
}

/** The driver's pod, with the command line of the spark-submit that an operator would run. */
function assemble(application: Application, parts: Parts): PodTemplate {
  const { base, conf, spec, namespace } = application;
  const at = (text: string): Word => ({ path: base, text });
  const defaults = new Map([
    ["spark.driver.port", "7078"],
    ["spark.driver.blockManager.port", "7079"],
    ["spark.kubernetes.memoryOverheadFactor", parts.factor],
    ...(namespace === undefined
      ? []
      : [["spark.kubernetes.namespace", namespace] as [string, string]]),
  ]);
  const confWords = [...conf].filter(([key]) => key !== "spark.submit.deployMode")
    .map(([key, value]): Word => ({
      path: `${base}.sparkConf.${key}`,
      text: `--conf=${key}=${value}`,
    }));
  const listed = Array.isArray(parts.arguments.value) ? parts.arguments.value : [];
  const file = textOf(parts.file.value);
  const words: Word[] = [
    at("spark-submit"),
    at("--master=k8s://https://kubernetes.default.svc"),
    at("--deploy-mode=client"),
    ...[...defaults].map(([key, value]) => at(`--conf=${key}=${value}`)),
    ...confWords,
    ...parts.words,
    ...Object.entries(parts.labels.executor).map(([key, value]) =>
      at(`--conf=spark.kubernetes.executor.label.${key}=${textOf(value) ?? ""}`)
    ),
    ...(file === undefined ? [] : [{ path: parts.file.path, text: file }]),
    ...listed.map((each, i) => ({ path: `${parts.arguments.path}[${i}]`, text: String(each) })),
  ];
  // Spark reads no settings after the application file.
  const options = words.slice(0, words.length - listed.length);
  const setting = (key: string) =>
    options.findLast(({ text }) => text.startsWith(`--conf=${key}=`))?.text.slice(key.length + 8);
  const image = textOf(parts.container.image) ??
    setting("spark.kubernetes.driver.container.image") ??
    setting("spark.kubernetes.container.image");
  const account = setting("spark.kubernetes.authenticate.driver.serviceAccountName") ??
    textOf(parts.driver.serviceAccountName);
  const selected = [...conf].flatMap(([key, value]): [string, string][] => {
    const label = /^spark\.kubernetes\.(?:driver\.)?node\.selector\.(.+)$/.exec(key)?.[1];
    return label === undefined ? [] : [[label, value]];
  });
  const below = (key: string) => {
    const start = `--conf=spark.kubernetes.${key}.`;
    const found = options.map(({ text }) => text).filter((text) => text.startsWith(start))
      .map((text) => text.slice(start.length).split("="));
    return Object.fromEntries(found.map(([name, ...value]) => [name, value.join("=")]));
  };
  const memory = `${driverMemory(setting)}Mi`;
  const limit = setting("spark.kubernetes.driver.limit.cores");
  const main = {
    ...parts.container,
    name: textOf(parts.container.name) ?? DRIVER,
    ports: [
      ...listOf(parts.container.ports),
      ...Object.entries(PORTS).map(([name, { key, port }]) => ({
        name,
        containerPort: Number(setting(key) ?? port),
      })),
    ],
    ...(image === undefined ? {} : { image }),
    resources: {
      requests: {
        cpu: setting("spark.kubernetes.driver.request.cores") ?? setting("spark.driver.cores") ??
          "1",
        memory,
      },
      limits: { ...(limit === undefined ? {} : { cpu: limit }), memory },
    },
    ...(Array.isArray(spec.arguments) ? { args: spec.arguments } : {}),
  };
  const driverSpec = {
    ...parts.driver,
    ...(account === undefined ? {} : { serviceAccountName: account }),
    nodeSelector: { ...fieldsIn(parts.driver.nodeSelector), ...Object.fromEntries(selected) },
    containers: [main, ...parts.sidecars],
  };
  return {
    metadata: {
      annotations: below("driver.annotation"),
      labels: { ...below("driver.label"), ...parts.labels.driver, "spark-role": "driver" },
    },
    spec: driverSpec,
    metadataPath: parts.paths.driver,
    specPath: parts.paths.driver,
    main: { path: parts.paths.driver, words },
    executor: {
      spec: parts.executor,
      labels: {
        ...below("executor.label"),
        ...parts.labels.executor,
        "spark-role": "executor",
      },
      path: parts.paths.executor,
    },
  };
}

/** The memory of the driver's pod in MiB, as Spark computes it. */
function driverMemory(setting: (key: string) => string | undefined): bigint {
  const heap = sparkMebibytes(setting("spark.driver.memory")) ?? 1024n;
  const fixed = sparkMebibytes(setting("spark.driver.memoryOverhead"));
  const factor = Number(
    setting("spark.driver.memoryOverheadFactor") ??
      setting("spark.kubernetes.memoryOverheadFactor"),
  );
  const share = BigInt(Math.floor(Number(heap) * (Number.isFinite(factor) ? factor : 0.1)));
  return heap + (fixed ?? (share > 384n ? share : 384n));
}

/** The variables of a pod, also from the deprecated fields. */
function environmentOf(pod: Fields): Fields[] {
  const plain = Object.entries(fieldsIn(pod.envVars)).map(([name, value]) => ({ name, value }));
  const secret = Object.entries(fieldsIn(pod.envSecretKeyRefs)).map(([name, ref]) => (
    { name, valueFrom: { secretKeyRef: ref } }
  ));
  return [...plain, ...secret, ...listOf(pod.env)];
}

function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(
    names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]),
  );
}
