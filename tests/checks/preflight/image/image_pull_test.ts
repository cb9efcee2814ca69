import type { ClusterOpened } from "../../../../checks/facts/cluster.ts";
import type { ImageFact, ImageReading } from "../../../../checks/facts/image.ts";
import type { ManifestObject } from "../../../../checks/kubernetes/objects.ts";
import type { Result } from "../../../../checks/finding.ts";
import { imagePull } from "../../../../checks/preflight/image/image_pull.ts";
import { runChecks } from "../../../../checks/runner.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "../../../support/assert.ts";
import { ACCESS, factOf, IMAGE, JOB, JOB_ID, lineOf, ONE_IMAGE } from "../../healthy/manifests.ts";
import { contents, refusal } from "../../healthy/image.ts";

const PASSWORD = "gh-t0ken-of-robot";

/** The cluster's objects that are not in the manifests: a service account, and Secrets. */
function objects(pullSecrets: readonly string[], secrets: string): readonly ManifestObject[] {
  const account = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: spark-jobs, namespace: analytics-jobs}
imagePullSecrets: [${pullSecrets.map((name) => `{name: ${name}}`).join(", ")}]
---
`;
  return factOf({ "live.yaml": account + secrets }).objects;
}

function secret(
  registry: string,
  { type = "kubernetes.io/dockerconfigjson", key = ".dockerconfigjson", text = "" } = {},
): string {
  const config = text ||
    JSON.stringify({ auths: { [registry]: { username: "robot", password: PASSWORD } } });
  return `
apiVersion: v1
kind: Secret
metadata: {name: registry, namespace: analytics-jobs}
type: ${type}
stringData: {"${key}": '${config}'}
`;
}

/** The verdict over the healthy files and a cluster, or no cluster at all. */
async function judge(
  images: readonly ImageReading[] | ImageFact,
  live: readonly ManifestObject[] | undefined,
): Promise<Result> {
  const fact: ImageFact = "images" in images ? images : { platform: "linux/amd64", images };
  const left = { absent: "left out", requested: true } as const;
  const files = { ...ONE_IMAGE, [ACCESS]: ONE_IMAGE[ACCESS]!.replace(/^[^]*?---/, "") };
  const cluster: Pick<ClusterOpened, "opened" | "objects" | "unread" | "trials" | "namespace"> = {
    opened: true,
    objects: live ?? [],
    unread: [],
    trials: [],
    namespace: "default",
  };
  const [result] = await runChecks([imagePull], {
    manifests: () => Promise.resolve(factOf(files)),
    cluster: live === undefined ? left : () => Promise.resolve(cluster as ClusterOpened),
    image: () => Promise.resolve(fact),
  }, { timeoutMs: 120_000 });
  assert(!JSON.stringify(result).includes(PASSWORD));
  return result!;
}

const CREDENTIALS = ["Secret analytics-jobs/registry"];
const opened = contents(IMAGE, { credentials: CREDENTIALS, loggedIn: true });
const denied = refusal(IMAGE, "denied", { credentials: CREDENTIALS, loggedIn: true });
const anonymous = contents(IMAGE);
const closed = refusal(IMAGE, "denied");

Deno.test("image-pull passes for a valid pull secret, and for a public registry", async () => {
  const { verdict, examined } = await judge([opened], objects(["registry"], secret("ghcr.io")));
  assertEquals([verdict, examined], ["pass", "1 image, 1 pull secret"]);
  assertEquals((await judge([anonymous], objects([], ""))).verdict, "pass");
  const old = secret("ghcr.io", { type: "kubernetes.io/dockercfg", key: ".dockercfg" });
  assertEquals((await judge([opened], objects(["registry"], old))).verdict, "pass");
});

for (
  const [name, reading, live, object, problem] of [
    [
      "a closed registry without a pull secret",
      closed,
      objects([], ""),
      JOB_ID,
      `ghcr.io requires a login to read ${IMAGE}, and the pod has no pull secret`,
    ],
    [
      "a pull secret that is not there",
      closed,
      objects(["registry"], ""),
      "ServiceAccount analytics-jobs/spark-jobs",
      "Secret analytics-jobs/registry does not exist",
    ],
    [
      "a pull secret of another type",
      closed,
      objects(["registry"], secret("ghcr.io", { type: "Opaque" })),
      "ServiceAccount analytics-jobs/spark-jobs",
      "Secret analytics-jobs/registry has the type Opaque, but a pull secret has the type " +
      "kubernetes.io/dockerconfigjson",
    ],
    [
      "a pull secret that is no Docker configuration",
      closed,
      objects(["registry"], secret("", { text: `{"auths": "${PASSWORD}"}` })),
      "ServiceAccount analytics-jobs/spark-jobs",
      "the value of Secret analytics-jobs/registry is not a Docker configuration",
    ],
    [
      "a pull secret without its key",
      closed,
      objects(["registry"], secret("ghcr.io", { key: "config.json" })),
      "ServiceAccount analytics-jobs/spark-jobs",
      "the value of Secret analytics-jobs/registry is not a Docker configuration",
    ],
    [
      "a pull secret for another registry",
      refusal(IMAGE, "denied", { credentials: CREDENTIALS }),
      objects(["registry"], secret("quay.io")),
      JOB_ID,
      "Secret analytics-jobs/registry has no login for ghcr.io",
    ],
    [
      "a login that the registry refuses",
      denied,
      objects(["registry"], secret("https://ghcr.io/v1/")),
      JOB_ID,
      `ghcr.io does not accept the login of Secret analytics-jobs/registry for ${IMAGE}`,
    ],
  ] as const
) {
  Deno.test(`image-pull fails: ${name}`, async () => {
    const { verdict, findings } = await judge([reading], live);
    assertEquals([verdict, findings.map((each) => [each.object, each.problem])], [
      "fail",
      [[object, problem]],
    ]);
    const { fix } = findings[0]!;
    assertMatch(fix, /docker --config \.\/login login ghcr\.io && /);
    assertMatch(
      fix,
      /kubectl -n analytics-jobs create secret docker-registry registry --from-file=\.dockerconfigjson=/,
    );
    assert(!/password=/.test(fix));
  });
}

Deno.test("image-pull only warns of a bad pull secret for a public registry", async () => {
  const { verdict, findings } = await judge([anonymous], objects(["registry"], ""));
  assertEquals([verdict, findings.length], ["warn", 1]);
  const other = contents(IMAGE, { credentials: CREDENTIALS });
  assertEquals((await judge([other], objects(["registry"], secret("quay.io")))).verdict, "pass");
});

Deno.test("image-pull reports a missing tag at the job's image field, with and without a cluster", async () => {
  for (const live of [objects([], ""), undefined]) {
    const { verdict, findings } = await judge([refusal(IMAGE, "unknown")], live);
    assertEquals([verdict, findings.length], ["fail", 1]);
    const { object, field, line, problem, fix } = findings[0]!;
    assertEquals([object, field, line], [
      JOB_ID,
      "spec.template.spec.containers[0].image",
      lineOf(JOB, `image: ${IMAGE}`),
    ]);
    assertEquals([problem, fix], [
      `Cannot read the image ${IMAGE}: it is unknown`,
      "Mend the image.",
    ]);
  }
});

Deno.test("image-pull ignores faults in the contents of an image", async () => {
  for (const trouble of ["platform", "broken"] as const) {
    assertEquals((await judge([refusal(IMAGE, trouble)], objects([], ""))).verdict, "pass");
  }
});

Deno.test("image-pull: without a cluster the pull secrets are unknown", async () => {
  const { verdict, reason, findings } = await judge([denied], undefined);
  assertEquals([verdict, findings.length], ["error", 0]);
  assertStringIncludes(reason ?? "", "The pull secrets of the cluster are unknown");
  assertEquals((await judge([opened], undefined)).verdict, "pass");
});

Deno.test("image-pull skips an archive, and is an error for an image that was not looked up", async () => {
  const archive: ImageFact = { platform: "linux/amd64", archive: "image.tar", images: [anonymous] };
  const skipped = await judge(archive, objects([], ""));
  assertEquals([skipped.verdict, skipped.reason], [
    "skip",
    "images were read from the archive image.tar, not from a registry",
  ]);
  const lost = await judge([contents("other:1")], objects([], ""));
  assertEquals([lost.verdict, lost.reason], ["error", `${IMAGE} was not read`]);
});
