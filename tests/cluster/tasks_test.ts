import { dirname } from "node:path";
import { parse } from "yaml";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { clusterTest } from "../support/control_plane.ts";
import { runTask, type TaskOutcome } from "../support/task.ts";
import { openApi } from "./api.ts";
import { binaryPath, INSTALL } from "./binary.ts";
import { endKept, findKept } from "./kept.ts";

const NAME = `tasks-${Deno.pid}`;
const PASSWORD = "p\\a!s$s'w\"o#rd ";

async function cluster(task: "up" | "down", ...args: string[]): Promise<TaskOutcome> {
  return await runTask(`cluster:${task}`, args, {
    DEEP_STORAGE_CACHE: dirname(await binaryPath()),
    DJANGO_DB_PASSWORD: PASSWORD,
  });
}

clusterTest("cluster:up, cluster:down: run twice each", async (t) => {
  try {
    await t.step("up prints the kubeconfig and the next commands", async () => {
      const { code, stdout, stderr } = await cluster("up", "--name", NAME, "--setup");
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
      assertMatch(stdout, new RegExp(`^The cluster ${NAME} is up: Kubernetes v1\\.36\\.3 at `));
      const { kubeconfig } = (await findKept(NAME))!;
      assertStringIncludes(stdout, `\n  deno task preflight --kubeconfig ${kubeconfig}\n`);
      assertStringIncludes(stdout, `\n  deno task cluster:down --name ${NAME}\n`);
    });

    await t.step(
      "the kubeconfig has one context with all credentials, and only its owner can read it",
      async () => {
        const { kubeconfig, admin } = (await findKept(NAME))!;
        assertEquals(((await Deno.stat(kubeconfig)).mode ?? 0) & 0o777, 0o600);
        const config = parse(await Deno.readTextFile(kubeconfig));
        assertEquals(config["current-context"], NAME);
        assertEquals(config.contexts, [{ name: NAME, context: { cluster: NAME, user: NAME } }]);
        assertEquals(config.clusters[0].cluster.server, admin.server);
        const { user } = config.users[0];
        using api = openApi({
          name: NAME,
          server: config.clusters[0].cluster.server,
          ca: atob(config.clusters[0].cluster["certificate-authority-data"]),
          login: {
            certificate: atob(user["client-certificate-data"]),
            key: atob(user["client-key-data"]),
          },
        });
        const secret = await api.get(
          "/api/v1/namespaces/analytics-jobs/secrets/django-db-credentials",
        );
        assertEquals(atob(secret.data.DJANGO_DB_PASSWORD), PASSWORD);
        assertEquals(atob(secret.data.DJANGO_DB_NAME), "rbsdb");
      },
    );

    await t.step("a second up reports that the cluster is up already", async () => {
      const before = await findKept(NAME);
      const { code, stdout } = await cluster("up", "--name", NAME);
      assertEquals(code, 0);
      assertMatch(stdout, /is up already: /);
      assertEquals(await findKept(NAME), before);
    });

    await t.step("down removes the cluster and its kubeconfig", async () => {
      const { kubeconfig } = (await findKept(NAME))!;
      const { code, stdout } = await cluster("down", "--name", NAME);
      assertEquals({ code, stdout }, { code: 0, stdout: `The cluster ${NAME} is down.\n` });
      assertEquals(await findKept(NAME), undefined);
      assertEquals(await Deno.stat(kubeconfig).catch(() => "gone"), "gone");
    });

    await t.step("a second down has no effect", async () => {
      const { code, stdout } = await cluster("down", "--name", NAME);
      assertEquals(code, 0);
      assertStringIncludes(stdout, `The cluster ${NAME} does not exist.`);
    });
  } finally {
    await endKept(NAME);
  }
});

Deno.test("cluster:up, cluster:down: show examples in their help", async () => {
  for (const task of ["up", "down"] as const) {
    const { code, stdout } = await cluster(task, "--help");
    assertEquals(code, 0);
    assertMatch(stdout, /Examples:\n {2}deno task cluster:/);
  }
});

Deno.test("cluster:up, cluster:down: reject an invalid name as wrong usage", async () => {
  for (const task of ["up", "down"] as const) {
    const { code, stderr } = await cluster(task, "--name", "../x");
    assertEquals(code, 2);
    assertMatch(stderr, /^Cannot use --name "\.\.\/x": .+\. Leave it out for deep-storage\.$/m);
  }
});

Deno.test("install.sh: distinguishes an unsupported Go from a failed build", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/go`, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const { success, stderr } = await new Deno.Command(INSTALL, {
      env: { DEEP_STORAGE_CACHE: folder, PATH: `${folder}:${Deno.env.get("PATH")}` },
    }).output();
    assert(!success);
    assertMatch(
      new TextDecoder().decode(stderr),
      /: the installed Go version is not supported\. Install Go 1\.\d+/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
