/** A piece of a value that only a shell would understand. */
export interface ShellSyntax {
  /** What kind of piece. */
  readonly what: string;
  /** The piece. */
  readonly written: string;
  /** More about it; empty or beginning with a comma. */
  readonly detail: string;
}

/** The variables that a value may refer to. */
export interface Known {
  /** Those that are declared before. */
  readonly declared: ReadonlySet<string>;
  /** Those that are declared at all. */
  readonly later: readonly string[];
  /** Whether there can be more. */
  readonly open: boolean;
}

/**
 * Finds the first piece of shell syntax in a value of an environment. As Kubernetes has it, `$(NAME)`
 * of a variable that is declared before is none, and `$$` stands for one `$`.
 *
 * @param known the variables that `$(NAME)` may name; without it nothing is expanded
 */
export function shellIn(value: string, known?: Known): ShellSyntax | undefined {
  const pieces = /\$\$|\$\(([^)]{0,500})\)|\$\{[^}]{0,500}\}|\$[A-Za-z_]\w*|`[^`]{0,500}`/g;
  for (const { 0: written, 1: name } of value.matchAll(pieces)) {
    if (written === "$$") continue;
    if (name === undefined) {
      const what = written.startsWith("`") ? "a command of a shell," : "a variable of a shell,";
      return { what, written, detail: "" };
    }
    if (known !== undefined && isVariable(name)) {
      if (known.declared.has(name) || known.open || isOfService(name)) continue;
      const detail = known.later.includes(name)
        ? ", and that variable is declared only later"
        : ", and no such variable is declared";
      return { what: "the reference", written, detail };
    }
    return { what: "a command of a shell,", written, detail: "" };
  }
  return undefined;
}

function isVariable(name: string): boolean {
  return /^[A-Za-z_.-][\w.-]*$/.test(name) && name !== "date";
}

/** Kubernetes declares these for the services of the namespace, before all others. */
function isOfService(name: string): boolean {
  return /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)$/.test(name);
}
