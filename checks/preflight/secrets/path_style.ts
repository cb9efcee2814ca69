import type { Tree } from "../../facts/tree.ts";
import type { Finding, Place } from "../../finding.ts";
import { namespaceOf } from "../../kubernetes/objects.ts";
import { parseHost } from "../../network_policy/address.ts";
import { isDeveloperHost, isLocalHost } from "../../network_policy/local_host.ts";
import { placeIn } from "../../source_code/code.ts";
import { UNREAD_FILE } from "../../spark/configuration_files.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { unreadCode } from "../image/job_needs.ts";
import { canBeNamespace, declaresServer } from "../network/service_host.ts";
import { isPrivateName } from "../network/store_endpoint.ts";

// How S3A names a bucket: before the host, as in `lake.minio`, or in the path, as in `minio/lake`.

const ENDPOINT = /^spark\.hadoop\.fs\.s3a\.(?:bucket\.(.+)\.)?endpoint$/;

/** An endpoint of S3A that is written out in code, as in `conf.set("fs.s3a.endpoint", "…")`. */
const IN_CODE =
  /["'](?:spark\.hadoop\.)?fs\.s3a\.(?:bucket\.([^"']+)\.)?endpoint["']\s*[,:]\s*["']([^"'\n]+)["']/g;

/** Code, not a comment, that sets paths to another value than false. */
const MAY_USE_PATHS =
  /^(?!\s*(?:#|\/\/|--)).*path\.style\.access(?!["']?\s*[,:=]\s*["']?false\b)/im;

/** An endpoint of S3A with its place. */
interface Endpoint {
  readonly value: string;
  readonly bucket: string | undefined;
  readonly place: Place;
  readonly isSecret: boolean;
}

/**
 * Finds jobs whose store is a Service of the cluster, or a host of a private network, and that name
 * their bucket before the host. The cluster's DNS has no such name. S3A uses paths for addresses.
 */
export function withoutPathStyle(job: SparkJob, tree: Tree): Finding[] {
  // A file that is not read can have the setting.
  if (job.settings.has(UNREAD_FILE) || job.unreadProperties !== undefined) return [];
  const found = endpointsOf(job).flatMap((each): Finding[] => {
    const url = urlOf(each.value, job);
    if (isPathStyle(job, each.bucket) || url === undefined) return [];
    const host = url.hostname.replace(/\.$/, "");
    const kind = kindOf(url, job, tree);
    if (kind === "other") return [];
    const unread = whyUnread(job);
    const shown = each.isSecret ? "the store" : host;
    return [{
      severity: kind === "service" && unread === undefined ? "fail" : "warn",
      ...each.place,
      problem: `the job looks up its bucket as a name before ${shown}${
        unread === undefined ? "" : `, unless its code sets path.style.access (${unread})`
      }`,
      why: kind === "service"
        ? "the cluster's DNS has the name of the Service, but no names below it, so each request " +
          "ends with UnknownHostException"
        : "the name exists only if the DNS of the network has an entry for all names below the host",
      fix: "Add: --conf=spark.hadoop.fs.s3a.path.style.access=true",
    }];
  });
  return found.filter(({ object, field, problem }, i) =>
    found.findIndex((each) =>
      each.object === object && each.field === field && each.problem === problem
    ) === i
  );
}

/** The code of a job that is not read. The jars beside a program in Python set nothing. */
function whyUnread(job: SparkJob): string | undefined {
  const unread = unreadCode(job);
  const isPython = job.code.some(({ language }) => language === "python");
  return isPython && unread?.includes(".jar ") ? undefined : unread;
}

function endpointsOf({ settings, code }: SparkJob): Endpoint[] {
  const ofSettings = [...settings.values()].filter(({ unknown }) => unknown === undefined)
    .flatMap(({ key, value, place, isSecret = false }): Endpoint[] => {
      const match = ENDPOINT.exec(key);
      return match === null ? [] : [{ value, bucket: match[1], place, isSecret }];
    });
  if (ofSettings.length > 0) return ofSettings;
  return code.flatMap((each) =>
    [...each.text.matchAll(IN_CODE)].map(({ 1: bucket, 2: value, index }): Endpoint => (
      { value: value!, bucket, place: placeIn(each, index), isSecret: false }
    ))
  );
}

/** Returns whether a job uses paths, or may do so. */
function isPathStyle({ settings, code }: SparkJob, bucket: string | undefined): boolean {
  const keys = [...(bucket === undefined ? [] : [`bucket.${bucket}.`]), ""];
  const [setting] = keys.flatMap((each) =>
    settings.get(`spark.hadoop.fs.s3a.${each}path.style.access`) ?? []
  );
  if (setting !== undefined) {
    return setting.unknown !== undefined || setting.value.trim().toLowerCase() !== "false";
  }
  return code.some(({ text }) => MAY_USE_PATHS.test(text));
}

function urlOf(endpoint: string, { settings }: SparkJob): URL | undefined {
  const text = endpoint.trim();
  if (text === "" || /[$`<>{}]/.test(text)) return undefined;
  const isPlain = settings.get("spark.hadoop.fs.s3a.connection.ssl.enabled")?.value === "false";
  const url = text.includes("://") ? text : `${isPlain ? "http" : "https"}://${text}`;
  return URL.parse(url) ?? undefined;
}

function kindOf(
  { hostname, protocol, port }: URL,
  job: SparkJob,
  { all }: Tree,
): "service" | "private" | "other" {
  const host = hostname.replace(/\.$/, "");
  if (host === "" || isLocalHost(host) || isDeveloperHost(host)) return "other";
  if (parseHost(host) !== undefined) return "other";
  if (/\.svc(\.cluster\.local)?$/.test(host) || !host.includes(".")) return "service";
  const [name = "", namespace = "", ...rest] = host.split(".");
  const isNamespace = rest.length === 0 &&
    (namespace === namespaceOf(job.workload.object) ||
      all.some((each) =>
        each.namespace === namespace || each.kind === "Namespace" && each.name === namespace
      ));
  if (isNamespace && (protocol === "http:" || declaresServer(all, { name, namespace }))) {
    return "service";
  }
  // The host can be a Service that the manifests do not declare, or outside the cluster.
  const canBeService = isNamespace || rest.length === 0 && canBeNamespace(namespace);
  const isUsual = protocol === "https:" && port === "";
  return isPrivateName(host) || canBeService && !isUsual ? "private" : "other";
}
