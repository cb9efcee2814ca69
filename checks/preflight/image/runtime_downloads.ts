import type { Tree } from "../../facts/tree.ts";
import type { Finding, Place } from "../../finding.ts";
import { namespaceOf, objectId, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { fieldsIn } from "../../kubernetes/fields.ts";
import type { Container } from "../../kubernetes/workloads.ts";
import { codeWordsOf } from "../../source_code/shell_syntax.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { printedValue, type SparkSetting } from "../../spark/settings.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import {
  type Download,
  downloadsInPython,
  downloadsInShell,
  originOf,
  withoutLogin,
} from "./download_commands.ts";

/**
 * The setting that makes Spark resolve jars from a repository when a job starts. Other settings,
 * such as `spark.jars.repositories`, only determine where Spark looks for these jars.
 */
const PACKAGES = "spark.jars.packages";

/** Settings with lists of files that Spark downloads. */
const FILES = /^spark\.(jars|files|archives|submit\.pyFiles|kubernetes\.file\.upload\.path)$/;

const WHY =
  "every run depends on the server of the download: where policies block the server, the job hangs " +
  "until it times out, and elsewhere the server decides which code the job runs";

const ELSEWHERE =
  "the file is outside the image, and the manifests do not show whether the pod can reach its server";

const OPEN = "a server that cannot be reached, or that has a new version, breaks the job";

/** Returns whether policies close the pods of a namespace. Without policies, a pod is open. */
export function isClosed(
  { all, project }: Pick<Tree, "all" | "project">,
  namespace: string,
): boolean {
  return namespace === project.jobs.namespace || ofKind(all, "NetworkPolicy", namespace).length > 0;
}

/**
 * Reports a setting that makes Spark download files.
 *
 * @param isClosed whether policies isolate the job's pod
 */
export function downloads(setting: SparkSetting, isClosed: boolean): Finding[] {
  const { key, value, place } = setting;
  const origins = FILES.test(key) ? value.split(",").map((each) => originOf(each.trim())) : [];
  const isPublic = key === PACKAGES || origins.includes("internet");
  if (!isPublic && !origins.includes("network") || value === "") return [];
  return [{
    ...verdictOn(isPublic, isClosed),
    ...place,
    problem: `${key} makes the job download ${
      key.startsWith("spark.jars") ? "jars" : "files"
    } when it starts (${printedValue(setting)})`,
    fix: "Remove the setting, and add the jars to the image: manifests/image/Dockerfile",
  }];
}

/**
 * The severity of a download and its reason. In a namespace with policies, a download from the
 * Internet fails the check even if a policy for the store happens to allow its server.
 */
function verdictOn(isPublic: boolean, isClosed: boolean): Pick<Finding, "severity" | "why"> {
  if (!isClosed) return { severity: "warn", why: OPEN };
  return isPublic ? { severity: "fail", why: WHY } : { severity: "warn", why: ELSEWHERE };
}

/**
 * Reports what jobs download when they start: the application file, and commands such as
 * `pip install` before spark-submit, also in init containers and scripts.
 */
export function runtimeDownloads(tree: Tree): Finding[] {
  return tree.jobs.flatMap((job) => {
    const { object, containers } = job.workload;
    const namespace = namespaceOf(object);
    const isWithoutNetwork = isClosed(tree, namespace);
    const scripts = job.code.filter((code) => code.object !== objectId(object));
    const found = [
      ...containers.flatMap((container) => [
        ...downloadsOf(job, container),
        ...downloadsOf(job, { words: hookOf(container) }),
        ...clonesOf(job, container),
      ]),
      ...scripts.flatMap((code) =>
        downloadsInCode(code).map((each) => ({ ...each, place: placeIn(code, each.offset) }))
      ),
    ];
    return found.map(({ what, place, isPublic = true }): Finding => ({
      ...verdictOn(isPublic, isWithoutNetwork),
      ...place,
      problem: `the job downloads when it starts: ${what}`,
      fix: "Add the files and packages to the image: manifests/image/Dockerfile",
    }));
  });
}

function downloadsInCode({ language, text }: Code): Download[] {
  if (language === "shell") return downloadsInShell(text);
  return language === "python" ? downloadsInPython(text) : [];
}

/** The command that runs when a container starts, beside its own. */
function hookOf({ fields, path }: Container): Container["words"] {
  const { postStart } = fieldsIn(fields.lifecycle);
  const { command } = fieldsIn(fieldsIn(postStart).exec);
  return Array.isArray(command)
    ? command.map((word, i) => (
      { text: String(word), path: `${path}.lifecycle.postStart.exec.command[${i}]` }
    ))
    : [];
}

/** The downloads in the command and the arguments of a container. */
function downloadsOf(
  { workload: { object } }: SparkJob,
  { words }: Pick<Container, "words">,
): (Download & { readonly place: Place })[] {
  const { shell } = codeWordsOf(words);
  // A script begins on a line of its own.
  const text = words.map((word, i) => `${i === 0 ? "" : shell.has(i) ? "\n" : " "}${word.text}`)
    .join("");
  const wordAt = (offset: number) => {
    let end = -1;
    return words.find((word) => (end += word.text.length + 1) >= offset) ?? words[0]!;
  };
  const isPython = /(^|[\s/])python[\d.]*\s+-c\s/.test(text);
  const found: Download[] = [
    ...applicationIn(text),
    ...isPython ? downloadsInPython(text) : downloadsInShell(text),
  ];
  return found.map((each) => ({ ...each, place: placeOf(object, wordAt(each.offset).path) }));
}

/** The repository that a container of git-sync clones, by its arguments or its variables. */
function clonesOf(
  { workload: { object } }: SparkJob,
  { image, words, env }: Container,
): (Download & { readonly place: Place })[] {
  if (!/(^|\/)git-sync([:@]|$)/.test(image)) return [];
  const all = [
    ...words.map(({ text, path }, i) => (
      { path, url: /^--?repo$/.test(words[i - 1]?.text ?? "") ? text : text.split(/^--?repo=/)[1] }
    )),
    ...env.filter(({ name }) => /^GIT_?SYNC_REPO$/.test(name))
      .map(({ value, path }) => ({ path, url: value })),
  ];
  return all.flatMap(({ path, url = "" }) =>
    url === "" ? [] : [{
      offset: 0,
      what: `git-sync ${withoutLogin(url)}`,
      isPublic: originOf(url) === "internet",
      place: placeOf(object, path),
    }]
  );
}

/** The application file and other files of spark-submit that Spark downloads. */
function applicationIn(text: string): Download[] {
  if (!/spark-submit|SparkSubmit|\bdriver\b/.test(text)) return [];
  // Other flags, such as --jars, are settings, which are judged as settings.
  const flags = [...text.matchAll(/--(py-files|files|archives)[\s=]["']?([^\s"']+)/g)].flatMap(
    ({ 1: name, 2: list, index }) =>
      list!.split(",").flatMap((file): Download[] => {
        const origin = originOf(file);
        return origin === undefined ? [] : [{
          offset: index,
          what: `--${name} ${withoutLogin(file)}`,
          isPublic: origin === "internet",
        }];
      }),
  );
  const file = /(^|\s)(--[\w-]+\s+)?((?!-)[^\s'",]+\.(?:py|jar|zip|R)(?:\?\S*)?)(?=[\s'"]|$)/g;
  const files = [...text.matchAll(file)].filter(({ 2: flag, index }) =>
    flag === undefined &&
    !/\b(curl|wget)\b[^;&|\n]*$/.test(text.slice(Math.max(0, index - 300), index))
  );
  const applications = files.flatMap(({ 0: whole, 3: url, index }, i): Download[] => {
    const origin = originOf(url!);
    // A later file is an argument of the application, unless the URL is public.
    if (origin === undefined || origin === "network" && i > 0) return [];
    return [{
      offset: index + whole.indexOf(url!),
      what: `the application file ${withoutLogin(url!)}`,
      isPublic: origin === "internet",
    }];
  });
  return [...flags, ...applications];
}
