import type { Finding } from "../../finding.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import { fieldsIn } from "../../kubernetes/fields.ts";
import type { Container, Workload } from "../../kubernetes/workloads.ts";
import type { SparkJob } from "../../spark/spark_job.ts";

/** A syntax that has places for a user or a password. */
interface Syntax {
  /** The text with these places, as the first group. */
  readonly form: RegExp;
  /** The characters that have a meaning there. `%40` and the like is encoded for a URL. */
  readonly reserved: RegExp;
  /** The syntax for people. */
  readonly name: string;
}

const URL_LOGIN: Syntax = {
  form: /(?:^|=)(?:jdbc:)?[a-z][\w+.-]*:\/\/([^\s?]*)@/i,
  reserved: /[/?#@[\]\s\\]|%(?![0-9A-Fa-f]{2})/,
  name: "a URL",
};

/** The parameters of a URL, as in `jdbc:postgresql://db/events?user=a&password=b`. */
const URL_PARAMETERS: Syntax = {
  form: /(?:^|=)(?:jdbc:)?[a-z][\w+.-]*:\/\/[^\s?]*\?(\S*)$/i,
  reserved: /[&#+\s]|%(?![0-9A-Fa-f]{2})/,
  name: "the parameters of a URL",
};

/** The parameters of libpq. */
const PARAMETERS: Syntax = {
  form: /^((?:.*\s)?(?:host|dbname|user|password)=[^]*)$/,
  reserved: /[\s'\\]/,
  name: "a list of parameters",
};

const SYNTAXES = [URL_LOGIN, URL_PARAMETERS, PARAMETERS];

/**
 * Finds variables and arguments that put a value with reserved characters into a URL or a list of
 * parameters with `$(NAME)`, which Kubernetes does not encode. The findings never contain the value.
 */
export function composedUrls({ containers, environment, workload }: SparkJob): Finding[] {
  return containers.flatMap(textsOf).flatMap(({ name, text, path }): Finding[] => {
    for (const syntax of SYNTAXES) {
      const part = syntax.form.exec(text)?.[1] ?? "";
      const wrong = namesIn(part).filter((each) =>
        syntax.reserved.test(environment.value(each) ?? "") && each !== name
      );
      const [first] = wrong;
      if (first === undefined) continue;
      return [{
        severity: "fail",
        ...placeOf(workload.object, path),
        problem: `${name ?? "the argument"} puts ${wrong.join(" and ")} into ${syntax.name}, and ` +
          "the value has characters with a meaning there",
        why: "Kubernetes inserts the value as it is, so the client reads another host, user or " +
          "password, and the login fails",
        fix: syntax === PARAMETERS
          ? `Pass ${first} as a variable of its own, such as PGPASSWORD.`
          : `Store the value encoded for a URL in a key of its own, such as ${first}_URL, and use that ` +
            `key here. Or pass ${first} as a variable of its own.`,
      }];
    }
    return [];
  });
}

/** The keys of Secrets that a workload puts into URLs, as `secret/key`: their values are encoded. */
export function keysInUrls({ containers }: Workload): string[] {
  return containers.flatMap((container) => {
    const used = textsOf(container).flatMap(({ text }) =>
      text.includes("://") ? namesIn(text) : []
    );
    return container.env.filter(({ name }) => used.includes(name)).map(({ valueFrom }) => {
      const { name, key } = fieldsIn(valueFrom?.secretKeyRef);
      return `${name}/${key}`;
    });
  });
}

/** The values of variables and the words of a container, in which Kubernetes replaces `$(NAME)`. */
function textsOf({ env, words }: Container) {
  return [
    ...env.map(({ name, value = "", path }) => ({ name, text: value, path: `${path}.value` })),
    ...words.map(({ text, path }) => ({ name: undefined, text, path })),
  ];
}

/** The variables that Kubernetes replaces in a text. */
function namesIn(text: string): string[] {
  return [...new Set([...text.matchAll(/(?<!\$)\$\((\w+)\)/g)].map(([, each]) => each!))];
}
