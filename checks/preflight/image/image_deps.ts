import type { Tree } from "../../facts/tree.ts";
import { printedValue, settingsIn, type SparkSetting } from "../../spark/settings.ts";
import { parseImage } from "../../image/reference.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding, Outcome } from "../../finding.ts";
import { isPlainSpark, judgeContents, whyUnpinned } from "./image_contents.ts";
import { judgeDockerfile } from "./dockerfile_jars.ts";
import { imagesOf } from "./image_uses.ts";
import { JOBS, onPlatform, PLATFORM } from "../platform.ts";
import { type Workload } from "../../kubernetes/workloads.ts";
import { type Judged, outcomeOf } from "../outcome.ts";
import { placeOf } from "../../kubernetes/objects.ts";

/** Jobs run on an image of ours that is pinned and has every jar in it: nothing is downloaded. */
export const imageDeps: Check<never, "manifests" | "cluster" | "image"> = check({
  id: "image-deps",
  title: "jobs find all they need in their image",
  phase: "before",
  needs: [],
  wants: [...PLATFORM, "image"],
  run({ image, ...facts }, share) {
    if (facts.manifests === undefined && facts.cluster === undefined) {
      return judgeContents(image!, []);
    }
    return onPlatform(facts, share, JOBS, (platform) => {
      const { tree } = platform;
      const absent = "there is neither a job nor a Dockerfile of Spark";
      const named = outcomeOf(platform, judgeImages(tree), absent);
      const isRead = image !== undefined && (image.images.length > 0 || "findings" in named);
      return isRead ? both(named, judgeContents(image, imagesOf(tree))) : named;
    });
  },
});

/** Two judgements as one: a failure is one, whatever became of the other. */
function both(a: Outcome, b: Outcome): Outcome {
  if ("findings" in a && "findings" in b) {
    return {
      examined: `${a.examined}, ${b.examined}`,
      findings: [...a.findings, ...b.findings],
    };
  }
  const bad = [a, b].find((each) =>
    "findings" in each && each.findings.some(({ severity }) => severity === "fail")
  );
  if (bad !== undefined) return bad;
  return "findings" in a || "notApplicable" in a ? b : a;
}

const IMAGE = "ghcr.io/ldamasio/rbs-spark:3.5.8-phase1";

/**
 * Judges whether jobs find all they need in their image.
 *
 * @returns undefined where there is neither a job nor a Dockerfile of Spark
 */
export function judgeImages({ jobs, code }: Tree): Judged | undefined {
  const dockerfiles = code.filter(({ language }) => language === "dockerfile")
    .flatMap((each) => {
      const findings = judgeDockerfile(each);
      return findings === undefined ? [] : [findings];
    });
  if (jobs.length + dockerfiles.length === 0) return undefined;
  const settings = [
    ...jobs.flatMap((job) => job.given),
    ...code.flatMap((each) => settingsIn(each)),
  ];
  return {
    examined: `the images of ${plural(jobs.length, "job")}, ${
      plural(dockerfiles.length, "Dockerfile")
    }, ${plural(settings.length, "setting")} of Spark`,
    findings: [
      ...jobs.flatMap(({ workload }) => images(workload)),
      ...once(settings.flatMap((each) => [...sparkImages(each), ...downloads(each)])),
      ...dockerfiles.flat(),
    ],
  };
}

function images({ object, containers }: Workload): Finding[] {
  return containers.flatMap(({ image, path }): Finding[] => {
    const place = placeOf(object, `${path}.image`);
    if (image !== "") return judgeImage(image, place, "image: ");
    return [{
      severity: "fail",
      ...place,
      problem: "the container has no image",
      why: "the API server refuses the pod",
      fix: `Set it: image: ${IMAGE}`,
    }];
  });
}

/** The images of the pods that Spark makes itself. */
function sparkImages(setting: SparkSetting): Finding[] {
  const { key, place } = setting;
  return /^spark\.kubernetes\.((driver|executor)\.)?container\.image$/.test(key)
    ? judgeImage(printedValue(setting), place, `--conf=${key}=`)
    : [];
}

function judgeImage(image: string, place: SparkSetting["place"], written: string): Finding[] {
  const reference = parseImage(image);
  if (isPlainSpark(reference)) {
    return [{
      severity: "fail",
      ...place,
      problem: `${image} is plain Spark`,
      why: "it lacks hadoop-aws, the AWS SDK and the PostgreSQL driver, and the job's pod may " +
        "not download them",
      fix: `Build manifests/image and use what it makes: ${written}${IMAGE}`,
    }];
  }
  const unpinned = whyUnpinned(reference);
  return unpinned === undefined ? [] : [{
    severity: "fail",
    ...place,
    problem: `nobody knows what ${image} will be: ${unpinned}`,
    why: "a node that pulls it anew runs something else than the one before",
    fix: `Pin a release or a digest, as in ${written}${IMAGE}`,
  }];
}

/** Settings with which Spark resolves jars from a repository while a job starts. */
const RESOLVING = ["spark.jars.packages", "spark.jars.ivy", "spark.jars.ivySettings"];

function downloads(setting: SparkSetting): Finding[] {
  const { key, value, place } = setting;
  const remote = /^(https?|ftp|ivy):/.test(value) && /^spark\.(jars|files|archives)$/.test(key);
  const resolves = RESOLVING.includes(key) || key === "spark.jars.repositories";
  if (!remote && !resolves || value === "") return [];
  return [{
    severity: "fail",
    ...place,
    problem: `${key} makes the job download jars when it starts (${printedValue(setting)})`,
    why: "the job's pod may talk to DNS, Postgres, the Kubernetes API and the lake only, so the " +
      "download hangs until it is given up",
    fix: "Remove it, and bake the jars into the image: manifests/image/Dockerfile",
  }];
}

/** A script in an object is both part of the object and a text of its own. */
function once(findings: readonly Finding[]): Finding[] {
  const same = (a: Finding, b: Finding) =>
    a.object === b.object && a.problem === b.problem && a.file === b.file;
  return findings.filter((each, i) => findings.findIndex((other) => same(each, other)) === i);
}
