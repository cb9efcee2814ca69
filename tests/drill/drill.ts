import { runCommand } from "../../tasks/main.ts";
import { choice, type Flags } from "../../tasks/cli/flags.ts";
import { colourWanted, print, showStatus } from "../../tasks/cli/terminal.ts";
import { Failure } from "../../pipeline/errors.ts";
import { type Drill, DRILLS } from "./drills.ts";
import { exitCodeOf, judge, type NotedCheck, notedIn, type Outcome } from "./outcome.ts";
import { renderHealth, renderJson, renderOutcome, renderSummary } from "./render.ts";
import { FAILURES } from "./real/failures.ts";
import { drillReal, REAL_OUTPUTS } from "./real/real.ts";
import { missingParts, startWorld, type World } from "./world.ts";

await runCommand({
  name: "drill",
  values: ["only", "output"],
  switches: ["real"],
  help: `
Proves that the checks catch real faults. It starts a healthy platform of real servers (a
Kubernetes control plane, Postgres, Ceph RGW and an image registry), and breaks one thing at a time.
Preflight or postflight must report each fault with the expected check, and with no other check.

With --real, pods run on a real node, which needs root. Preflight must find each fault, and say how
a run ends. Then the Job of the manifests runs, and must end in this way. The printed fix is executed
as printed. Then preflight must pass, and the Job must succeed.

Usage: deno task drill [--only DRILL,…] [--output text|json]
       deno task drill --real [--only FAILURE,…] [--output text|json|markdown]

  --real           provoke failures on a real node
  --only DRILL,…   run only these drills
  --output json    print one JSON document at the end
  --output markdown
                   print the table of docs/drills.md

Drills: ${DRILLS.map(({ id }) => id).join(", ")}

Failures of --real: ${FAILURES.map(({ id }) => id).join(", ")}

Examples:
  deno task drill
  deno task drill --only selector-trap,missing-label
  deno task drill --output json > drills.json
  deno task drill --real
  deno task drill --real --only selector-trap,wrong-password

All servers listen on 127.0.0.1 and are removed at the end, also after Ctrl-C. The start takes about
15 s, and each drill a few seconds. With --real, the start takes about a minute, and each failure one
to four minutes.

Exit codes: 0 the expected check caught each fault; 1 a check missed a fault or reported another
one, or the healthy platform has a finding; 2 wrong usage, or a server is not installed; 3 a server
did not start.
`,
  async run(flags) {
    if (flags.on("real")) {
      return await drillReal(chosen(flags, FAILURES), choice(flags, "output", REAL_OUTPUTS));
    }
    const drills = chosen(flags, DRILLS);
    const output = choice(flags, "output", ["text", "json"]);
    const say = (text: string) => output === "text" && print(text);
    const missing = await missingParts();
    if (missing.length > 0) {
      throw new Failure({
        kind: "configuration",
        task: "start the platform",
        problem: missing.join("; "),
        remedy: "Install what is missing.",
      });
    }
    showStatus("starting a control plane, Postgres, Ceph RGW and a registry …");
    await using world = await startWorld();
    const outcomes: Outcome[] = [];
    const found = await health(world);
    say(renderHealth(found, "before the drills", colourWanted()));
    if (found.length === 0) {
      for (const [i, drill] of drills.entries()) {
        showStatus(`${i + 1} of ${drills.length}: ${drill.id} …`);
        const outcome = await rehearse(world, drill);
        outcomes.push(outcome);
        say(renderOutcome(outcome, colourWanted()));
      }
      found.push(...await health(world));
      say(renderHealth(found, "after the drills", colourWanted()));
    }
    const summary = { text: renderSummary, json: renderJson }[output];
    print(summary(outcomes, found));
    return exitCodeOf(outcomes, found);
  },
});

/** Returns the findings for the healthy platform, which should have none. */
async function health(world: World): Promise<NotedCheck[]> {
  showStatus("checking the healthy platform …");
  return [
    ...notedIn(await world.preflight("all"), "before"),
    ...notedIn(await world.preflight("live"), "before"),
    ...notedIn(await world.postflight(), "after"),
  ];
}

/** Injects one fault, runs the checks, and heals the platform. */
async function rehearse(world: World, drill: Drill): Promise<Outcome> {
  const { inject, breaks, facts = "live", when } = drill;
  try {
    await inject(world);
    const before = notedIn(await world.preflight(facts), "before");
    const after = when === "after" ? notedIn(await world.postflight(), "after") : [];
    return judge(drill, [...before, ...after]);
  } finally {
    await world[breaks].heal();
  }
}

function chosen<T extends { readonly id: string }>(flags: Flags, all: readonly T[]): readonly T[] {
  const names = flags.value("only")?.split(",").map((name) => name.trim());
  const unknown = names?.find((name) => !all.some(({ id }) => id === name));
  if (unknown === undefined) return all.filter(({ id }) => names?.includes(id) ?? true);
  throw new Failure({
    kind: "configuration",
    task: `use --only with ${JSON.stringify(unknown)}`,
    problem: "there is no drill with this name",
    remedy: `Choose from ${all.map(({ id }) => id).join(", ")}.`,
  });
}
