import { change, FILES, JOB } from "../../healthy/manifests.ts";

/** The Job with its command replaced by a shell script. */
export function scripted(script: string, more = "", shell = "sh, -c"): Record<string, string> {
  const text = FILES[JOB]!;
  const args = text.slice(text.indexOf("          command:"), text.indexOf("          env:\n"));
  const block = script.split("\n").map((line) => `              ${line}\n`).join("");
  return change(
    JOB,
    args,
    `          command: [${shell}]\n          args:\n            - |\n${block}`,
    {
      ...FILES,
      [JOB]: text.replace("          env:\n", `${more}          env:\n`),
    },
  );
}
