import { shell } from "../../../pipeline/shell.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { ImageFact, ImageReading, ImageRefusal } from "../../facts/image.ts";
import { objectId } from "../../kubernetes/objects.ts";
import type { Finding, Outcome } from "../../finding.ts";
import { loginsFor } from "../../image/credentials.ts";
import { addressOf } from "../../image/reference.ts";
import { JOBS, onPlatform, PLATFORM } from "../platform.ts";
import { imagesOf, type ImageUse, readingFor } from "./image_uses.ts";
import { credentialsIn, type PullSecret } from "./pull_secrets.ts";

/** The cluster can pull the image that the jobs run, with the pull secrets of the pods. */
export const imagePull: Check<"image", "manifests" | "cluster"> = check({
  id: "image-pull",
  title: "the cluster can pull the jobs' image",
  phase: "before",
  needs: ["image"],
  wants: PLATFORM,
  run: ({ image, ...facts }, share) => {
    if (facts.manifests === undefined && facts.cluster === undefined) {
      return { notApplicable: "no manifests and no cluster name a job" };
    }
    return onPlatform(
      facts,
      share,
      [...JOBS, "Secret", "ServiceAccount"],
      (platform) => judgePulls(image, imagesOf(platform.tree), platform.cluster !== undefined),
    );
  },
});

const WHY = "nodes cannot pull the image, and the pod stays in ImagePullBackOff";

/**
 * Checks whether the cluster can pull the images that jobs run, with the pull secrets of the pods
 * if there are any.
 *
 * @param isCluster whether the cluster was read; only then a Secret that was not found does not
 *   exist
 */
export function judgePulls(
  fact: ImageFact,
  uses: readonly ImageUse[],
  isCluster: boolean,
): Outcome {
  if (fact.archive !== undefined) {
    return { skip: `images were read from the archive ${fact.archive}, not from a registry` };
  }
  const pulls = uses.map((use) => ({ use, reading: readingFor(use, fact.images) }));
  if (pulls.length === 0) return { notApplicable: "no job has an image" };
  const unknown = pulls.find(({ reading }) => reading === undefined);
  if (unknown !== undefined) return { unknown: `${unknown.use.reference} was not read` };
  const findings = withoutDuplicates(
    pulls.flatMap(({ use, reading }) => judgePull(use, reading!, isCluster)),
  );
  const denied = pulls.map(({ reading }) => reading).find(isDenied);
  if (!isCluster && denied !== undefined && findings.length === 0) {
    return { unknown: `${denied.problem}. The pull secrets of the cluster are unknown` };
  }
  const secrets = new Set(uses.flatMap((use) => use.secrets.map(({ name }) => name)));
  return {
    examined: `${plural(fact.images.length, "image")}, ${plural(secrets.size, "pull secret")}`,
    findings,
  };
}

function judgePull(use: ImageUse, reading: ImageReading, isCluster: boolean): Finding[] {
  if (!reading.opened && reading.trouble === "unknown") {
    const { problem, fix } = reading;
    return [{ severity: "fail", ...use.place, problem, why: WHY, fix }];
  }
  if (!isCluster) return [];
  const { registry } = addressOf(use.reference);
  // An invalid pull secret is only a warning if the image can be read without it.
  const severity = isDenied(reading) ? "fail" : "warn";
  const bad = use.secrets.flatMap((secret) => judgeSecret(secret, registry, severity));
  if (bad.length > 0 || !isDenied(reading)) return bad;
  return [use.secrets.length === 0 ? withoutSecret(use, registry) : deniedFinding(use, registry)];
}

function isDenied(reading: ImageReading | undefined): reading is ImageRefusal {
  return reading?.opened === false && reading.trouble === "denied";
}

function judgeSecret(
  pull: PullSecret,
  registry: string,
  severity: Finding["severity"],
): Finding[] {
  const { name, namespace, place, secret } = pull;
  const found = (problem: string): Finding[] => [
    { severity, ...place, problem, why: WHY, fix: howToMake(name, namespace, registry) },
  ];
  if (secret === undefined) return found(`Secret ${namespace}/${name} does not exist`);
  const { type } = secret.value;
  if (type !== "kubernetes.io/dockerconfigjson" && type !== "kubernetes.io/dockercfg") {
    return found(
      `${objectId(secret)} has the type ${
        String(type ?? "Opaque")
      }, but a pull secret has the type ` +
        "kubernetes.io/dockerconfigjson",
    );
  }
  return credentialsIn(pull) === undefined
    ? found(`the value of ${objectId(secret)} is not a Docker configuration`)
    : [];
}

/** Reports that a registry denies access with the pod's pull secrets. */
function deniedFinding({ reference, secrets, place }: ImageUse, registry: string): Finding {
  const address = addressOf(reference);
  const fitting = secrets.filter((secret) =>
    loginsFor(credentialsIn(secret)!.config, address).length > 0
  );
  const { name, namespace } = (fitting[0] ?? secrets[0])!;
  const names = (all: readonly PullSecret[]) =>
    all.map(({ secret }) => objectId(secret!)).join(", ");
  const problem = fitting.length > 0
    ? `${registry} does not accept the login of ${names(fitting)} for ${reference}`
    : `${names(secrets)} has no login for ${registry}`;
  const fix = howToMake(name, namespace, registry);
  return { severity: "fail", ...place, problem, why: WHY, fix };
}

function withoutSecret({ reference, place, namespace, bySpark }: ImageUse, registry: string) {
  const name = "registry";
  const setting = bySpark
    ? `--conf=spark.kubernetes.container.image.pullSecrets=${name}`
    : `imagePullSecrets: [{name: ${name}}]`;
  return {
    severity: "fail",
    ...place,
    problem: `${registry} requires a login to read ${reference}, and the pod has no pull ` +
      "secret",
    why: WHY,
    fix: `${howToMake(name, namespace, registry)} Then add to the pod: ${setting}`,
  } as const;
}

/** Returns commands that create a pull secret. No command contains the password. */
function howToMake(name: string, namespace: string, registry: string): string {
  const secret = shell`kubectl -n ${namespace} create secret docker-registry ${name}`;
  return shell`Log in and enter the password when prompted: docker --config ./login login ${registry} && ` +
    shell`kubectl -n ${namespace} delete secret ${name} --ignore-not-found && ` +
    `${secret} --from-file=.dockerconfigjson=./login/config.json && rm -r ./login`;
}

/**
 * Removes repeated findings: pods of one job and jobs of one service account share pull secrets.
 */
function withoutDuplicates(findings: readonly Finding[]): Finding[] {
  const key = ({ object, field, problem }: Finding) => [object, field, problem].join("\n");
  return [...new Map(findings.map((each) => [key(each), each])).values()];
}
