import { parse } from "yaml";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { ROOT } from "../support/task.ts";

// The action, run as GitHub runs a composite action: each input as a variable, the script by bash
// with its flags, in a fresh clone of another repository.

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: {
    readonly steps: readonly {
      readonly id?: string;
      readonly run?: string;
      readonly env?: Readonly<Record<string, string>>;
      readonly uses?: string;
      readonly with?: Readonly<Record<string, string>>;
    }[];
  };
}

const ACTION: Action = parse(await Deno.readTextFile(new URL("action.yml", ROOT)));

interface Outcome {
  readonly code: number;
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** A folder with what a runner of GitHub has. */
async function runner() {
  const folder = await Deno.makeTempDir({ prefix: "deep-storage runner " });
  const temp = `${folder}/temp`;
  await Deno.mkdir(temp);
  return {
    folder,
    /** Runs the action in a fresh clone of a repository. */
    async use(
      repository: string,
      inputs: Readonly<Record<string, string>>,
      variables: Readonly<Record<string, string>> = {},
    ): Promise<Outcome> {
      const workspace = await Deno.makeTempDir({ dir: folder, prefix: "a workspace " });
      await git(["clone", "-q", repository, "."], workspace);
      const file = async (prefix: string) => await Deno.makeTempFile({ dir: folder, prefix });
      const [script, output, summary] = [
        await file("script"),
        await file("output"),
        await file("summary"),
      ];
      const { run, env } = ACTION.runs.steps.find((step) => step.run !== undefined)!;
      await Deno.writeTextFile(script, run!);
      const value = (text: string) =>
        text.replaceAll(/\$\{\{ ([\w.-]+) \}\}/g, (_, name: string) => {
          if (name === "github.action_path") return ROOT.pathname.replace(/\/$/, "");
          const input = name.replace("inputs.", "");
          return inputs[input] ?? ACTION.inputs[input]!.default;
        });
      const command = new Deno.Command("bash", {
        args: ["--noprofile", "--norc", "-e", "-o", "pipefail", script],
        cwd: workspace,
        env: {
          CI: "true",
          GITHUB_ACTIONS: "true",
          GITHUB_WORKSPACE: workspace,
          GITHUB_OUTPUT: output,
          GITHUB_STEP_SUMMARY: summary,
          RUNNER_TEMP: temp,
          ...variables,
          ...Object.fromEntries(Object.entries(env!).map(([name, text]) => [name, value(text)])),
        },
        stdin: "null",
      });
      const { code, stdout, stderr } = await command.output();
      const read = (path: string) => Deno.readTextFile(path);
      const lines = (await read(output)).trimEnd().split("\n").filter((line) => line !== "");
      return {
        code,
        log: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr),
        outputs: Object.fromEntries(lines.map((line) => line.split("=") as [string, string])),
        summary: await read(summary),
      };
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function git(args: string[], cwd: string): Promise<void> {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
  const { success, stderr } = await new Deno.Command("git", { args: [...identity, ...args], cwd })
    .output();
  assert(success, new TextDecoder().decode(stderr));
}

/** Another repository with the manifests of this one in a folder with a space. */
async function repositoryIn(folder: string, change: (text: string) => string): Promise<string> {
  const repository = await Deno.makeTempDir({ dir: folder, prefix: "repository " });
  const manifests = `${repository}/deploy/my manifests`;
  await Deno.mkdir(manifests, { recursive: true });
  for (const { name, isFile } of Deno.readDirSync(new URL("manifests/", ROOT))) {
    if (!isFile) continue;
    const text = await Deno.readTextFile(new URL(`manifests/${name}`, ROOT));
    await Deno.writeTextFile(`${manifests}/${name}`, change(text));
  }
  await git(["init", "-q"], repository);
  await git(["add", "-A"], repository);
  await git(["commit", "-q", "-m", "Add the manifests"], repository);
  return repository;
}

/** A policy that allows more than the jobs need, which is a warning. */
const UNNEEDED_POLICY = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-echo
  namespace: analytics-jobs
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to: [{ ipBlock: { cidr: 203.0.113.7/32 } }]
      ports: [{ protocol: TCP, port: 7 }]
`;

const MANIFESTS = { manifests: "deploy/my manifests" };

Deno.test("action: checks the manifests of another repository, as GitHub runs it", async (t) => {
  await using machine = await runner();
  const good = await repositoryIn(machine.folder, (text) => text);
  const bad = await repositoryIn(
    machine.folder,
    (text) => text.replaceAll("port: 5432", "port: 5433"),
  );

  const loose = await repositoryIn(
    machine.folder,
    (text) => text.includes("kind: Namespace\n") ? text + UNNEEDED_POLICY : text,
  );

  await t.step("a pass has reports and a summary", async () => {
    const { code, log, outputs, summary } = await machine.use(good, MANIFESTS);
    assertEquals([code, outputs["exit-code"]], [0, "0"], log);
    assertMatch(summary, /^preflight: \d+ checks: \d+ pass, 0 warn, 0 fail, /);
    assert(!summary.includes("| check |"), summary);
    const reports = [...Deno.readDirSync(outputs["reports"]!)].map(({ name }) => name).sort();
    assertEquals(reports, ["preflight.html", "preflight.xml"]);
  });

  await t.step("a failure fails the step, with annotations on the files", async () => {
    const { code, log, outputs, summary } = await machine.use(bad, MANIFESTS);
    assertEquals([code, outputs["exit-code"]], [1, "1"], log);
    assertMatch(
      summary,
      /^\| FAIL \| database-egress \| deploy\/my manifests\/20-network-policies\.yaml:\d+<br>.*In NetworkPolicy .* \(deploy\/my manifests\/20-network-policies\.yaml:\d+\), .*<br>- protocol: TCP<br>&nbsp;&nbsp;port: 5432/m,
    );
    assertStringIncludes(log, "%0Adetails: deep-storage explain database-egress\n");
    assertStringIncludes(summary, "deep-storage explain CHECK");
    assertMatch(
      log,
      /^::error file=deploy\/my manifests\/20-network-policies\.yaml,line=\d+,title=database-egress::/m,
    );
    assertStringIncludes(
      await Deno.readTextFile(`${outputs["reports"]}/preflight.xml`),
      "<failure",
    );
  });

  await t.step(
    "with fail-on never, a failure has annotations and does not fail the step",
    async () => {
      const { code, log, outputs } = await machine.use(bad, { ...MANIFESTS, "fail-on": "never" });
      assertEquals([code, outputs["exit-code"]], [0, "1"], log);
      assertStringIncludes(log, "::error file=");
    },
  );

  await t.step("with fail-on warning, a warning fails the step", async () => {
    const { code, log } = await machine.use(loose, MANIFESTS);
    assertEquals(code, 0, log);
    assertStringIncludes(log, "::warning file=");
    const strict = await machine.use(loose, { ...MANIFESTS, "fail-on": "warning" });
    assertEquals([strict.code, strict.outputs["exit-code"]], [1, "1"], strict.log);
  });

  await t.step("with any fail-on, a folder that is missing fails the step", async () => {
    for (const failOn of ["failure", "warning", "never"]) {
      const inputs = { manifests: "none", "fail-on": failOn };
      const { code, log, outputs } = await machine.use(good, inputs);
      assertEquals([code, outputs["exit-code"], outputs["reports"]], [2, "2", undefined], log);
      assertStringIncludes(
        log,
        '::error title=preflight::Cannot use the input manifests "none": there is no such directory.',
      );
    }
    const help = await machine.use(good, { ...MANIFESTS, project: "--help" });
    assertEquals([help.code, help.outputs["exit-code"]], [2, "2"], help.log);
  });

  await t.step("jobs in another namespace than the default project's are a failure", async () => {
    const shop = await repositoryIn(
      machine.folder,
      (text) => text.replaceAll("analytics-jobs", "shop"),
    );
    const { code, log, summary } = await machine.use(shop, MANIFESTS);
    assertEquals(code, 1, log);
    assertMatch(log, /^::error file=.*,title=manifests-readable::.* in the namespace shop, /m);
    assertEquals(log.match(/^::notice title=\d+ checks do not apply::/gm)?.length, 1, log);
    assertStringIncludes(summary, "| FAIL | manifests-readable |");
  });

  await t.step("a version that npm does not have is named, and the log group ends", async () => {
    const { code, log, outputs } = await machine.use(good, { ...MANIFESTS, version: "9.9.9" });
    assertEquals([code, outputs["exit-code"]], [2, "2"], log);
    const [group, end, error] = ["::group::", "::endgroup::", "::error title=preflight::"]
      .map((word) => log.indexOf(word));
    assert(group! >= 0 && end! > group! && error! > end!, log);
    assertStringIncludes(log, "Cannot install version 9.9.9: npm has no such version");
  });

  await t.step(
    "a registry that cannot be reached is unknown, not a failure of a check",
    async () => {
      const env = { npm_config_registry: "http://127.0.0.1:9", npm_config_fetch_retries: "0" };
      const { code, log, outputs } = await machine.use(
        good,
        { ...MANIFESTS, version: "9.9.9", "fail-on": "never" },
        env,
      );
      assertEquals([code, outputs["exit-code"]], [3, "3"], log);
      assertMatch(log, /^::endgroup::\n::error title=preflight::Cannot install the toolkit\./m);
    },
  );

  await t.step("a program that ends with 0 and prints no result is unknown", async () => {
    const bin = `${machine.folder}/temp/deep-storage/program-7.7.7/bin`;
    await Deno.mkdir(bin, { recursive: true });
    await Deno.writeTextFile(`${bin}/deep-storage`, "#!/bin/sh\n", { mode: 0o755 });
    const { code, log, outputs } = await machine.use(good, { ...MANIFESTS, version: "7.7.7" });
    assertEquals([code, outputs["exit-code"], outputs["reports"]], [3, "3", undefined], log);
    assertStringIncludes(log, "::error title=preflight::preflight could not check the manifests.");
  });

  await t.step("an input is never run as a command", async () => {
    for (const input of ["manifests", "project", "fail-on", "version"]) {
      const { code, log } = await machine.use(good, {
        ...MANIFESTS,
        [input]: '"; touch "$RUNNER_TEMP/touched"; $(touch "$RUNNER_TEMP/touched") #',
      });
      assertEquals(code, 2, log);
    }
    assertEquals([...Deno.readDirSync(`${machine.folder}/temp`)].map(({ name }) => name), [
      "deep-storage",
    ]);
  });
});

Deno.test("action.yml: every action that it uses is pinned by its digest", () => {
  const uses = ACTION.runs.steps.flatMap((step) => step.uses ?? []);
  assertEquals(uses.length, 1);
  for (const each of uses) assertMatch(each, /^[\w/-]+@[0-9a-f]{40}$/);
});

Deno.test("action.yml: every output comes from the script", async () => {
  const script = await Deno.readTextFile(new URL("release/preflight_action.sh", ROOT));
  for (const [name, { value }] of Object.entries(ACTION.outputs)) {
    assertEquals(value, `\${{ steps.preflight.outputs.${name} }}`);
    assertStringIncludes(script, `echo "${name}=`);
  }
});
