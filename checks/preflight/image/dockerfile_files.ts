import type { BuildFiles } from "../../facts/build_files.ts";
import { parseImage } from "../../image/reference.ts";
import type { Code } from "../../source_code/code.ts";
import { targetOfCommand } from "../../source_code/command_targets.ts";
import {
  copiedFrom,
  finalStages,
  type Instruction,
  instructionsOf,
  type Stage,
  stagesOf,
  wordsOfCopy,
} from "../../source_code/dockerfile.ts";
import { howCopied } from "./build_context.ts";
import { withoutHarmless } from "./jar_places.ts";
import { isPlainSpark } from "../../image/plain_images.ts";

// Whether the image of a Dockerfile has a file.

/**
 * Whether an image has a file:
 *
 * - `there`: an instruction adds it
 * - `unclear`: an instruction copies a folder or uses an image whose files are not known, or only a
 *   command can add it that does not name it, although files are copied to its place
 * - `possible`: only a command can add it that does not name it
 * - `absent`: no instruction can add it
 */
export interface Presence {
  /** The answer. */
  readonly is: "there" | "unclear" | "possible" | "absent";
  /** The instruction that can add the file, if that is unclear. */
  readonly by?: string;
  /** Why the files that an instruction copies to its place do not include the file. */
  readonly lacking?: "left out" | "missing";
}

const ORDER: readonly Presence["is"][] = ["there", "unclear", "possible", "absent"];

const THERE: Presence = { is: "there" };
const ABSENT: Presence = { is: "absent" };

/** Base images whose other folders are empty. */
const BARE = /^(python|eclipse-temurin|openjdk|debian|ubuntu|alpine)$/;

/**
 * Returns whether the image of a Dockerfile has a file.
 *
 * @param files the files that can be in the context of the build
 */
export function presenceOf(
  dockerfile: Code,
  path: string,
  files: BuildFiles,
): Presence {
  const stages = stagesOf(instructionsOf(dockerfile));
  return presenceIn(finalStages(stages), path, {
    stages,
    files,
    dockerfile: dockerfile.file ?? "",
  });
}

/** What the instructions of a Dockerfile refer to. */
interface Build {
  readonly stages: readonly Stage[];
  readonly files: BuildFiles;
  readonly dockerfile: string;
}

/** @param chain a stage, after the stages below it */
function presenceIn(chain: readonly Stage[], path: string, build: Build): Presence {
  const [first] = chain;
  const base = parseImage(first?.image ?? "");
  const isSpark = isPlainSpark(base);
  let folder = isSpark ? "/opt/spark/work-dir" : "/";
  const found: Presence[] = [];
  for (const each of chain.flatMap(({ instructions }) => instructions)) {
    const { name } = each;
    // All images of plain Spark have this home.
    const text = isSpark ? each.text.replaceAll(/\$\{?SPARK_HOME\b\}?/g, "/opt/spark") : each.text;
    const instruction = { ...each, text };
    if (name === "WORKDIR") folder = absolute(text, folder);
    else if (name === "RUN") found.push(ofCommand(text, path, folder));
    else if (name === "COPY" || name === "ADD") {
      found.push(ofCopy(instruction, { path, folder, build }));
    }
  }
  const isKnown = isSpark || BARE.test(base.repository.replace(/^.*\//, ""));
  if (!isKnown) found.push({ is: "unclear", by: `FROM ${first?.from.text ?? ""}` });
  return strongest(found);
}

/** The presence of a file that several instructions can add. */
export function strongest(all: readonly Presence[]): Presence {
  const best = ORDER.flatMap((each) => all.find(({ is }) => is === each) ?? []).at(0) ?? ABSENT;
  const { lacking } = all.find((each) => each.lacking !== undefined) ?? {};
  if (lacking === undefined || best.is === "there" || best.is === "unclear") return best;
  return { ...best, is: best.is === "possible" ? "unclear" : "absent", lacking };
}

function absolute(path: string, folder: string): string {
  const plain = path.replace(/^["']|["']$/g, "").replace(/\/\.?$/, "");
  const whole = plain.startsWith("/") ? plain : `${folder}/${plain}`;
  return whole.replace(/\/\.\//g, "/").replace(/\/\.$/, "").replace(/\/{2,}/g, "/") || "/";
}

/** Programs that write only files that a command names, or their own files. */
const KNOWN =
  /^(?:(?:\/usr)?\/s?bin\/)?(?:apt-get|apt|apk|yum|dnf|microdnf|rm|rmdir|chmod|chown|chgrp|ls|mkdir|find|touch|echo|printf|cat|cp|mv|ln|install|tar|unzip|curl|wget|git|sed|grep|test|\[|true|cd|set|export|exit|groupadd|useradd|usermod|addgroup|adduser|update-ca-certificates|ldconfig|sha(?:256|512)sum|(?:python[\d.]*\s+-m\s+)?pip[\d.]*\s+install)(?=\s|$)/;

/** What makes a known program run another one, or write files that the command does not name. */
const HIDDEN =
  /\s-(exec|ok)|\.(deb|rpm|apk)\b|<<|`|\bpip[\d.]*\s.*\s(-t|-e|--target|--editable|--prefix|--root|--src)\b/;

/** Programs that write into the current folder. */
const INTO_FOLDER = /\b(git|curl|wget|tar|unzip|cp|mv|ln|install)\b/;

/**
 * Returns whether a command adds a file. That is possible if it names a folder above the file, or
 * starts a program that can write any file.
 */
function ofCommand(instruction: string, path: string, folder: string): Presence {
  const names = (text: string) =>
    new RegExp(`(?<![\\w.-])${text.replaceAll(/[.+]/g, "\\$&")}(?![\\w.-])`)
      .test(withoutHarmless(instruction));
  if (names(path)) return THERE;
  const at = path.lastIndexOf("/");
  const file = path.slice(at + 1);
  if (names(file)) {
    const target = targetOfCommand(instruction, file, folder.includes("$") ? undefined : folder);
    if (target === undefined || target === (path.slice(0, at) || "/")) return THERE;
  }
  return mayWrite(instruction, path, folder)
    ? { is: "possible", by: `RUN ${instruction}` }
    : ABSENT;
}

/** Returns whether a command can write a file that it does not name. */
function mayWrite(instruction: string, path: string, folder: string): boolean {
  const command = instruction.replace(/^(--\S+\s+)+/, "");
  if (instruction.includes("$") || HIDDEN.test(command)) return true;
  const parts = command.split(/&&|[;&|()]/).map((each) => each.trim().replace(/^(\w+=\S*\s+)+/, ""))
    .filter((each) => each !== "");
  if (!parts.every((each) => KNOWN.test(each))) return true;
  const text = withoutHarmless(instruction);
  const names = path.split("/").slice(1);
  const above = names.slice(0, -1).map((_, i) => `/${names.slice(0, i + 1).join("/")}`);
  const isNamed = above.some((each) =>
    new RegExp(`(?<![\\w.-])${each.replaceAll(/[.+]/g, "\\$&")}(?![\\w.-]|/[\\w.-])`).test(text)
  );
  if (isNamed || /\s\/(\s|$)/.test(text)) return true;
  // Commands without a path write into the current folder.
  const isInside = folder.includes("$") || above.includes(folder);
  const ownWords = parts.filter((each) => !/pip[\d.]*\s+install/.test(each)).join("\n")
    .replace(/^(\S*\/)?(apt-get|apt|apk|yum|dnf|microdnf)\s.*$/gm, "");
  return folder === "/"
    ? /\b(git|tar|unzip)\b/.test(ownWords)
    : isInside && INTO_FOLDER.test(ownWords);
}

/** Returns whether COPY or ADD adds a file. */
function ofCopy(
  { name, text }: Instruction,
  { path, folder, build }: {
    readonly path: string;
    readonly folder: string;
    readonly build: Build;
  },
): Presence {
  const unclear: Presence = { is: "unclear", by: `${name} ${text}` };
  const words = wordsOfCopy(text);
  if (words.some((word) => word.includes("$")) || /--(parents|unpack)\b/.test(text)) return unclear;
  const target = absolute(words.at(-1) ?? "", folder);
  if (target === path) return THERE;
  if (target.includes("$")) return unclear;
  const start = target === "/" ? "/" : `${target}/`;
  if (!path.startsWith(start)) return ABSENT;
  const below = path.slice(start.length);
  const [stage] = copiedFrom({ instructions: [{ name, text, offset: 0, end: 0 }] });
  return strongest(
    words.slice(0, -1).map((source): Presence => {
      if (/:\/\/.*\?/.test(source) || isArchive(name, source)) return unclear;
      if (stage !== undefined) {
        if (source.slice(source.lastIndexOf("/") + 1) === below) return THERE;
        const ofOther = ofStage(stage, source, { below, build });
        return ofOther?.is === "there" || ofOther?.is === "absent" ? ofOther : unclear;
      }
      const how = howCopied(source, below, build);
      if (how === "there") return THERE;
      if (how === "unknown") return unclear;
      return how === "other" ? ABSENT : { is: "absent", lacking: how };
    }),
  );
}

/** Returns whether ADD unpacks a file, whose content is not known. It unpacks no download. */
function isArchive(name: string, source: string): boolean {
  return name === "ADD" && !source.includes("://") && /\.(tar|tgz|gz|bz2|xz|zst)$/.test(source);
}

/**
 * Returns whether a file is among the files that an instruction copies from a stage.
 *
 * @returns undefined if the stage is another image
 */
function ofStage(
  name: string,
  source: string,
  { below, build }: { readonly below: string; readonly build: Build },
): Presence | undefined {
  const { stages } = build;
  const stage = stages.find((each, i) => each.name === name || String(i) === name);
  if (stage === undefined) return undefined;
  const from = absolute(source, "/");
  const chain = finalStages(stages.slice(0, stages.indexOf(stage) + 1));
  return /[*?[]/.test(from) ? undefined : presenceIn(chain, absolute(below, from), build);
}
