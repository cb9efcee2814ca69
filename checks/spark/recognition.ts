import { isFields } from "../kubernetes/fields.ts";
import { callsSpark } from "../kubernetes/job_containers.ts";
import type { Container, Workload } from "../kubernetes/workloads.ts";
import type { Code } from "../source_code/code.ts";
import { commandsIn } from "../source_code/shell_exports.ts";
import { textOf } from "../source_code/shell_words.ts";

/** A word of a command line that only Spark reads. */
const SPARK_WORD =
  /\bspark-(submit|class|shell|sql)\b|\bpyspark\b|\borg\.apache\.spark\.|(^|[\s=])-?-?(conf[\s=]|D)?spark\.[a-z][\w.-]*=/i;

/** A variable that only Spark reads. */
const SPARK_VARIABLE = /^(SPARK|PYSPARK)_(?!(HISTORY|UI|LOG|JOB|APP)_?)/;

/** Code of Spark. */
const SPARK_CODE = /\bpyspark\b|\bSpark(Session|Context|Conf)\b|\bspark-submit\b/;

/** The last part of the name of an image that contains no Spark. */
const OTHER_IMAGE =
  /^(postgres(ql)?|paradedb|timescaledb|pgvector|mysql|mariadb|mongo(db)?|redis|valkey|curl|alpine|busybox|ubuntu|debian|fedora|ubi\d*(-minimal)?|centos|rockylinux|python|node|deno|golang|rust|ruby|perl|kubectl|k8s-kubectl|aws-cli|google-cloud-cli|cloud-sdk|azure-cli|mc|minio|rclone|restic|s3cmd|helm|git|bash|jq|yq|psql|pgbackrest|pg_dump|nginx|rabbitmq|kafka|etcd|vault|terraform|ansible)$/;

/** A program that starts no Spark, in any image. */
const OTHER_PROGRAM =
  /^(pg_(dump|dumpall|restore|basebackup|isready)|psql|vacuumdb|aws|mc|rclone|s3cmd|kubectl|curl|wget)$/;

/** A command of a script that can be beside such programs. */
const HELPER =
  /^(set|echo|printf|test|\[|cd|export|exit|date|sleep|true|false|mkdir|rm|ls|cat|cp|mv|tar|gzip|gunzip|zstd|head|tail|grep|sed|tee|sha256sum)$/;

/** A program that can start Spark, or a file that it can run. */
const STARTER = /\b(python[\d.]*|java|Rscript|poetry|uv|make|gradle|sbt|mvn)\b|\.(py|jar|sh|R)\b/;

/**
 * Returns whether a job runs Spark; undefined if nothing shows it.
 *
 * A command line, a variable, an image or code that names Spark proves it. An image or a program of
 * another kind, such as `postgres` or `pg_dump`, and code without Spark prove the opposite. If a job
 * has neither, the word Spark in its name, its pods or its mounted files proves that it runs Spark.
 *
 * @param workload the job with the containers that do its work
 * @param run the code that these containers run
 * @param mounted the texts of the files that these containers mount
 */
export function runsSpark(
  workload: Workload,
  run: readonly Code[],
  mounted: readonly string[],
): boolean | undefined {
  const { containers } = workload;
  if (containers.length === 0 || containers.some(showsSpark)) return true;
  const code = run.filter(({ language }) => language !== "conf");
  if (code.some(({ text }) => SPARK_CODE.test(text))) return true;
  if (run.some(({ language, text }) => language === "conf" && /^\s*spark\.\w/m.test(text))) {
    return true;
  }
  if (containers.every((each) => isOther(each, code))) return false;
  if (containers.some(runsJar)) return undefined;
  return [textOfPods(workload), ...mounted].some((text) => /spark/i.test(text)) || undefined;
}

/** The text of a workload's name, labels and pods. */
function textOfPods({ object, metadata, spec }: Workload): string {
  const { labels } = isFields(object.value.metadata) ? object.value.metadata : {};
  return JSON.stringify([object.name, labels, metadata, spec]);
}

/** Returns whether a container shows that Spark runs in it. */
function showsSpark(container: Container): boolean {
  const { words, env, image } = container;
  if (isConnectClient(container)) return false;
  const isOtherImage = OTHER_IMAGE.test(nameOf(image)) || runsOthers(container);
  return callsSpark(container) ||
    words.some(({ text }) => SPARK_WORD.test(text)) ||
    !isOtherImage && !runsJar(container) && /spark/i.test(nameOf(image)) ||
    !isOtherImage &&
      env.some(({ name, value = "" }) =>
        SPARK_VARIABLE.test(name) || SPARK_WORD.test(value) || /^(k8s|spark):\/\//.test(value)
      );
}

/**
 * Returns whether a container runs a program of Java that does not name Spark, or a whole jar. The name
 * of an image does not show whether such a program uses Spark.
 */
export function runsJar({ words }: Pick<Container, "words">): boolean {
  const at = words.findIndex(({ text }) => /(^|\/)java$/.test(text));
  const calls = at >= 0
    ? [words.slice(at + 1).map(({ text }) => text).join(" ")]
    : words.flatMap(({ text }) => /(?:^|[\s;&|/])java\s([^;&|\n]*)/.exec(text)?.[1] ?? []);
  return calls.some((call) => /(^|\s)-jar\s/.test(call) || !/spark/i.test(call));
}

/** Returns whether a container only connects to a Spark Connect server, which runs Spark. */
function isConnectClient(container: Container): boolean {
  return !callsSpark(container) &&
    container.env.some(({ name, value = "" }) => name === "SPARK_REMOTE" && /^sc:/.test(value));
}

/** Returns whether a container shows that it runs another program than Spark. */
function isOther(container: Container, code: readonly Code[]): boolean {
  const { image, words, fields } = container;
  if (isConnectClient(container)) return true;
  const python = code.filter(({ language }) => language === "python");
  if (OTHER_IMAGE.test(nameOf(image)) || runsOthers(container)) return true;
  if (words.some(({ text }) => /\bmanage\.py\b/.test(text))) return true;
  // The code of the program is known, and it does not use Spark.
  if (python.length > 0 && words.some(({ text }) => /\bpython[\d.]*$|\.py$/.test(text))) {
    return true;
  }
  const hasCommand = Array.isArray(fields.command) && fields.command.length > 0;
  return hasCommand &&
    !words.some(({ text }, i) => STARTER.test(text) || i === 0 && text.startsWith("$"));
}

/** Returns whether a container runs only programs that start no Spark, also in a script of a shell. */
function runsOthers({ fields }: Container): boolean {
  const { command, args } = fields;
  if (!Array.isArray(command)) return false;
  const [first, flag, script] = [...command, ...(Array.isArray(args) ? args : [])].map(String);
  const isScript = /(^|\/)(ba|da|k|z)?sh$/.test(first ?? "") && /^-\w*c$/.test(flag ?? "");
  const programs = isScript
    ? commandsIn(script ?? "").flatMap((each) =>
      each.kind !== "simple" || each.words.length === 0 ? [] : [textOf(each.words[0]) ?? ""]
    )
    : [first ?? ""];
  const names = programs.map((each) => each.slice(each.lastIndexOf("/") + 1));
  return names.some((each) => OTHER_PROGRAM.test(each)) &&
    names.every((each) => OTHER_PROGRAM.test(each) || HELPER.test(each));
}

/** The last part of the name of an image, without registry, tag and digest. */
function nameOf(image: string): string {
  return image.slice(image.lastIndexOf("/") + 1).replace(/[:@].*$/, "");
}
