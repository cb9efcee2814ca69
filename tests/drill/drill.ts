import { main } from "../../tasks/cli/command.ts";
import { choice, type Flags } from "../../tasks/cli/flags.ts";
import { colourWanted, print, showStatus } from "../../tasks/cli/terminal.ts";
import { Failure } from "../../pipeline/errors.ts";
import { type Drill, DRILLS } from "./drills.ts";
import { exitCodeOf, judge, type Outcome, type Said, saidIn } from "./judge.ts";
import { renderHealth, renderJson, renderOutcome, renderSummary } from "./render.ts";
import { missingParts, startWorld, type World } from "./world.ts";

await main({
  name: "drill",
  values: ["only", "output"],
  switches: [],
  help: `
Rehearses what went wrong in the first run. It starts a platform of real parts (a Kubernetes control
plane, Postgres, Ceph RGW, an image registry), healthy; breaks one thing at a time; and shows that
preflight or postflight catches it, by the one check that is there for it and by no other.

Usage: deno task drill [--only DRILL,…] [--output text|json]

  --only DRILL,…   these drills only
  --output json    one JSON document at the end

Drills: ${DRILLS.map(({ id }) => id).join(", ")}

Examples:
  deno task drill
  deno task drill --only selector-trap,missing-label
  deno task drill --output json > drills.json

All of it runs on 127.0.0.1 and is gone afterwards, also after Ctrl-C. It takes some 15 s to start,
and a few seconds for each drill.

Exit codes: 0 each fault was caught by its check and by no other; 1 one was not, or the healthy
platform has a finding; 2 wrong usage, or a part is not installed; 3 one could not be started.
`,
  async run(flags) {
    const drills = chosen(flags);
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
async function health(world: World): Promise<Said[]> {
  showStatus("looking at the healthy platform …");
  return [
    ...saidIn(await world.preflight("all"), "before"),
    ...saidIn(await world.preflight("live"), "before"),
    ...saidIn(await world.postflight(), "after"),
  ];
}

/** Injects one fault, runs the checks, and heals the platform. */
async function rehearse(world: World, drill: Drill): Promise<Outcome> {
  const { inject, breaks, facts = "live", when } = drill;
  try {
    await inject(world);
    const before = saidIn(await world.preflight(facts), "before");
    const after = when === "after" ? saidIn(await world.postflight(), "after") : [];
    return judge(drill, [...before, ...after]);
  } finally {
    await world[breaks].heal();
  }
}

function chosen(flags: Flags): readonly Drill[] {
  const names = flags.value("only")?.split(",").map((name) => name.trim());
  const unknown = names?.find((name) => !DRILLS.some(({ id }) => id === name));
  if (unknown === undefined) return DRILLS.filter(({ id }) => names?.includes(id) ?? true);
  throw new Failure({
    kind: "configuration",
    task: `use --only with ${JSON.stringify(unknown)}`,
    problem: "there is no such drill",
    remedy: `Known are ${DRILLS.map(({ id }) => id).join(", ")}.`,
  });
}
