import type { Finding } from "../../finding.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import type { SparkJob } from "../../spark/spark_job.ts";

/** A URL of a database whose user or password refers to variables. */
const URL_LOGIN = /^(?:jdbc:)?[a-z][\w+.-]*:\/\/([^\s]*)@/i;

/** A list of parameters of libpq. */
const PARAMETERS = /(?:^|\s)(?:host|dbname|user|password)=/;

/**
 * Characters that end or split the user and the password of a URL. A value with `%40` and the like
 * is encoded for a URL.
 */
const RESERVED = /[/?#@[\]\s\\]|%(?![0-9A-Fa-f]{2})/;

/** Characters that end a value in a list of parameters. */
const ENDING = /[\s'\\]/;

/**
 * Finds variables that put a value with reserved characters into a URL or a list of parameters with
 * `$(NAME)`, which Kubernetes does not encode. The findings never contain the value.
 */
export function composedUrls({ containers, environment, workload }: SparkJob): Finding[] {
  return containers.flatMap(({ env }) =>
    env.flatMap(({ name, value = "", path }): Finding[] => {
      const login = URL_LOGIN.exec(value)?.[1];
      const text = login ?? (PARAMETERS.test(value) ? value : "");
      const pattern = login === undefined ? ENDING : RESERVED;
      const used = [...text.matchAll(/(?<!\$)\$\((\w+)\)/g)].map(([, each]) => each!);
      const wrong = [...new Set(used)].filter((each) =>
        pattern.test(environment.value(each) ?? "") && each !== name
      );
      const [first] = wrong;
      if (first === undefined) return [];
      const kind = login === undefined ? "a list of parameters" : "a URL";
      return [{
        severity: "fail",
        ...placeOf(workload.object, `${path}.value`),
        problem: `${name} puts ${wrong.join(" and ")} into ${kind}, and the value has characters ` +
          `with a meaning there`,
        why: "Kubernetes inserts the value as it is, so the client reads another host, user or " +
          "password, and the login fails",
        fix: login === undefined
          ? `Pass ${first} as a variable of its own, such as PGPASSWORD.`
          : `Store ${first} encoded for a URL in a key of its own, or pass it as a variable of its own.`,
      }];
    })
  );
}
