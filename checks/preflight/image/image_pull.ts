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

/** The pods' pull secrets open the registry of the image that the jobs run. */
export const imagePull: Check<"image", "manifests" | "cluster"> = check({
  id: "image-pull",
  title: "the cluster can pull the jobs' image",
  phase: "before",
  needs: ["image"],
  wants: PLATFORM,
  run: ({ image, ...facts }, share) => {
    if (facts.manifests === undefined && facts.cluster === undefined) {
      return { notApplicable: "no job was given, only an image" };
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
 * Judges whether the cluster can pull the images that jobs run: with the pull secrets of their pods,
 * or without where there are none.
 *
 * @param isCluster whether the cluster was read: only then what is not at hand is not there
 */
export function judgePulls(
  fact: ImageFact,
  uses: readonly ImageUse[],
  isCluster: boolean,
): Outcome {
  if (fact.archive !== undefined) {
    return { skip: `the archive ${fact.archive} stands in for the registries` };
  }
  const pulls = uses.map((use) => ({ use, reading: readingFor(use, fact.images) }));
  if (pulls.length === 0) return { notApplicable: "there is no job with an image" };
  const unknown = pulls.find(({ reading }) => reading === undefined);
  if (unknown !== undefined) return { unknown: `${unknown.use.reference} was not looked up` };
  const findings = once(pulls.flatMap(({ use, reading }) => judgePull(use, reading!, isCluster)));
  const denied = pulls.map(({ reading }) => reading).find(isDenied);
  if (!isCluster && denied !== undefined && findings.length === 0) {
    return { unknown: `${denied.problem}. What the cluster may pull is not known without it` };
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
  // A registry that opens without them, or with another one, makes a bad pull secret no failure yet.
  const severity = isDenied(reading) ? "fail" : "warn";
  const bad = use.secrets.flatMap((secret) => judgeSecret(secret, registry, severity));
  if (bad.length > 0 || !isDenied(reading)) return bad;
  return [use.secrets.length === 0 ? withoutSecret(use, registry) : refused(use, registry)];
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
  if (secret === undefined) return found(`there is no Secret ${namespace}/${name}`);
  const { type } = secret.value;
  if (type !== "kubernetes.io/dockerconfigjson" && type !== "kubernetes.io/dockercfg") {
    return found(
      `${objectId(secret)} is of the type ${String(type ?? "Opaque")}, and a pull secret is of ` +
        "kubernetes.io/dockerconfigjson",
    );
  }
  return credentialsIn(pull) === undefined
    ? found(`what ${objectId(secret)} holds is no Docker configuration`)
    : [];
}

/** That a registry does not open with the pull secrets that there are. */
function refused({ reference, secrets, place }: ImageUse, registry: string): Finding {
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
    fix: `${howToMake(name, namespace, registry)} Then name it where the image stands: ${setting}`,
  } as const;
}

/** Makes a pull secret with the password in no command. */
function howToMake(name: string, namespace: string, registry: string): string {
  const secret = `kubectl -n ${namespace} create secret docker-registry ${name}`;
  return `Log in, which asks for the password: docker --config ./login login ${registry} && ` +
    `kubectl -n ${namespace} delete secret ${name} --ignore-not-found && ` +
    `${secret} --from-file=.dockerconfigjson=./login/config.json && rm -r ./login`;
}

/** Pods of one job, and jobs of one account, share what is wrong. */
function once(findings: readonly Finding[]): Finding[] {
  const key = ({ object, field, problem }: Finding) => [object, field, problem].join("\n");
  return [...new Map(findings.map((each) => [key(each), each])).values()];
}
