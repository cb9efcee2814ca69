import { parse } from "yaml";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { ROOT } from "../support/task.ts";

interface Step {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly run?: string;
  readonly shell?: string;
}

interface Workflow {
  readonly env?: Readonly<Record<string, string>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly needs?: string | readonly string[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

const FOLDER = new URL(".github/workflows/", ROOT);
const WORKFLOWS = [...Deno.readDirSync(FOLDER)].map(({ name }) => {
  const text = Deno.readTextFileSync(new URL(name, FOLDER));
  return { name, text, workflow: parse(text) as Workflow };
});
const STEPS = WORKFLOWS.flatMap(({ name, workflow }) =>
  Object.values(workflow.jobs).flatMap(({ steps }) => steps.map((step) => ({ name, ...step })))
);
const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));

Deno.test("workflows: each action is pinned by its digest with the version, or is GitHub's own with a major version", () => {
  assert(STEPS.some(({ uses }) => uses !== undefined));
  for (const { name, text } of WORKFLOWS) {
    for (const [, action] of text.matchAll(/uses: (.*)/g)) {
      assertMatch(action!, /^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$|^actions\/[\w-]+@v\d+$/, name);
    }
  }
});

Deno.test("workflows: each script is correct bash, and has no part of an expression", async () => {
  for (const { name, run } of STEPS) {
    if (run === undefined) continue;
    assert(!run.includes("${{"), `${name}: ${run}`);
    const child = new Deno.Command("bash", {
      args: ["-n"],
      stdin: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(run));
    await writer.close();
    const { success, stderr } = await child.output();
    assert(success, `${name}: ${new TextDecoder().decode(stderr)}`);
  }
});

Deno.test("workflows: each task that a script runs exists", () => {
  const used = STEPS.flatMap(({ run = "" }) =>
    [...run.matchAll(/deno@\$DENO" task (?:-q )?(\S+)/g)].map(([, task]) => task!)
  );
  assert(used.length > 3);
  assertEquals(used.filter((task) => !(task in tasks)), []);
});

Deno.test("workflows: a job may only read, unless it says what it writes", () => {
  for (const { name, workflow } of WORKFLOWS) {
    assertEquals([name, workflow.permissions], [name, { contents: "read" }]);
  }
});

Deno.test("workflows, the image, the action and the package use the same version of Deno", async () => {
  const read = (file: string) => Deno.readTextFile(new URL(file, ROOT));
  const [deno] = Object.keys(JSON.parse(await read("release/deno_program.json")));
  const version = deno!.slice("deno@".length);
  for (const { name, workflow } of WORKFLOWS) {
    assertEquals([name, workflow.env?.["DENO"]], [name, version]);
  }
  const others: [string, RegExp][] = [
    ["manifests/image/toolkit/Dockerfile", /^FROM denoland\/deno:debian-(\S+)$/m],
    ["release/preflight_action.sh", /\bdeno=(\S+)$/m],
    [".ci/run", /npx -y deno@(\S+)/],
    ["README.md", /npx -y deno@([\w.]+)/],
    ["runbook/README.md", /npx -y deno@([\w.]+)/],
  ];
  for (const [file, pattern] of others) {
    assertEquals([file, pattern.exec(await read(file))?.[1]], [file, version]);
  }
});

/** The names of the jobs of a workflow that must succeed before a job starts. */
function before(jobs: Readonly<Record<string, Job>>, name: string): Set<string> {
  const direct = [jobs[name]!.needs ?? []].flat();
  return new Set(direct.flatMap((each) => [each, ...before(jobs, each)]));
}

Deno.test("release.yml: the files are attested with their digests, and npm is published after all else has succeeded", () => {
  const { jobs } = WORKFLOWS.find(({ name }) => name === "release.yml")!.workflow;
  const withStep = (isIt: (step: Step) => boolean) =>
    Object.keys(jobs).filter((name) => jobs[name]!.steps.some(isIt));
  const isAttestation = ({ uses = "" }: Step) =>
    uses.startsWith("actions/attest-build-provenance@");
  assertEquals(withStep(isAttestation), ["attest"]);
  const { steps } = jobs["attest"]!;
  assertEquals(steps.find(isAttestation)!.with, { "subject-path": "dist/*" });
  const digests = steps.findIndex(({ run = "" }) => run.includes("SHA256SUMS"));
  assert(digests >= 0 && digests < steps.findIndex(isAttestation));
  assertEquals(withStep(({ run = "" }) => run.includes("npm publish")), ["npm"]);
  assertEquals([...before(jobs, "npm")].sort(), ["attest", "executable", "image", "package"]);
  assert(before(jobs, "release").has("npm"));
});

Deno.test("release.yml: a job that may write pins each action by its digest", () => {
  const { jobs } = WORKFLOWS.find(({ name }) => name === "release.yml")!.workflow;
  const writing = Object.entries(jobs)
    .filter(([, { permissions = {} }]) => Object.values(permissions).includes("write"));
  assertEquals(writing.map(([name]) => name), ["image", "attest", "npm", "release"]);
  for (const [name, { steps }] of writing) {
    for (const { uses } of steps) {
      if (uses !== undefined) assertMatch(uses, /@[0-9a-f]{40}$/, name);
    }
  }
});
