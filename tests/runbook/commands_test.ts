import { dayOf } from "../../pipeline/contract/window.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { until } from "../cluster/until.ts";
import { startExporter } from "../support/exporter.ts";
import { missingParts } from "../drill/world.ts";
import { type Block, blocksOf, edited, isMarked } from "./blocks.ts";
import { type Fault, FAULTS } from "./faults.ts";
import { missingKubectl } from "./kubectl.ts";
import { needOf } from "./needs.ts";
import { type Answer, openShell, type Shell } from "./shell.ts";
import { type PreparedWorld, prepareWorld } from "./world.ts";

const RUNBOOK = new URL("../../runbook/", import.meta.url);

/** The blocks of each page that an operator pastes, by the name of the file. */
const pages = new Map<string, readonly Block[]>();
for (const { name } of [...Deno.readDirSync(RUNBOOK)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  const blocks = blocksOf(Deno.readTextFileSync(new URL(name, RUNBOOK)));
  pages.set(name.replace(/\.md$/, ""), blocks.filter(({ language }) => language === "sh"));
}

const missing = [
  ...await missingParts(),
  await missingKubectl() ?? [],
  missingProgram("psql", "postgresql-client"),
  missingProgram("aws", "awscli"),
  missingProgram("script", "bsdutils"),
].flat();

function missingProgram(program: string, debian: string): string | [] {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const isThere = folders.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
  return isThere ? [] : `${program} is not installed, install ${debian}`;
}

Deno.test("needOf: few commands of the runbook need what the test does not have", () => {
  const all = [...pages.values()].flat();
  const left = all.filter(({ text }) => needOf(text) !== undefined);
  assert(left.length * 10 <= all.length, `${left.length} of ${all.length} blocks`);
  for (const page of FAULTS.keys()) assert(pages.has(page), page);
});

Deno.test({
  name: "runbook: the blocks of each page run as they are" +
    (missing.length === 0 ? "" : ` (${missing.join("; ")})`),
  ignore: missing.length > 0 && Deno.env.get("CI") !== "true",
  // The guards of the temporary folders end a second after the folders.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    if (missing.length > 0) throw new Error(missing.join("; "));
    await using prepared = await prepareWorld();
    const seen = new Set<string>();
    for (const [page, blocks] of pages) {
      const fault = FAULTS.get(page);
      await t.step(
        page,
        () =>
          fault === undefined
            ? healthy(prepared, page, blocks, seen)
            : repaired(prepared, page, blocks, fault),
      );
    }
    const left = [...FAULTS.values()].flatMap(({ leavesOut = [] }) => leavesOut);
    assertEquals(left.filter((text) => !seen.has(text)), []);
  },
});

/** The day on which the days of the second outbox were sealed. */
let sealedOn = "";

/** Seals the days of the second outbox, in which only yesterday has an event, once each day. */
async function sealYoung({ folder, checkout, env, young }: PreparedWorld): Promise<void> {
  const today = dayOf(BigInt(Date.now()) * 1000n);
  if (today === sealedOn) return;
  sealedOn = today;
  const shell = await openShell(`${folder}/young-${today}`, checkout, { ...env, ...young });
  const { code, shown } = await shell.paste("deno task run --pending");
  assertEquals(code, 0, shown);
}

/**
 * Pastes the blocks of a page on a healthy platform, those that remove something last. A block that
 * several pages have is pasted once; the other pages only get its variables.
 */
async function healthy(
  prepared: PreparedWorld,
  page: string,
  blocks: readonly Block[],
  seen: Set<string>,
): Promise<void> {
  await using exporter = page === "alert-exporter-down"
    ? await startExporter(prepared.env)
    : undefined;
  if (exporter !== undefined) {
    await until("the exporter has read the lake", async () => {
      return (await exporter.scrape()).includes("deep_storage_up");
    });
  }
  const values = { ...exporter && { EXPORTER: exporter.address }, METRICS: prepared.folder };
  const shell = await openShell(`${prepared.folder}/${page}`, prepared.checkout, prepared.env);
  for (const block of [...blocks].sort((a, b) => Number(isMarked(a)) - Number(isMarked(b)))) {
    const { text } = block;
    if (!seen.has(text)) await paste(prepared, shell, edited(block, values));
    else if (/^export /m.test(text)) await shell.paste(exportsIn(text));
    seen.add(text);
  }
  const changes = /\bschedule on\b|\bkubectl .*\b(apply|create|delete|label|patch|taint)\b/;
  if (blocks.some(({ text }) => changes.test(text))) await prepared.world.cluster.heal();
}

/**
 * Breaks the platform as the page describes, and pastes the blocks of the page. The check fails before,
 * and passes after.
 */
async function repaired(
  prepared: PreparedWorld,
  page: string,
  blocks: readonly Block[],
  { breaks, inject, values, leavesOut = [] }: Fault,
): Promise<void> {
  const { world } = prepared;
  const shell = await openShell(`${prepared.folder}/${page}`, prepared.checkout, prepared.env);
  const verify = blocks.findLast(({ section }) => section === "How to verify")!;
  await inject(world);
  try {
    await shell.paste("export DAY=2025-12-28");
    const before = await shell.paste(verify.text);
    assertEquals(before.code, 1, before.shown);
    assert(before.shown.includes(`FAIL   ${page} `), before.shown);
    for (const block of blocks.filter(({ text }) => !leavesOut.includes(text))) {
      await paste(prepared, shell, edited(block, values), block.section === "Diagnosis");
    }
    const after = await shell.paste(verify.text);
    assertEquals(after.code, 0, after.shown);
    assert(after.shown.includes(`PASS   ${page} `), after.shown);
  } finally {
    await world[breaks].heal();
    await world.lake.heal();
    await world.cluster.heal();
  }
}

/**
 * Pastes a block, which ends with exit code 0. A check in the diagnosis of a fault ends with 1.
 */
async function paste(
  prepared: PreparedWorld,
  shell: Shell,
  { text }: Block,
  isFaulty = false,
): Promise<void> {
  if (needOf(text) !== undefined) {
    const { code, stderr } = await new Deno.Command("bash", { args: ["-n", "-c", text] }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""], text);
    // Later blocks use its variables.
    await shell.paste(
      text.split("\n").filter((line) => /^export \w+=[^$(]*$/.test(line)).join("\n"),
    );
    return;
  }
  const isOfAllDays = /--pending|--check\b/.test(text);
  if (isOfAllDays) {
    await sealYoung(prepared);
    await shell.set(prepared.young);
  }
  const { code, shown } = await shell.paste(text, answersTo(text, prepared.env));
  if (isOfAllDays) await shell.set(elder(prepared));
  const mayFail = isFaulty && /\bdeno task (preflight|postflight)\b/.test(text);
  assert(code === 0 || mayFail && code === 1, `exit code ${code}\n${text}\n${shown}`);
  const { DJANGO_DB_PASSWORD = "", AWS_SECRET_ACCESS_KEY = "" } = prepared.env;
  const secrets = [DJANGO_DB_PASSWORD, AWS_SECRET_ACCESS_KEY, "pass!word", "drill/secret+key"];
  for (const secret of [...secrets, prepared.world.image.pull.password]) {
    assert(!shown.includes(secret), `the block shows a secret: ${text}`);
  }
}

/** Returns the variables for the outbox and the lake with the day of the pages. */
function elder({ env, young }: PreparedWorld): Record<string, string> {
  return Object.fromEntries(Object.keys(young).map((name) => [name, env[name] ?? ""]));
}

/** Returns the lines of a block that set variables. */
function exportsIn(text: string): string {
  return text.split("\n").filter((line) => line.startsWith("export ")).join("\n");
}

/** Returns the answers to a block that asks for the values of variables. */
function answersTo(text: string, env: Readonly<Record<string, string>>): Answer[] {
  return [...text.matchAll(/^ *for name in (.*); do$/gm)].flatMap(([, names]) =>
    names!.split(" ").map((name) => ({ question: `${name}: `, keys: `${env[name]}\n` }))
  );
}
