import { parseAllDocuments } from "yaml";
import { until } from "../cluster/until.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { missingSpark, sparkSubmit, sparkTest } from "./spark.ts";

// The requests of a driver to the Kubernetes API, with the arguments of the Job. A test API records
// the requests. They show whether the role is sufficient, and how the pods of executors look.

// deno-lint-ignore no-explicit-any
type Json = any;

/** One request to the API. */
interface Asked {
  readonly verb: string;
  readonly resource: string;
  /** The object to create. */
  readonly body?: Json;
}

const DRIVER = "bronze-ingest-manual-abcde";

function manifest(name: string): Json[] {
  const text = Deno.readTextFileSync(new URL(`../../manifests/${name}`, import.meta.url));
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** Starts the test API. It contains the driver's pod, and creates every requested object. */
function recordingApi(asked: Asked[]) {
  const driver = {
    apiVersion: "v1",
    kind: "Pod",
    spec: { containers: [] },
    metadata: { name: DRIVER, namespace: "analytics-jobs", uid: "driver", resourceVersion: "1" },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  };
  const ended = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    const [, resource = "", name] = /analytics-jobs\/(\w+)(?:\/(.+))?$/.exec(url.pathname) ?? [];
    const watch = url.searchParams.get("watch") === "true";
    const many = name === undefined;
    const verbs: Record<string, string> = {
      GET: watch ? "watch" : many ? "list" : "get",
      POST: "create",
      DELETE: many ? "deletecollection" : "delete",
    };
    const body = request.method === "POST" ? await request.json() : undefined;
    asked.push({ verb: verbs[request.method] ?? request.method, resource, body });
    if (body !== undefined) {
      return Response.json({ ...body, metadata: { ...body.metadata, uid: "made" } }, {
        status: 201,
      });
    }
    if (watch) {
      const { readable, writable } = new TransformStream();
      ended.promise.then(() => writable.close().catch(() => {}));
      return new Response(readable, { headers: { "content-type": "application/json" } });
    }
    if (!many) return Response.json(driver);
    const own = url.searchParams.get("fieldSelector") === `metadata.name=${DRIVER}`;
    const list = { metadata: { resourceVersion: "1" }, items: own ? [driver] : [] };
    return Response.json({ apiVersion: "v1", kind: "List", ...list });
  });
  return {
    address: `http://127.0.0.1:${server.addr.port}`,
    async stop() {
      ended.resolve();
      await server.shutdown();
    },
  };
}

/** Returns the Job's arguments, with the addresses and paths of its pod replaced by local ones. */
function argumentsHere(job: Json, api: string, folder: string): string[] {
  const { args } = job.spec.template.spec.containers[0];
  return args.filter((arg: string) => !arg.includes("caCertFile") && !arg.startsWith("local:"))
    .map((arg: string) =>
      arg.replace("$(POD_NAME)", DRIVER).replace("$(POD_IP)", "127.0.0.1")
        .replace("https://kubernetes.default.svc", api)
        .replace(/\/opt\/deep-storage\/executor\/|\/var\/run\/secrets\/.*\//, `${folder}/`)
    );
}

/** A driver that runs until a file exists. */
const program = (file: string) => `
import os, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
while not os.path.exists("${file}"):
    time.sleep(0.1)
spark.stop()
`;

sparkTest(
  "driver: needs only the permissions of its role, and starts executors that match the manifests",
  await missingSpark(),
  async () => {
    const [job] = manifest("50-bronze-ingest.yaml");
    const [, role] = manifest("30-service-account.yaml");
    const granted = new Set<string>(
      role.rules.flatMap(({ resources, verbs }: Json) =>
        resources.flatMap((resource: string) => verbs.map((verb: string) => `${verb} ${resource}`))
      ),
    );
    const asked: Asked[] = [];
    const needed = () => new Set(asked.map(({ verb, resource }) => `${verb} ${resource}`));
    const api = recordingApi(asked);
    const folder = await Deno.makeTempDir({ prefix: "driver-" });
    try {
      const template = manifest("40-executor-pod.yaml")[0].data["pod.yaml"];
      await Deno.writeTextFile(`${folder}/pod.yaml`, template);
      await Deno.writeTextFile(`${folder}/token`, "a token");
      await Deno.writeTextFile(`${folder}/job.py`, program(`${folder}/end`));
      const args = [
        ...argumentsHere(job, api.address, folder),
        // No executor starts here. Without this option, Spark would wait for it for half a minute.
        "--conf=spark.scheduler.maxRegisteredResourcesWaitingTime=1s",
        `local://${folder}/job.py`,
      ];
      let hasEnded = false;
      const running = sparkSubmit(args).finally(() => hasEnded = true);
      // It deletes what it has made when it ends.
      const early = [...granted].filter((each) => !each.startsWith("delete"));
      await until("the driver has sent its first requests, or has ended", () => {
        return Promise.resolve(hasEnded || early.every((each) => needed().has(each)));
      }).finally(() => Deno.writeTextFile(`${folder}/end`, ""));
      const { code, said } = await running;
      assertEquals(code, 0, said);
    } finally {
      await api.stop();
      await Deno.remove(folder, { recursive: true });
    }

    assertEquals([...needed()].filter((each) => !granted.has(each)), []);
    // Only a lost executor is deleted by its name.
    assertEquals([...granted].filter((each) => !needed().has(each)), ["delete pods"]);

    const pod = asked.find(({ verb, resource }) => verb === "create" && resource === "pods")?.body;
    assert(pod !== undefined, "no executor was asked for");
    const { labels } = pod.metadata;
    assertEquals([labels["spark-role"], labels.app], ["executor", "bronze-ingest"]);
    const [container] = pod.spec.containers;
    const own = job.spec.template.spec.containers[0];
    assertEquals(container.image, own.image);
    assertEquals(container.securityContext, own.securityContext);
    assertEquals(container.resources.limits, { cpu: "2", memory: "2560Mi" });
    assertEquals(container.resources.requests, container.resources.limits);
    assertEquals(pod.spec.securityContext, job.spec.template.spec.securityContext);
    assertEquals(pod.spec.nodeSelector, job.spec.template.spec.nodeSelector);
    const mounts = container.volumeMounts.map(({ mountPath }: Json) => mountPath);
    assertEquals(new Set(mounts).size, mounts.length, mounts.join());
    assertEquals(/DJANGO_DB|AWS_|S3_/.test(JSON.stringify(pod)), false);
  },
);
