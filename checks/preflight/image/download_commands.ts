// Commands and calls that download files from public servers.

/** A download in a text. */
export interface Download {
  /** The place of the command, in characters from the beginning of the text. */
  readonly offset: number;
  /** The command without logins, as in `pip install requests`. */
  readonly what: string;
  /** False if the server can be in the cluster or in a private network. */
  readonly isPublic?: boolean;
}

/** Hosts of clusters and private networks. A name without a dot is a Service. */
const INTERNAL =
  /^(localhost|[^.]+)$|\.(svc|local|internal|cluster|lan)$|\.svc\.|^(10|127|169\.254|192\.168)\.|^172\.(1[6-9]|2\d|3[01])\./;

/** Returns whether a URL is on a public server. The host must be written out. */
export function isPublicUrl(url: string): boolean {
  const [, host = ""] = /^[a-z]+:\/\/(?:[^/@]*@)?([^/:?#]+)/i.exec(url) ?? [];
  return /^[\w.-]+$/.test(host) && !INTERNAL.test(host.toLowerCase());
}

/** Schemes of files that Spark fetches from a file system, as in `hdfs://namenode/x.jar`. */
const FILE_SYSTEMS = /^(gs|hdfs|webhdfs|swebhdfs|viewfs|abfss?|wasbs?|adl|oss|obs|cosn):/i;

/**
 * Where Spark fetches a file from: `internet`, or `network` if the server can be in the cluster, in a
 * private network or on the Internet. Undefined for files of the image and of the lake.
 */
export function originOf(file: string): "internet" | "network" | undefined {
  if (/^ivy:/i.test(file)) return "internet";
  if (/^(https?|ftp):/i.test(file)) return isPublicUrl(file) ? "internet" : "network";
  return FILE_SYSTEMS.test(file) ? "network" : undefined;
}

/** Removes the login and the query of a URL, which can be secret. */
export function withoutLogin(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//").replace(/[?#].*$/, "");
}

/** A text in quotes that a shell does not change. */
const LITERAL = /'[^']*'|"(?:[^"\\$`]|\\[^])*"/g;

/** A command that prints its words, unless a shell reads them. */
const ECHO =
  /(?<=^|[;&|\n({]|\b(?:then|do|else)\s)[ \t]*(?:echo|printf)\s(?:'[^']*'|"(?:[^"\\]|\\[^])*"|[^\n;&|"'])*(?!\s*\|\s*(?:sudo\s+)?\S*sh\b)/g;

/** The downloads in a shell script. */
export function downloadsInShell(text: string): Download[] {
  // Continued lines are one command. Comments are no commands.
  const plain = text.replace(/\\\r?\n/g, "  ")
    .replace(/(^|\s)#[^\n]*/g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(ECHO, (echo) => echo.replace(LITERAL, (text) => text.replace(/[^\n]/g, " ")));
  return [...plain.matchAll(/[^;&|\n]+/g)].flatMap(({ 0: command, index }) => {
    const isPiped = /^\|[^|]/.test(plain.slice(index + command.length));
    const found = downloadIn(command, isPiped);
    if (found === undefined) return [];
    // A match begins with the character before the command.
    const gap = command.slice(found.at).search(/\S/);
    return [{
      ...found.isPublic === false ? { isPublic: false } : {},
      what: found.what,
      offset: index + found.at + gap,
    }];
  });
}

/** The downloads of a PySpark program. */
export function downloadsInPython(text: string): Download[] {
  const plain = text.replace(/^\s*#[^\n]*/gm, (comment) => comment.replace(/[^\n]/g, " "));
  const calls = [
    ...plain.matchAll(
      /\.(addPyFile|addFile|addJar|addArtifacts?)\(\s*(?:\w+\s*=\s*)?(?:f?["']([a-z]+:[^"'\n]+)|(\w+)\s*[,)])/g,
    ),
  ].flatMap(({ 1: call, 2: written, 3: name, index }): Download[] => {
    const file = written ?? constantIn(plain, name!) ?? "";
    const origin = originOf(file);
    if (origin === undefined) return [];
    return [{
      offset: index,
      what: `${call} ${withoutLogin(file)}`,
      isPublic: origin === "internet",
    }];
  });
  const installs = [
    ...plain.matchAll(
      /["']pip3?["']\s*,\s*["']install["']|\bpip(?:\._internal)?\.main\(\s*\[\s*["']install["']|\bpip_?main\(\s*\[\s*["']install["']|^\s*[!%]pip3?\s+install\b/gm,
    ),
  ].map(({ index }) => ({ offset: index, what: "pip install" }));
  const commands = commandsIn(plain);
  const others = installs.filter(({ offset }) =>
    !commands.some((each) =>
      each.offset <= offset && !plain.slice(each.offset, offset).includes(")")
    )
  );
  return [
    ...calls,
    ...others,
    ...retrievals(plain),
    ...librariesIn(plain),
    ...commands,
    ...jarsIn(plain),
  ];
}

/** Calls that read a file from a URL. A call that only reports, as to a monitor, uses no content. */
function retrievals(text: string): Download[] {
  const call =
    /\b(urlretrieve|wget\.download|requests\.get|urlopen|read_(?:csv|json|parquet|excel))\(\s*["'](https?:[^"'\n]+)["']/g;
  const used = /^[^)\n]*\)\s*\.\s*(?:content|text|json|iter_content|read)\b/;
  return [...text.matchAll(call)].filter(({ 0: whole, 1: name, 2: url, index }) =>
    isPublicUrl(url!) &&
    (!/^(?:requests\.get|urlopen)$/.test(name!) || used.test(text.slice(index + whole.length)))
  )
    .map(({ 1: name, 2: url, index }) => (
      { offset: index, what: `${name} ${withoutLogin(url!)}` }
    ));
}

/** Calls of libraries that download packages, or make Spark download them. */
function librariesIn(text: string): Download[] {
  return [...text.matchAll(/\b(configure_spark_with_delta_pip|sparknlp\.start|nltk\.download)\(/g)]
    .map(({ 1: name, index }) => ({ offset: index, what: `${name}()` }));
}

/** Commands that Python gives to a shell, as a text or as a list of words. */
function commandsIn(text: string): Download[] {
  const call =
    /\b(?:os\.(?:system|popen)|subprocess\.\w+|(?:check_)?(?:call|output)|Popen|run|getoutput|sh)\(\s*(?:f?(["'])((?:(?!\1)[^\n\\]|\\[^])*)\1|\[([^\]]*)\])/g;
  return [...text.matchAll(call)].flatMap(({ 2: line, 3: list, index }) => {
    const words = line ??
      [...list!.matchAll(/["']([^"']*)["']/g)].map(([, word]) => word).join(" ");
    return downloadsInShell(words).map(({ what }) => ({ offset: index, what }));
  });
}

/** The statement ADD JAR of Spark SQL. */
function jarsIn(text: string): Download[] {
  return [...text.matchAll(/["']\s*ADD\s+(?:JARS?|FILES?|ARCHIVES?)\s+([a-z]+:[^"'\s]+)/gi)]
    .flatMap(({ 1: file, index }): Download[] => {
      const origin = originOf(file!);
      if (origin === undefined) return [];
      return [{
        offset: index,
        what: `ADD JAR ${withoutLogin(file!)}`,
        isPublic: origin === "internet",
      }];
    });
}

/** The text that Python code assigns to a name, if the code does so once. */
function constantIn(code: string, name: string): string | undefined {
  const found = [
    ...code.matchAll(new RegExp(`^[ \\t]*${name}[ \\t]*=[ \\t]*["']([^"'\\n]+)["']`, "gm")),
  ];
  return found.length === 1 ? found[0]![1] : undefined;
}

/** What is before a program: nothing, a space, a quote, or the folder of the program. */
const START = "(?:^|[\\s/\"'(`])";

/** Commands that run a package that they first download. */
const RUN_PACKAGE = new RegExp(
  `${START}(?:uvx|pnpx|bunx|npx\\s+(?:-y|--yes)|uv\\s+run\\s(?:.*\\s)?--with(?:-requirements)?)\\s`,
);

/** The options that keep a command from the network. */
const WITHOUT_NETWORK = /\s--(?:offline|local|no-index|dry-run)\b|\bmvn\S*\s(?:.*\s)?-o\b/;

/** What a command installs from repositories on the internet. */
const INSTALLERS: readonly (readonly [pattern: RegExp, what: string])[] = [
  ["apt-get|apt", "install|update|upgrade|full-upgrade|dist-upgrade", "apt-get"],
  ["apk", "add|update|upgrade", "apk add"],
  ["yum|dnf|microdnf|tdnf|zypper", "install|update|upgrade|in", "yum install"],
  ["conda|mamba|micromamba", "install|create|update|env\\s+(?:create|update)", "conda install"],
  ["npm", "install|i|ci", "npm install"],
  ["yarn|pnpm|bun", "install|i|add|dlx", "npm install"],
  ["poetry|pdm|pipenv|rye", "install|sync|add|update", "poetry install"],
  ["uv", "sync|add|tool\\s+(?:install|run)", "uv sync"],
  ["pipx", "install|run", "pipx install"],
  ["gem|bundle|cargo|go|composer|brew|sdk|asdf|cs|coursier", "install", "an installation"],
  ["cs|coursier", "fetch|launch", "an installation"],
  ["go", "get|mod\\s+download", "an installation"],
  ["(?:\\S*/)?(?:mvn|mvnw|gradle|gradlew|sbt)", "[^-\\s]\\S*", "a build"],
  ["Rscript", ".*\\binstall(?:\\.packages|_github)", "an installation"],
].map(([programs, verbs, what]) => [
  new RegExp(`${START}(?:${programs})\\s+(?:-\\S+\\s+)*(?:${verbs})(?=\\s|["'()]|$)`),
  what!,
]);

const PIP =
  /(?:^|[\s/"'])(?:pip3?|python[\d.]*\s+-m\s+pip|uv\s+pip)\s+(?:-\S+\s+)*(?:install|download)\s+(.*)$/;

/** A clone over SSH, as of `git@github.com:a/b`. */
const GIT_REMOTE = /(?:^|[\s/"'(`])(git\s+clone)\s(?:.*\s)?["']?(?:ssh:\/\/)?[\w.-]+@([\w.-]+)[:/]/;

/** @param isPiped whether another command reads what the command prints */
function downloadIn(
  command: string,
  isPiped: boolean,
): { readonly what: string; readonly at: number; readonly isPublic?: false } | undefined {
  if (/^\s*["']?(echo|printf|:)\s/.test(command)) return undefined;
  const pip = PIP.exec(command);
  if (pip !== null) {
    const packages = packagesIn(pip[1]!);
    if (packages === undefined) return undefined;
    return { what: ["pip install", ...packages.slice(0, 3)].join(" "), at: pip.index };
  }
  for (const [pattern, what] of [...INSTALLERS, [RUN_PACKAGE, "a package to run"] as const]) {
    const found = WITHOUT_NETWORK.test(command) ? null : pattern.exec(command);
    if (found !== null) return { what, at: found.index };
  }
  const pull = /(?:^|[\s/"'(`])git\s(?:.*\s)?(pull|fetch|submodule\s+update)(?=\s|$)/.exec(command);
  if (pull !== null) return { what: `git ${pull[1]}`, at: pull.index, isPublic: false };
  const remote = GIT_REMOTE.exec(command);
  if (remote !== null && isPublicUrl(`ssh://${remote[2]}`)) {
    return { what: `${remote[1]!.replace(/\s+/, " ")} from ${remote[2]}`, at: remote.index };
  }
  const get = /(?:^|[\s/"'(`])(curl|wget|git\s+clone)\s(.*)$/s.exec(command);
  if (get === null) return undefined;
  const [, program, rest = ""] = get;
  const isUpload = program === "curl" &&
    /\s(-X\s*(POST|PUT|DELETE|HEAD)|-d|--data\S*|-T|--upload-file|-F|--form|-I|--head)\b/.test(
      ` ${rest}`,
    );
  const url = /\b(?:https?|ftp):\/\/[^\s'"()<>]+/.exec(rest)?.[0];
  if (isUpload || url === undefined || !isPublicUrl(url)) return undefined;
  const isCaptured = isPiped || /(`|\$\()\s*\S*(curl|wget)\s/.test(command);
  if (!isCaptured && !isKept(program!, rest)) return undefined;
  return { what: `${program!.replace(/\s+/, " ")} ${withoutLogin(url)}`, at: get.index };
}

/**
 * Returns whether a command keeps what it receives. A command that only calls a URL, as a job does
 * to report that it has ended, downloads nothing.
 */
function isKept(program: string, rest: string): boolean {
  if (!/^(curl|wget)$/.test(program)) return true;
  const target =
    /(?:^|\s)(?:--output(?:-document)?[\s=]|-[a-zA-Z]*[oO][\s=]?|[12]?>>?)\s*["']?(\S+)/
      .exec(rest)?.[1];
  if (program === "wget") {
    return !/\s--spider\b/.test(` ${rest}`) && !/^(-|\/dev\/(null|stdout))/.test(target ?? "");
  }
  return /\s(-[a-zA-Z]*[OJ]|--remote-name(-all)?|--output-dir)\b/.test(` ${rest}`) ||
    target !== undefined && !/^(-|\/dev\/(null|stdout|stderr))/.test(target);
}

/** The packages that pip downloads; undefined if pip needs no server outside of the cluster. */
function packagesIn(args: string): string[] | undefined {
  const index = /(?:-i|--index-url)[\s=]+(\S+)/.exec(args)?.[1];
  if (/--no-index\b/.test(args) || index !== undefined && !isPublicUrl(index)) return undefined;
  const words = args.replace(/["')]/g, " ").trim().split(/\s+/);
  const isFile = (word: string) => /^[./]|\.whl$|^file:/.test(word);
  const named: string[] = [];
  let reads = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "-r" || word === "--requirement" || word.startsWith("--requirement=")) {
      reads = true;
      i++;
    } else if (
      /^(-t|--target|-i|--index-url|--extra-index-url|-c|--constraint|--root|--prefix|-f|--find-links|-e)$/
        .test(word)
    ) i++;
    else if (!word.startsWith("-") && !isFile(word) && word !== "") named.push(word);
  }
  if (named.length === 0 && !reads) return undefined;
  return named.filter((word) => /^[\w.-]+(\[[\w,-]+\])?([=<>~!]=?[\w.*]+)?$/.test(word));
}
