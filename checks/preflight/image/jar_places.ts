import type { Finding } from "../../finding.ts";
import { parseImage } from "../../image/reference.ts";
import { JARS } from "../../image/spark_jars.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { pathFrom, restOfCommand, targetOfCommand } from "../../source_code/command_targets.ts";
import {
  copiedFrom,
  type Instruction,
  type Stage,
  wordsOfCopy,
} from "../../source_code/dockerfile.ts";
import { type AddedJar, movesAway, SPARK_FOLDER } from "./added_jars.ts";
import { isPlainSpark } from "../../image/plain_images.ts";

/** Commands that add no jar to a folder that they name. */
const HARMLESS = /\b(?:rm|chmod|chown|ls|find|mkdir)\s[^;&|]*/g;

/** The text of a command without the parts that add no file to a folder that they name. */
export function withoutHarmless(text: string): string {
  return text.replace(HARMLESS, " ");
}

/**
 * Returns the jars that a later command removes from Spark's folder, with the command.
 *
 * @param instructions the instructions of the used stages, in the order of the file
 */
export function removedJars(
  jars: readonly AddedJar[],
  instructions: readonly Instruction[],
): (readonly [jar: AddedJar, by: Instruction])[] {
  return jars.flatMap((jar) => {
    const later = instructions.slice(instructions.indexOf(jar.instruction) + 1);
    const at = later.findLastIndex((each) => removes(each, jar.file));
    return at < 0 || later.slice(at).some(mayAddJars) ? [] : [[jar, later[at]!] as const];
  });
}

function removes({ name, text }: Instruction, file: string): boolean {
  const words = name === "RUN"
    ? [...text.matchAll(/\brm\s([^;&|]*)/g), ...movesAway(text)]
      .flatMap(([, rest]) => rest!.split(" "))
    : [];
  return words.filter((word) => SPARK_FOLDER.test(word)).some((word) => {
    const rest = word.replace(SPARK_FOLDER, "").replace(/["']$/, "");
    const pattern = rest.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")
      .replaceAll("?", ".");
    return rest === "" || new RegExp(`^${pattern}$`).test(file);
  });
}

/**
 * Returns the jars of a stage of which the image copies only other jars, by their names, with the
 * instruction that copies the others.
 *
 * @param all the stages that the image needs, with those that it copies from
 */
export function uncopiedJars(
  jars: readonly AddedJar[],
  all: readonly Stage[],
): (readonly [jar: AddedJar, by: Instruction])[] {
  return jars.flatMap((jar) => {
    const at = all.findIndex(({ instructions }) => instructions.includes(jar.instruction));
    const stage = all[at];
    if (stage?.name === undefined || at === all.length - 1) return [];
    if (all.some(({ image }) => image === stage.name)) return [];
    const uses = all.flatMap(({ instructions }) => instructions)
      .filter((each) => copiedFrom({ instructions: [each] }).includes(stage.name!));
    const isOther = (each: Instruction) =>
      each.name === "COPY" &&
      wordsOfCopy(each.text).slice(0, -1).every((word) => isOtherJar(word, jar));
    return uses.length > 0 && uses.every(isOther) ? [[jar, uses[0]!] as const] : [];
  });
}

/** Returns whether a source of COPY is a jar with the name of another library. */
function isOtherJar(source: string, { name, file }: AddedJar): boolean {
  const base = source.replace(/^.*\//, "");
  const library = JARS.find((each) =>
    base.startsWith(each) && /^[-.*]/.test(base.slice(each.length))
  );
  return base.endsWith(".jar") && library !== undefined && library !== name &&
    !base.startsWith(name) && base !== file;
}

/** Returns whether an instruction can add jars to a folder without naming the jars. */
function mayAddJars(instruction: Instruction): boolean {
  const text = withoutHarmless(instruction.text);
  return /\bjars\b/.test(text) &&
    (!/[\w.-]+\.jar\b/.test(text) || /\*/.test(text) ||
      copiedFrom({ instructions: [instruction] }).length > 0);
}

/**
 * Returns the needed jars that are only in a folder that Spark does not read, with the folder.
 *
 * @param stages the stages of the image
 * @param all the stages that the image needs, with those that it copies from
 * @param isNamed whether a manifest or a script names a folder: Spark can read the folder then
 */
export function unreadJars(
  jars: readonly AddedJar[],
  stages: readonly Stage[],
  all: readonly Stage[],
  isNamed: (folder: string) => boolean,
): (readonly [jar: AddedJar, folder: string])[] {
  const instructions = stages.flatMap((stage) => stage.instructions);
  const found = jars.filter(({ name }) => JARS.some((each) => each === name)).flatMap((jar) => {
    const folder = instructions.includes(jar.instruction)
      ? folderOf(jar, stages)
      : folderFromStage(jar, stages, all);
    return folder === undefined ? [] : [[jar, folder] as const];
  });
  const others = instructions.filter(({ name }) => name !== "WORKDIR");
  const rest = others.map((each) => restOf(each, found, withoutHarmless(each.text))).join("\n");
  const isFilled = others.some((each) =>
    each.name === "RUN" && fillsSpark(restOf(each, found, each.text))
  );
  // A configuration in the image can name any folder, and a command can copy files without names.
  if (/\/conf(\/|\s|$)|spark-(defaults|env)/.test(rest) || isFilled) return [];
  return found.filter(([{ name }, folder]) =>
    !SPARK_FOLDER.test(`${folder}/`) && !isNamed(folder) && !isMentioned(folder, rest) &&
    jars.every((jar) =>
      jar.name !== name ||
      found.some(([each, other]) => each === jar && !SPARK_FOLDER.test(`${other}/`))
    )
  );
}

/** Returns whether a command copies files of its own folder, without their names, to Spark. */
function fillsSpark(command: string): boolean {
  return FILLS.test(command) && /[\s"']\*|\s\.(?:\/|\s)|\{\}/.test(command);
}

const FILLS =
  /(?:\b(?:cp|mv|ln|rsync|install|tar|unzip|cpio)|-exec)\b(?:(?![\w-]\.jar\b)[^;&|])*(?:\/opt\/spark|\$\{?SPARK_HOME\}?)\/jars\b/;

/** The text of an instruction without what it does to fill the folders of jars. */
function restOf(
  instruction: Instruction,
  found: readonly (readonly [jar: AddedJar, folder: string])[],
  text: string,
): string {
  const { name } = instruction;
  const own = found.filter(([jar]) => jar.instruction === instruction);
  if (name === "RUN" && own.length > 0) return restOfCommand(text, own.map(([{ file }]) => file));
  if (name !== "COPY" && name !== "ADD") return text;
  const target = wordsOfCopy(text).at(-1)!;
  const at = text.lastIndexOf(target);
  return `${text.slice(0, at)} ${text.slice(at + target.length)}`;
}

/**
 * The only folder that the image gets the files of a jar's stage in; undefined if the Dockerfile does
 * not show it.
 */
function folderFromStage(
  { instruction }: AddedJar,
  stages: readonly Stage[],
  all: readonly Stage[],
): string | undefined {
  const stage = all.find(({ instructions }) => instructions.includes(instruction));
  if (stage?.name === undefined) return undefined;
  const uses = all.flatMap(({ instructions }) => instructions)
    .filter((each) => copiedFrom({ instructions: [each] }).includes(stage.name!));
  const isUsedElsewhere =
    uses.some((each) =>
      each.name !== "COPY" || !stages.some(({ instructions }) => instructions.includes(each))
    ) || all.some(({ image }) => image === stage.name);
  const folders = new Set(
    uses.map((each) => pathFrom(workFolderAt(each, stages), wordsOfCopy(each.text).at(-1) ?? "")),
  );
  const [only] = folders;
  const isAbove = only !== undefined &&
    "/opt/spark/jars/".startsWith(only === "/" ? "/" : `${only}/`);
  return isUsedElsewhere || isAbove || folders.size !== 1 || only?.endsWith(".jar")
    ? undefined
    : only;
}

/** The folder that an instruction adds a jar to; undefined if the Dockerfile does not show it. */
export function folderOf(
  { file, instruction }: Pick<AddedJar, "file" | "instruction">,
  stages: readonly Stage[],
): string | undefined {
  const { name, text } = instruction;
  const folder = workFolderAt(instruction, stages);
  if (name === "RUN") return targetOfCommand(text, file, folder);
  if (text.includes("<<")) return undefined;
  const target = wordsOfCopy(text).at(-1) ?? "";
  const path = pathFrom(folder, target);
  return target.endsWith(".jar") ? path?.replace(/\/[^/]*$/, "") : path;
}

/**
 * The folder in which an instruction runs; undefined if it is not known.
 *
 * @param stages the stages of the image, each after the stage below it
 */
function workFolderAt(instruction: Instruction, stages: readonly Stage[]): string | undefined {
  let folder = firstFolder(stages[0]?.image ?? "");
  for (const each of stages.flatMap(({ instructions }) => instructions)) {
    if (each === instruction) return folder;
    if (each.name === "WORKDIR") folder = pathFrom(folder, each.text);
  }
  return undefined;
}

/** Base images whose folder is `/`. */
const AT_ROOT = /^(python|eclipse-temurin|openjdk|debian|ubuntu|alpine)$/;

function firstFolder(image: string): string | undefined {
  const reference = parseImage(image);
  if (isPlainSpark(reference)) return "/opt/spark/work-dir";
  return AT_ROOT.test(reference.repository.replace(/^.*\//, "")) ? "/" : undefined;
}

/** Returns whether a text names a folder, or all files of a folder above it. */
function isMentioned(folder: string, text: string): boolean {
  const parts = folder.split("/").filter((part) => part !== "");
  return parts.some((_, i) => {
    const path = `/${parts.slice(0, i + 1).join("/")}`.replaceAll(/[.+$(){}]/g, "\\$&");
    const end = i === parts.length - 1 ? "(?![\\w.-])" : "/?[.*]?(?=[\\s\"';&|]|$)";
    return new RegExp(`(?<![\\w.-])${path}${end}`, "m").test(text);
  });
}

/** Reports files that Docker downloads for root alone, if the image runs as another user. */
export function unreadableFindings(code: Code, stages: readonly Stage[]): Finding[] {
  const instructions = stages.flatMap((stage) => stage.instructions);
  const user = instructions.findLast(({ name }) => name === "USER")?.text.split(":")[0];
  if (user === "root" || user === "0" || user?.includes("$")) return [];
  const isChangedAfter = (i: number) =>
    instructions.slice(i + 1).some(({ name, text }) =>
      name === "RUN" && /\b(chmod|chown|install)\b/.test(text)
    );
  const closed = instructions.flatMap(({ name, text, offset }, i): Finding[] => {
    const [, mode = ""] = /--chmod=0?([0-7]{3})\b/.exec(text) ?? [];
    const isForRoot = mode !== "" && !(Number(mode[1]) & 4) && !(Number(mode[2]) & 4);
    const isCopy = name === "COPY" || name === "ADD";
    if (!isCopy || !isForRoot || /--chown=/.test(text) || isChangedAfter(i)) return [];
    return [{
      severity: user === undefined ? "warn" : "fail",
      ...placeIn(code, offset),
      problem: `only root can read the files of ${name} --chmod=${mode}, but the image runs as ${
        user === undefined ? "the user of its base" : `user ${user}`
      }`,
      why: "Spark cannot read the files, and fails with AccessDeniedException",
      fix: "Let others read the files: --chmod=644",
    }];
  });
  const downloaded = instructions.filter(({ name, text }, i) =>
    name === "ADD" && /https?:\/\/\S+\.(jar|py)\b/.test(text) && !/--ch(mod|own)=/.test(text) &&
    !isChangedAfter(i)
  ).map(({ text, offset }): Finding => ({
    severity: user === undefined ? "warn" : "fail",
    ...placeIn(code, offset),
    problem:
      `only root can read the file of ADD ${
        /https?:\/\/\S+/.exec(text)![0].replace(/^.*\//, "")
      }, ` +
      `but the image runs as ${user === undefined ? "the user of its base" : `user ${user}`}`,
    why: "Docker gives a file from a URL the mode 600, and Spark fails with AccessDeniedException",
    fix: "Set the mode: ADD --chmod=644 …",
  }));
  return [...closed, ...downloaded];
}
