import { jsonWords } from "./dockerfile.ts";

// Where commands of a Dockerfile put files.

/** Joins a path with the folder of a command; undefined if one of them is not known. */
export function pathFrom(folder: string | undefined, path: string): string | undefined {
  const plain = path.replace(/^["']|["']$/g, "").replaceAll(/\$\{?SPARK_HOME\b\}?/g, "/opt/spark");
  if (/[$`*?]/.test(plain) || folder === undefined && !plain.startsWith("/")) return undefined;
  const parts: string[] = [];
  for (const part of (plain.startsWith("/") ? plain : `${folder}/${plain}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** The separate commands of RUN, without its options. A pipe joins commands. */
function commandsIn(run: string): string[] {
  const plain = run.replace(/^(--\S+\s+)+/, "");
  const words = jsonWords(plain);
  return words !== undefined ? [words.join(" ")] : plain.split(/&&|\|\||;/)
    .map((each) => each.trim().replace(/^(?:(?:sudo|do)\s+|[A-Za-z_]\w*=\S*\s+(?=\S))+/, ""))
    .filter((each) => each !== "");
}

/** What makes the place of a command's files unclear, as a subshell. */
const UNCLEAR = /[(){}`]|(?:^|\s)(?:while|until|xargs|pushd|popd|eval|source)(?=\s|$)/;

/** Writes each variable as in `$NAME`. */
function withoutBraces(text: string): string {
  return text.replaceAll(/\$\{(\w+)\}/g, "$$$1");
}

function namesFile(command: string, file: string): boolean {
  const pattern = file.replaceAll(/[.+*?^$(){}|[\]\\]/g, "\\$&");
  return new RegExp(`(?<![\\w.-])${pattern}(?![\\w.-])`).test(command);
}

/**
 * The folder that a command of RUN puts a file into that it names.
 *
 * @param run the text of the instruction
 * @param folder the folder in which the instruction runs; undefined if it is not known
 * @returns undefined if the command does not show the folder
 */
export function targetOfCommand(
  run: string,
  file: string,
  folder: string | undefined,
): string | undefined {
  const plain = withoutBraces(run);
  if (UNCLEAR.test(plain)) return undefined;
  let current = folder;
  let target: string | undefined;
  const wanted = withoutBraces(file);
  let loop: RegExp | undefined;
  for (const each of commandsIn(plain)) {
    const [, variable] = /^for\s+(\w+)\s+in\s/.exec(each) ?? [];
    if (variable !== undefined) {
      loop = namesFile(each, wanted) ? new RegExp(`\\$${variable}\\b`, "g") : undefined;
      continue;
    }
    const command = loop === undefined ? each : each.replace(loop, () => wanted);
    const words = command.split(/\s+/).map((word) => word.replace(/^(["'])(.*)\1$/, "$2"));
    const program = words[0]!.replace(/^.*\//, "");
    if (program === "cd") current = pathFrom(current, words[1] ?? "/root");
    else if (namesFile(command, wanted) && !READS.test(program)) {
      target = targetOf(program, words.slice(1), wanted, current);
    }
  }
  return target;
}

/** Programs that add no file, and can name one. */
const READS = /^(?:rm|chmod|chown|chgrp|ls|mkdir|test|\[|echo|printf|sha\d+sum|md5sum|unzip|stat)$/;

function targetOf(
  program: string,
  words: readonly string[],
  file: string,
  folder: string | undefined,
): string | undefined {
  if (/^(?:cp|mv|install|ln)$/.test(program)) {
    const option = valueOf(words, /^(?:-t|--target-directory)$/);
    const last = option ?? words.findLast((word) => !word.startsWith("-"));
    return last === undefined ? undefined : folderOfTarget(last, folder);
  }
  return /^(?:curl|wget)$/.test(program)
    ? targetOfDownload(program === "curl", words, file, folder)
    : undefined;
}

function targetOfDownload(
  isCurl: boolean,
  words: readonly string[],
  file: string,
  folder: string | undefined,
): string | undefined {
  // What a command prints goes to another command.
  if (words.includes("|")) return undefined;
  const output = isCurl ? /^(?:-[a-zA-Z]*o|--output)$/ : /^(?:-[a-zA-Z]*O|--output-document)$/;
  const named = [...valuesOf(words, output), ...valuesOf(words, /^1?>$/)];
  const own = named.find((each) => each.replace(/^.*\//, "") === file) ??
    (named.length === 1 ? named[0] : undefined);
  const into = valueOf(words, isCurl ? /^--output-dir$/ : /^(?:-[a-zA-Z]*P|--directory-prefix)$/);
  const start = into === undefined ? folder : pathFrom(folder, into);
  if (own !== undefined) return parentIn(pathFrom(isCurl ? start : folder, own));
  const isKept = !isCurl ||
    words.some((each) => /^(?:-[a-zA-Z]*[OJ][a-zA-Z]*|--remote-name(?:-all)?)$/.test(each));
  return named.length === 0 && isKept ? start : undefined;
}

function valueOf(words: readonly string[], option: RegExp): string | undefined {
  return valuesOf(words, option).at(-1);
}

/** The values of an option, also as in `--output=x`. */
function valuesOf(words: readonly string[], option: RegExp): string[] {
  return words.flatMap((word, i) => {
    const [, name, value] = /^(--[\w-]+)=(.+)$/.exec(word) ?? [];
    if (name !== undefined) return option.test(name) ? [value!] : [];
    return option.test(word) ? words[i + 1] ?? [] : [];
  });
}

/** The folder of a target of `cp`, which can be a file. */
function folderOfTarget(target: string, folder: string | undefined): string | undefined {
  const path = pathFrom(folder, target);
  return /\.(?:jar|py)$/.test(target) ? parentIn(path) : path;
}

function parentIn(path: string | undefined): string | undefined {
  return path === undefined ? undefined : path.replace(/\/[^/]*$/, "") || "/";
}

/**
 * A command of RUN without its downloads, and without the parts that name one of the files or change
 * or make a folder. The rest can use the folder of these files.
 */
export function restOfCommand(run: string, files: readonly string[]): string {
  return commandsIn(withoutBraces(run)).filter((command) =>
    !/^(?:\S*\/)?(?:cd|mkdir|curl|wget)\s/.test(command) &&
    !files.some((file) => namesFile(command, withoutBraces(file)))
  ).join("\n");
}
