import type { Tree } from "../../facts/tree.ts";
import type { Finding, NotJudged } from "../../finding.ts";
import { parseImage } from "../../image/reference.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import type { Word } from "../../kubernetes/pod_template.ts";
import type { Container } from "../../kubernetes/workloads.ts";
import { naming } from "../../list_names.ts";
import { driverMounts, hasUnknownMounts, isBelow, mountsOf } from "../../spark/mounts.ts";
import { settingsBelow } from "../../spark/pods.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { applicationIn, applicationsInScript } from "../../spark/submit_words.ts";

// In deploy mode cluster, the driver is a pod of its own. It has neither the variables nor the
// volumes of the pod that submits it.

/** What jobs give only to the pod that submits the driver, whether or not the driver needs it. */
export function notInDriver({ jobs }: Tree): NotJudged[] {
  return jobs.flatMap((job) => {
    if (job.driver === undefined || hasUnknownMounts(job)) return [];
    const names = [...variablesOf(job), ...ownMounts(job).filter((path) => !hasMount(job, path))];
    return names.length === 0 ? [] : [{
      object: job.label,
      reason: "deploy mode cluster: the driver is another pod, and does not have " +
        `${naming(names)} of this pod. Whether it needs them is not judged`,
    }];
  });
}

/** Warns about an application file that only the pod mounts that submits the driver. */
export function unmountedApplications({ jobs }: Tree): Finding[] {
  return jobs.flatMap((job): Finding[] => {
    const { application, driver } = job;
    const path = /^local:\/\/(\/.*)$/.exec(application?.file ?? "")?.[1];
    if (driver === undefined || application === undefined || path === undefined) return [];
    if (hasUnknownMounts(job) || hasMount(job, path)) return [];
    const folder = ownMounts(job).find((each) => isBelow(path, each));
    return folder === undefined ? [] : [{
      severity: "warn",
      ...application.place,
      problem: `the driver is another pod, which does not mount ${folder}, so it has ` +
        `${application.file} only if its image has the file`,
      why:
        "in deploy mode cluster, local:// means a file in the driver's pod, and Spark does not " +
        "copy the volumes of this pod",
      fix: "Add the file to the image, mount it with a pod template of the driver " +
        "(spark.kubernetes.driver.podTemplateFile), or use the deploy mode client.",
    }];
  });
}

const UPLOAD = "spark.kubernetes.file.upload.path";

/** Reports an application file that Spark must upload for the driver, without a place for it. */
export function withoutUpload({ jobs }: Tree): Finding[] {
  return jobs.flatMap((job): Finding[] => {
    if (job.driver === undefined || job.unreadProperties !== undefined) return [];
    if (job.settings.has(UPLOAD) || isSecondSpark(job)) return [];
    return job.containers.flatMap(({ words }) => applicationsOf(words)).filter(({ text }) =>
      /^(file:\/\/)?\/[^\s:$]+\.(py|jar|R)$/.test(text)
    ).map(({ text, path }): Finding => ({
      severity: "fail",
      ...placeOf(job.workload.object, path),
      problem: `${text} is a file of this pod, and the job does not set ${UPLOAD}`,
      why: "in deploy mode cluster, the driver is another pod, so spark-submit must upload the " +
        "file, and ends with an error without a place to upload to",
      fix: `Name a file of the image: local://${text.replace(/^file:\/\//, "")}`,
    }));
  });
}

/** Returns whether an image names Spark 2, which takes such a file for one of the driver's image. */
function isSecondSpark({ containers, images }: SparkJob): boolean {
  return [...containers.map(({ image }) => image), ...images.map(({ value }) => value)]
    .map(parseImage).some(({ repository, tag = "" }) =>
      // The tag of another image is a release of its own.
      /(^|\/)(spark|spark-py|spark-r|pyspark)$/.test(repository) && /^v?2\.\d/.test(tag)
    );
}

/** The application files in the words of a container, also in its script. */
function applicationsOf(words: Container["words"]): Word[] {
  const own = words[applicationIn(words) ?? -1];
  return own !== undefined
    ? [own]
    : words.flatMap(({ text, path }) =>
      applicationsInScript(text).map((file) => ({ text: file, path }))
    );
}

/** The folders that the job's own pod mounts. */
function ownMounts({ containers }: SparkJob): string[] {
  return containers.flatMap(mountsOf);
}

/** Returns whether the driver mounts a folder. */
function hasMount(job: SparkJob, path: string): boolean {
  return driverMounts(job).some((each) => isBelow(path, each));
}

/** The variables of the job's own pod that the driver does not have. */
function variablesOf({ containers, driver, settings }: SparkJob): string[] {
  const spec = driver?.template?.spec;
  const ofTemplate = listOf(isFields(spec) ? spec.containers : undefined)
    .flatMap(({ env }) => listOf(env).flatMap(({ name }) => textOf(name) ?? []));
  const ofDriver = new Set([
    ...settingsBelow(settings, "spark.kubernetes.driverEnv.").keys(),
    ...settingsBelow(settings, "spark.kubernetes.driver.secretKeyRef.").keys(),
    ...ofTemplate,
  ]);
  const own = containers.flatMap(({ fields }) => [
    // Values of the pod itself, such as its address, are for the program that submits the driver.
    ...listOf(fields.env).filter(({ valueFrom }) =>
      !isFields(valueFrom) || !("fieldRef" in valueFrom)
    )
      .flatMap(({ name }) => textOf(name) ?? []),
    ...listOf(fields.envFrom).flatMap((each) =>
      [each.secretRef, each.configMapRef].flatMap((source) =>
        isFields(source) ? `the variables of ${textOf(source.name)}` : []
      )
    ),
  ]);
  return [...new Set(own)].filter((name) => !ofDriver.has(name) && !/^(SPARK|HADOOP)_/.test(name));
}
