import { environmentOf, ROOT } from "../../support/task.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";

// The output and exit code of a command that fails, in a separate process.

const SECRETS = ["p4ss/w+rd\"'", "s3cr3t&key"];

async function fail(body: string, ...args: string[]) {
  const module = (path: string) => JSON.stringify(new URL(path, ROOT).href);
  const code = `
    import { runCommand } from ${module("tasks/main.ts")};
    import { Failure } from ${module("pipeline/errors.ts")};
    const secrets = ${JSON.stringify(SECRETS)};
    await runCommand({ name: "try", help: "", values: ["output"], switches: [], async run() { ${body} } });`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, code);
  const outcome = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=pipeline", `--config=deno.json`, file, ...args],
    cwd: ROOT,
    clearEnv: true,
    env: environmentOf({ DJANGO_DB_PASSWORD: SECRETS[0]!, AWS_SECRET_ACCESS_KEY: SECRETS[1]! }),
  }).output();
  await Deno.remove(file);
  const [stdout, stderr] = [outcome.stdout, outcome.stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  for (const secret of SECRETS) {
    for (const spelling of [secret, encodeURIComponent(secret), JSON.stringify(secret)]) {
      assert(!`${stdout}${stderr}`.includes(spelling), `${stdout}${stderr} has ${spelling}`);
    }
  }
  return { code: outcome.code, stdout: stdout!, stderr: stderr! };
}

for (const [kind, exitCode] of [["data", 1], ["configuration", 2], ["unreachable", 3]] as const) {
  Deno.test(`main: exits with ${exitCode} for a failure of kind ${kind}`, async () => {
    const { code, stderr } = await fail(
      `throw new Failure({ kind: "${kind}", task: "do it", problem: "no", remedy: "Try." });`,
    );
    assertEquals([code, stderr], [exitCode, "Cannot do it: no. Try.\n"]);
  });
}

const SURPRISES: [string, string][] = [
  ["an error", 'throw new Error("with " + secrets[0]);'],
  [
    "an error in the background",
    "setTimeout(() => { throw new Error(secrets[1]) }); await new Promise((go) => setTimeout(go, 5000));",
  ],
  [
    "a promise without a handler",
    "Promise.reject(new Error(secrets[0])); await new Promise((go) => setTimeout(go, 5000));",
  ],
  [
    "a cause",
    'throw new TypeError("outer", { cause: new Error(encodeURIComponent(secrets[0])) });',
  ],
  [
    "a client's error, with its login",
    'throw Object.assign(new Error("x"), { config: { password: secrets[0] } });',
  ],
  ["a text", "throw secrets[1];"],
  ["quoted JSON", "throw new Error(JSON.stringify({ key: secrets[0] }));"],
];
for (const [what, body] of SURPRISES) {
  Deno.test(`main: exits with 3 for ${what}, and shows no secret`, async () => {
    const words = await fail(body);
    assertEquals(words.code, 3);
    assertStringIncludes(words.stderr, "Cannot finish try: an unexpected error. ");
    const json = await fail(body, "--output", "json");
    assertEquals([json.code, json.stderr], [3, ""]);
    assertEquals(JSON.parse(json.stdout).exitCode, 3);
  });
}

Deno.test("main: prints the causes of an unexpected error, and at most five errors", async () => {
  const body = `
    let error = new Error("cause 6");
    for (let i = 5; i > 0; i--) error = new Error("cause " + i, { cause: error });
    throw error;`;
  const { stderr } = await fail(body);
  assertEquals(stderr.match(/Caused by Error: cause \d/g), [
    "Caused by Error: cause 2",
    "Caused by Error: cause 3",
    "Caused by Error: cause 4",
    "Caused by Error: cause 5",
  ]);
  const { remedy } = JSON.parse((await fail(body, "--output", "json")).stdout);
  assertStringIncludes(remedy, "Error: cause 1. Caused by Error: cause 2. ");
});

Deno.test("main: prints no stack trace of a Failure", async () => {
  const { stderr } = await fail(
    'throw new Failure({ kind: "data", task: "do it", problem: "no", remedy: "Try." });',
  );
  assert(!stderr.includes("at "));
});

const LOCKED = {
  kind: "unreachable",
  task: "read from robson@db/rbsdb",
  problem: "a lock was not free within 60 s",
};

Deno.test("main: prints the command of the page about a Failure, below the message", async () => {
  const { stderr } = await fail(
    `throw new Failure(${JSON.stringify({ ...LOCKED, remedy: "Run again." })});`,
  );
  assertEquals(
    stderr,
    "Cannot read from robson@db/rbsdb: a lock was not free within 60 s. Run again.\n" +
      "runbook: deno task explain table-lock\n",
  );
});

Deno.test("main: prints no second command if the message has one", async () => {
  const remedy = "Read deno task explain run. Run again.";
  const { stderr } = await fail(`throw new Failure(${JSON.stringify({ ...LOCKED, remedy })});`);
  assertEquals(stderr.match(/deno task explain/g)?.length, 1);
});

Deno.test("main --output json: prints the page about a Failure", async () => {
  const parts = JSON.stringify({ ...LOCKED, remedy: "Run again." });
  const { stdout } = await fail(`throw new Failure(${parts});`, "--output", "json");
  assertEquals(JSON.parse(stdout).page, "table-lock");
});

Deno.test("main --output json: prints the parts of a Failure unchanged", async () => {
  const parts = {
    task: "read /home/a. Mr. Smith/kubeconfig",
    problem: "the file at /home/b. Mr. Smith/x: y is not YAML. The line is 3. Nothing was changed",
    remedy: "Ask Mr. Smith. Then run again.",
  };
  const { stdout } = await fail(
    `throw new Failure({ kind: "data", ...${JSON.stringify(parts)} });`,
    "--output",
    "json",
  );
  assertEquals(JSON.parse(stdout), {
    version: 1,
    command: "try",
    step: "failed",
    message: `Cannot ${parts.task}: ${parts.problem}. ${parts.remedy}`,
    ...parts,
    exitCode: 1,
  });
});

for (const [what, body] of SURPRISES) {
  Deno.test(`runConfined: reports ${what} to its parent, which exits with 3 and shows no secret`, async () => {
    const confined = JSON.stringify(new URL("tasks/cli/confined.ts", ROOT).href);
    const work = await Deno.makeTempFile({ suffix: ".ts" });
    const secrets = JSON.stringify(SECRETS);
    await Deno.writeTextFile(
      work,
      `import { serve } from ${confined};
      const secrets = ${secrets};
      serve(async () => { ${body} });`,
    );
    const { code, stderr } = await fail(`
      const { runConfined } = await import(${confined});
      const lake = { kind: "directory", path: "/" };
      return await runConfined(${JSON.stringify(`file://${work}`)}, {}, { lake, writes: false });`);
    await Deno.remove(work);
    assertEquals(code, 3);
    assertEquals(stderr.split("Cannot finish try: an unexpected error. ").length, 2, stderr);
  });
}
