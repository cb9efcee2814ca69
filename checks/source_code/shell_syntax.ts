/** A part of a value that only a shell interprets. */
export interface ShellSyntax {
  /** The kind, as in `a shell command,`. */
  readonly what: string;
  /** The source, as in `$(date)`. */
  readonly written: string;
  /** A detail that begins with a comma, or an empty text. */
  readonly detail: string;
}

/** The variables that a value may refer to. */
export interface Known {
  /** The variables that are declared before. */
  readonly declared: ReadonlySet<string>;
  /** All variables that are declared. */
  readonly later: readonly string[];
  /** True if other variables may be declared in objects that are not known. */
  readonly open: boolean;
}

const PIECES = /\$\$|\$\(([^)]{0,500})\)|\$\{([^}]{0,500})\}|\$([A-Za-z_]\w*)|`([^`]{0,500})`/g;

/**
 * Finds the first shell syntax in the value of a variable or in an argument. For Kubernetes, `$(NAME)`
 * of a variable that is declared before is a reference, and `$$` stands for one `$`.
 *
 * Hashes and passwords contain `$` and lower-case letters, as in `$apr1$x`. So `$name` is shell syntax
 * only in capitals, and not after a letter, a digit or another `$`.
 *
 * @param known the variables that `$(NAME)` may name; without them every `$(…)` is shell syntax
 */
export function shellIn(value: string, known?: Known): ShellSyntax | undefined {
  for (const { 0: written, 1: called, 2: braced, 3: bare, index } of value.matchAll(PIECES)) {
    if (written === "$$") continue;
    if (called !== undefined) {
      const found = syntaxOfCall(written, called, known);
      if (found !== undefined) return found;
    } else if (braced !== undefined) {
      // Java, Spark and Hadoop have forms such as ${env:HOME} and ${user.name}.
      if (isExpansion(braced)) return { what: "a shell variable,", written, detail: "" };
    } else if (bare !== undefined) {
      const isAlone = !/[\w$]/.test(value[index - 1] ?? "") &&
        value[index + written.length] !== "$";
      if (isAlone && /^[A-Z_][A-Z\d_]+$/.test(bare)) {
        return { what: "a shell variable,", written, detail: "" };
      }
    } else return { what: "a shell command,", written, detail: "" };
  }
  return undefined;
}

/**
 * Finds the first shell syntax in an argument that no shell sees. Arguments are also SQL, patterns and
 * settings, so a name in lower case is shell syntax only if it names a day.
 */
export function shellInArgument(text: string, known: Known): ShellSyntax | undefined {
  // As in `--date=$1` and `--date=$@`.
  const [, parameter] = /(?:^|=)(\$(?:\d|@|\{\d\}|\{@\}))$/.exec(text) ?? [];
  if (parameter !== undefined) {
    return { what: "an argument of a shell script,", written: parameter, detail: "" };
  }
  const found = shellIn(text, known);
  if (found === undefined || found.written.startsWith("$(")) return found;
  // SQL has the names of columns between backticks, also a column `date`.
  if (/^(?:--?[\w.-]+=)?\s*(?:SELECT|WITH|INSERT|CREATE|MERGE)\s/i.test(text)) {
    return found.written.startsWith("`") ? undefined : found;
  }
  if (found.written.startsWith("`")) return COMMAND.test(found.written) ? found : undefined;
  const name = /\w+/.exec(found.written)![0];
  const isShell = name === name.toUpperCase() || /[:%#-]/.test(found.written) ||
    /^(job_)?(date|day|today|ds)$/.test(name);
  return isShell ? found : undefined;
}

/** Commands that scripts write between backticks. SQL has the names of columns between them. */
const COMMAND =
  /^`\s*(\/\S+|date|cat|echo|hostname|whoami|pwd|ls|expr|uname|id|printf|basename|dirname|env|printenv|curl|kubectl)(\s|`)/;

function syntaxOfCall(written: string, name: string, known?: Known): ShellSyntax | undefined {
  if (known === undefined || !isVariable(name)) {
    return { what: "a shell command,", written, detail: "" };
  }
  if (known.declared.has(name) || known.open || isOfService(name)) return undefined;
  const detail = known.later.includes(name)
    ? ", but that variable is declared later"
    : ", but no such variable is declared";
  return { what: "the reference", written, detail };
}

/** Returns whether the text between braces is a variable, perhaps with an operator of a shell. */
function isExpansion(text: string): boolean {
  return /^[A-Za-z_]\w*(\[[^\]]*\])?$|^[A-Za-z_]\w*(:?[-=+?]|[#%^,/]|:\d)/.test(text);
}

function isVariable(name: string): boolean {
  return /^[A-Za-z_.-][\w.-]*$/.test(name) && name !== "date";
}

/**
 * Returns whether Kubernetes declares a variable for a Service, before the variables of the
 * container.
 */
function isOfService(name: string): boolean {
  return /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)$/.test(name);
}

/** A word of a command line. */
export interface Word {
  /** The text of the word. */
  readonly text: string;
}

/** The words that a program runs as code, by their positions. A shell passes on all other words. */
export interface CodeWords {
  /** The positions of shell scripts, as in `sh -c <script>`. */
  readonly shell: ReadonlySet<number>;
  /** The positions of code in other languages, as in `python3 -c <code>`. */
  readonly other: ReadonlySet<number>;
}

/** Finds the words of a container's command and args that are code. */
export function codeWordsOf(words: readonly Word[]): CodeWords {
  const shell = new Set<number>();
  const other = new Set<number>();
  words.forEach(({ text }, i) => {
    const program = text.slice(text.lastIndexOf("/") + 1);
    if (/^((ba|da|a|z|k)?sh)$/.test(program)) add(shell, afterOption(words, i + 1, /^-\w*c\w*$/));
    if (/^(su|runuser|script)$/.test(program)) {
      add(shell, afterOption(words, i + 1, /^(-c|--command)$/, true));
    }
    if (/^(python|perl|node|ruby|php|awk|sed|jq|psql|spark-sql|beeline)[\d.]*$/.test(program)) {
      add(other, afterOption(words, i + 1, /^(-c|-e|--eval|--execute)$/, true) ?? i + 1);
    }
  });
  // Without a command, the image may start a shell.
  if (/^-\w*c$/.test(words[0]?.text ?? "")) shell.add(1);
  return { shell, other };
}

/**
 * Returns whether a command line starts a shell that stops at unset variables, as with `bash -eu`;
 * undefined if it names no shell.
 */
export function startsNounset(words: readonly Word[]): boolean | undefined {
  const at = words.findIndex(({ text }) => /^(\S*\/)?(ba|da|a|z|k)?sh$/.test(text));
  if (at < 0) return undefined;
  const options = words.slice(at + 1).map(({ text }) => text);
  const end = options.findIndex((text, i) =>
    !/^[-+]/.test(text) && !/^[-+]\w*o$/.test(options[i - 1] ?? "")
  );
  return options.slice(0, end < 0 ? undefined : end).some((text) =>
    /^-[A-Za-z]*u/.test(text) || text === "nounset"
  );
}

function add(positions: Set<number>, position: number | undefined): void {
  if (position !== undefined) positions.add(position);
}

/** The position after the options of a program, if one of them takes code. */
function afterOption(
  words: readonly Word[],
  start: number,
  option: RegExp,
  anywhere = false,
): number | undefined {
  let takesCode = false;
  for (let i = start; i < words.length; i++) {
    const { text } = words[i]!;
    if (anywhere ? takesCode : !/^[-+]/.test(text)) return takesCode ? i : undefined;
    if (option.test(text)) takesCode = true;
    // As in `-o pipefail`.
    if (!anywhere && /^[-+]\w*o$/.test(text)) i++;
  }
  return undefined;
}
