import { join } from "node:path";
import { dayOf } from "../../pipeline/contract/window.ts";
import { CREATE_OUTBOX } from "../../tasks/demo/events.ts";
import { startWorld, type World } from "../drill/world.ts";
import { copyFolder } from "../drill/parts/manifests.ts";
import { guardedFolder } from "../support/guarded_folder.ts";
import { session } from "../support/pg_session.ts";
import { environment, ROOT } from "../support/task.ts";
import { linkKubectl } from "./kubectl.ts";

/** A platform of real servers, and a checkout whose manifests are those of the platform. */
export interface PreparedWorld extends AsyncDisposable {
  readonly world: World;
  /** The folder in which an operator pastes the blocks. */
  readonly checkout: string;
  /** A folder for the files of the test. */
  readonly folder: string;
  /** The environment of the operator's shell. */
  readonly env: Readonly<Record<string, string>>;
  /** The variables for another outbox and lake, whose first day is yesterday. */
  readonly young: Readonly<Record<string, string>>;
}

/** What the checkout has from the repository. The manifests are a copy. */
const LINKED = ["deno.json", "deno.lock", "node_modules", "checks", "pipeline", "runbook", "tasks"];

/** Starts the servers, and makes the checkout. */
export async function prepareWorld(): Promise<PreparedWorld> {
  const folder = await guardedFolder("runbook-");
  const world = await startWorld();
  const checkout = join(folder, "checkout");
  await Deno.mkdir(checkout);
  const root = ROOT.pathname;
  for (const name of LINKED) await Deno.symlink(join(root, name), join(checkout, name));
  await copyFolder(world.manifests.folder, join(checkout, "manifests"));
  await addOverlay(checkout);
  await addLogin(checkout, world);
  const bin = join(folder, "bin");
  await Deno.mkdir(bin);
  await Deno.symlink(Deno.execPath(), join(bin, "deno"));
  await linkKubectl(bin);
  const { PATH = "", HOME = "" } = Deno.env.toObject();
  const { LAKE_URL: _, ...env } = world.env;
  return {
    world,
    checkout,
    folder,
    env: {
      ...env,
      SEAL_GRACE_MINUTES: "15",
      HOME,
      PATH: `${bin}:${PATH}`,
      KUBECONFIG: world.cluster.kubeconfig,
      NO_COLOR: "1",
      PAGER: "cat",
      AWS_PAGER: "",
      TERM: "dumb",
    },
    young: await youngDays(folder, world),
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Adds a kustomization that renders the manifests. */
async function addOverlay(checkout: string): Promise<void> {
  const overlay = join(checkout, "overlays", "production");
  await Deno.mkdir(overlay, { recursive: true });
  const files: string[] = [];
  for await (const { name } of Deno.readDir(join(checkout, "manifests"))) {
    if (!/^\d.*\.yaml$/.test(name)) continue;
    await Deno.copyFile(join(checkout, "manifests", name), join(overlay, name));
    files.push(name);
  }
  const resources = files.sort().map((name) => `  - ${name}\n`).join("");
  await Deno.writeTextFile(join(overlay, "kustomization.yaml"), `resources:\n${resources}`);
}

/** Adds the file that `docker --config ./login login` writes. */
async function addLogin(checkout: string, { image: { pull } }: World): Promise<void> {
  await Deno.mkdir(join(checkout, "login"));
  const auths = { [pull.registry]: { auth: btoa(`${pull.username}:${pull.password}`) } };
  await Deno.writeTextFile(join(checkout, "login", "config.json"), JSON.stringify({ auths }));
}

/** Makes an outbox with one event of yesterday, and an empty lake. */
async function youngDays(folder: string, { database }: World): Promise<Record<string, string>> {
  const config = { ...database.config, name: "young" };
  const owner = await session(database.config);
  await owner.query("CREATE DATABASE young");
  await owner.end();
  const client = await session(config);
  const yesterday = dayOf(BigInt(Date.now() - 86_400_000) * 1000n);
  await client.query(`${CREATE_OUTBOX}
    INSERT INTO stop_events (event_id, occurred_at, operation_id, client_id, symbol, event_type,
      source, event_seq)
    VALUES (gen_random_uuid(), '${yesterday}T12:00:00Z', 1, 1, 'BTCUSDC', 'BLOCKED', 'test', 1)`);
  await client.end();
  const lake = join(folder, "young-lake");
  await Deno.mkdir(lake);
  // In the first minutes of a day, yesterday could not be sealed otherwise.
  return { ...environment(config, lake), SEAL_GRACE_MINUTES: "0" };
}
