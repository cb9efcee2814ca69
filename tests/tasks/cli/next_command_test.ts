import { type Command } from "../../../tasks/cli/command.ts";
import { repeatFlags, withFlags } from "../../../tasks/cli/next_command.ts";
import { COMMANDS } from "../../../tasks/commands.ts";
import { assertEquals } from "../../support/assert.ts";

const GIVEN = ["project", "manifests", "kubeconfig", "context", "namespace"];
const ARGS = GIVEN.flatMap((flag) => [`--${flag}`, `my ${flag}`]);

for (const { name } of COMMANDS) {
  Deno.test(`repeatFlags: repeats the flags that ${name} takes`, async () => {
    const { command }: { command: Command } = await import(`../../../tasks/${name}.ts`);
    const flags = (text: string) =>
      [...text.matchAll(/ --([\w-]+) 'my \1'/g)].map(([, flag]) => flag!);
    const engines = command.values.includes("engine") && name !== "schedule";
    // A login through the cluster is a choice of its own, which is not repeated.
    const logins = ["amend", "clean", "postflight", "show", "status"];
    const needsCluster = !engines && !logins.includes(name);
    const expected = GIVEN.filter((flag) =>
      command.values.includes(flag) && (needsCluster || flag === "project")
    );
    const text = `deno task ${name} --other`;
    assertEquals(flags(repeatFlags(text, ARGS)).toSorted(), expected.toSorted());
    if (!engines) return;
    assertEquals(
      flags(repeatFlags(`${text} --engine spark`, ARGS)).toSorted(),
      GIVEN.toSorted(),
      "with the engine spark",
    );
  });
}

const CASES: readonly (readonly [title: string, args: string[], text: string, expected: string])[] =
  [
    ["changes nothing without flags", [], "deno task run", "deno task run"],
    [
      "quotes a value for a shell",
      ["run", "--project=it's $HOME.json"],
      "Run: deno task clean --date 2025-12-28",
      "Run: deno task clean --project 'it'\\''s $HOME.json' --date 2025-12-28",
    ],
    [
      "writes a path that begins with a hyphen as a path",
      ["--project=-a.json"],
      "deno task status",
      "deno task status --project ./-a.json",
    ],
    [
      "repeats no flag that the command has",
      ["--project", "a.json", "--context", "kind"],
      "deno task apply --project b.json && deno task apply",
      "deno task apply --context kind --project b.json && deno task apply --project a.json --context kind",
    ],
    [
      "repeats the flags for each command and each line",
      ["--project", "a.json"],
      "Then run: deno task amend DAY\nAfter that: deno task postflight",
      "Then run: deno task amend --project a.json DAY\nAfter that: deno task postflight --project a.json",
    ],
    [
      "repeats a login through a cluster where a command can log in",
      ["--credentials=cluster", "--port-forward", "--context", "kind", "--project", "a.json"],
      "deno task status --to 2025-12-28 or deno task amend 2025-12-28 or deno task preflight",
      "deno task status --project a.json --context kind --credentials cluster --port-forward " +
      "--to 2025-12-28 or deno task amend --project a.json --context kind --credentials cluster " +
      "--port-forward 2025-12-28 or deno task preflight --project a.json --context kind " +
      "--credentials cluster --port-forward",
    ],
    [
      "repeats no login with the environment",
      ["--credentials", "environment", "--context", "kind"],
      "deno task status && deno task postflight",
      "deno task status && deno task postflight",
    ],
    [
      "repeats no flag of a login that the command has",
      ["--port-forward", "--credentials", "cluster"],
      "deno task postflight --credentials environment",
      "deno task postflight --port-forward --credentials environment",
    ],
    [
      "prints a run that logs in like the command, with the Jobs of the cluster",
      ["--credentials", "cluster", "--port-forward", "--context", "kind", "--project", "a.json"],
      "deno task run --date 2025-12-28 or deno task silver --engine local 2025-12-28",
      "deno task run --project a.json --context kind --engine spark --port-forward " +
      "--date 2025-12-28 or deno task silver --project a.json --engine local 2025-12-28",
    ],
    [
      "prints commands that log in like a run with the engine spark",
      ["run", "--engine=spark", "--port-forward"],
      "deno task bronze 2025-12-28 && deno task postflight 2025-12-28",
      "deno task bronze --engine spark --port-forward 2025-12-28 && " +
      "deno task postflight --credentials cluster --port-forward 2025-12-28",
    ],
    [
      "repeats the login with the environment for the engine spark",
      ["run", "--engine", "spark", "--credentials", "environment"],
      "deno task run --engine spark 2025-12-28",
      "deno task run --credentials environment --engine spark 2025-12-28",
    ],
    [
      "does not repeat the standard input",
      ["--manifests", "-"],
      "deno task preflight",
      "deno task preflight",
    ],
    ["takes no argument for a flag", ["--", "--project", "a"], "deno task run", "deno task run"],
    ["knows names as whole words", ["--project", "a"], "deno task runs", "deno task runs"],
  ];

for (const [title, args, text, expected] of CASES) {
  Deno.test(`repeatFlags: ${title}`, () => {
    assertEquals(repeatFlags(text, args), expected);
    assertEquals(repeatFlags(expected, args), expected, "a second time");
  });
}

Deno.test("withFlags: adds the flags to every text of a result with a command", () => {
  const texts = { problem: "deno task run", why: "deno task clean", fix: "deno task apply" };
  const result = {
    id: "a",
    title: "deno task run",
    verdict: "fail",
    reason: "deno task amend",
    findings: [{ severity: "fail", object: "deno task run", ...texts }],
  } as const;
  const end = " --project a.json";
  assertEquals(withFlags(result, ["--project", "a.json"]), {
    ...result,
    reason: `deno task amend${end}`,
    findings: [{
      severity: "fail",
      object: "deno task run",
      problem: `deno task run${end}`,
      why: `deno task clean${end}`,
      fix: `deno task apply${end}`,
    }],
  });
});
