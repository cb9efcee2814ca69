import { parseImage } from "../../image/reference.ts";
import type { Code } from "../../source_code/code.ts";
import { copiedFrom, instructionsOf, stagesOf } from "../../source_code/dockerfile.ts";
import { finalStages, withoutHarmless } from "./jar_places.ts";
import { isPlainSpark } from "./plain_images.ts";

// Whether the image of a Dockerfile may have a file.

/** Base images whose other folders are empty. */
const BARE = /^(python|eclipse-temurin|openjdk|debian|ubuntu|alpine)$/;

/** Returns whether an image of a Dockerfile may have a file. False only if this is certain. */
export function mayHave(dockerfile: Code, path: string, code: readonly Code[]): boolean {
  const stages = finalStages(stagesOf(instructionsOf(dockerfile)));
  const base = parseImage(stages[0]?.image ?? "");
  const isSpark = isPlainSpark(base);
  if (!isSpark && !BARE.test(base.repository.replace(/^.*\//, ""))) return true;
  let folder = isSpark ? "/opt/spark/work-dir" : "/";
  const files = new Set(
    code.flatMap(({ file, object }) => object === undefined ? file ?? [] : []),
  );
  const contexts = contextsOf(dockerfile.file ?? "");
  for (const { name, text } of stages.flatMap(({ instructions }) => instructions)) {
    if (name === "WORKDIR") folder = absolute(text, folder);
    else if (name === "RUN") {
      if (mayWrite(text, path, folder)) return true;
    } else if (name === "COPY" || name === "ADD") {
      if (mayCopy({ text, folder, files, contexts }, path)) return true;
    }
  }
  return false;
}

/** The folders that a build can read: that of the Dockerfile, and those above it. */
function contextsOf(dockerfile: string): string[] {
  const folders = dockerfile.split("/").slice(0, -1);
  return [...folders.map((_, i) => `${folders.slice(0, i + 1).join("/")}/`), ""];
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
 * Returns whether a command can write a file: it names the file or a folder above it, or starts a
 * program that can write any file.
 */
function mayWrite(instruction: string, path: string, folder: string): boolean {
  const command = instruction.replace(/^(--\S+\s+)+/, "");
  if (instruction.includes("$") || HIDDEN.test(command)) return true;
  const parts = command.split(/&&|[;&|()]/).map((each) => each.trim().replace(/^(\w+=\S*\s+)+/, ""))
    .filter((each) => each !== "");
  if (!parts.every((each) => KNOWN.test(each))) return true;
  const text = withoutHarmless(instruction);
  const names = path.split("/").slice(1);
  const above = names.slice(0, -1).map((_, i) => `/${names.slice(0, i + 1).join("/")}`);
  const isNamed = [...above, names.at(-1)!].some((each) =>
    new RegExp(`(?<![\\w.-])${each.replaceAll(/[.+]/g, "\\$&")}(?![\\w.-])`).test(text)
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

/** Returns whether COPY or ADD can add a file. */
function mayCopy(
  { text, folder, files, contexts }: {
    readonly text: string;
    readonly folder: string;
    readonly files: ReadonlySet<string>;
    readonly contexts: readonly string[];
  },
  path: string,
): boolean {
  if (/\$|<<|--parents\b/.test(text)) return true;
  const rest = text.replace(/^(--\S+\s+)+/, "");
  const words = jsonWords(rest) ?? rest.split(" ");
  const sources = words.slice(0, -1);
  const target = absolute(words.at(-1) ?? "", folder);
  if (target.includes("$") || target === path) return true;
  const start = target === "/" ? "/" : `${target}/`;
  if (!path.startsWith(start)) return false;
  const below = path.slice(start.length);
  const isCopied =
    copiedFrom({ instructions: [{ name: "COPY", text, offset: 0, end: 0 }] }).length > 0;
  return sources.some((source) => {
    const name = source.replace(/\/+$/, "").replace(/^.*\//, "");
    if (/[*?[]|:\/\/.*\?|\.(tar|tgz|gz|bz2|xz|zst|zip)$/.test(source)) return true;
    if (/\.(py|jar|egg|whl|R|sh|sql|ya?ml|json|txt|toml|conf|properties|xml)$/.test(name)) {
      // A single file can be copied to a name, which is no folder then.
      return name === below;
    }
    return isCopied || !isKnownWithout(source, below, { files, contexts });
  });
}

/** The words of the JSON form of COPY; undefined for the form of a shell, as with `[a-z]*.py`. */
function jsonWords(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) ? words.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns whether the Python files of a folder are known, and a file is not among them. */
function isKnownWithout(
  source: string,
  rest: string,
  { files, contexts }: {
    readonly files: ReadonlySet<string>;
    readonly contexts: readonly string[];
  },
): boolean {
  if (!rest.endsWith(".py")) return false;
  const folder = source.replace(/^\.?\/+/, "").replace(/\/*\.?$/, "");
  if (folder === "") return false;
  const isKnown = contexts.some((context) =>
    [...files].some((file) => file.startsWith(`${context}${folder}/`) && file.endsWith(".py"))
  );
  return isKnown && !contexts.some((context) => files.has(`${context}${folder}/${rest}`));
}
