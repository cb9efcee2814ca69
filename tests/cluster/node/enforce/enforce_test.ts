import { assert, assertEquals } from "../../../support/assert.ts";
import { nodeTest } from "../../../support/node_tests.ts";
import { realNode } from "../../../support/real_node.ts";
import { isKnown } from "./known.ts";
import { applyWorld, judgeWorld, openStage, removeWorld } from "./play.ts";
import { worldOf } from "./world.ts";

// Fixed seeds: a world of a new seed may meet a difference of kube-router that is not known yet.
const SEEDS = [101, 102];
const KNOWN_SEEDS = [
  { difference: "opens a named port of an egress rule without destination", seed: 100 },
  { difference: "applies a rule in both directions, between pods of one policy", seed: 110 },
  { difference: "opens every port for a name that no destination declares", seed: 407 },
];
const OTHER_SEED = 103;
const FLOWS = 150;

nodeTest("evaluate: what connects on a real node is what the verdicts say", async (t) => {
  await using stage = await openStage(realNode());
  for (const seed of SEEDS) {
    await t.step(`seed ${seed}`, async () => {
      const world = worldOf(seed, FLOWS);
      const applied = await applyWorld(stage, world);
      assertEquals(await judgeWorld(stage, applied), []);
      await removeWorld(stage, world);
    });
  }
});

nodeTest("isKnown: describes how kube-router differs, and nothing else", async (t) => {
  await using stage = await openStage(realNode());
  for (const { difference, seed } of KNOWN_SEEDS) {
    await t.step(`kube-router ${difference}`, async () => {
      const world = worldOf(seed, FLOWS);
      const applied = await applyWorld(stage, world);
      const found = await judgeWorld(stage, applied, 10_000);
      assertEquals(found.filter((each) => !isKnown(applied.cluster, each)), []);
      assert(found.length > 0, "kube-router does not differ any more: shorten isKnown");
      await removeWorld(stage, world);
    });
  }
});

nodeTest("judgeWorld: finds the verdicts that are wrong without the policies", async () => {
  await using stage = await openStage(realNode());
  const world = worldOf(OTHER_SEED, FLOWS);
  const applied = await applyWorld(stage, world);
  const blind = { ...applied, cluster: { ...applied.cluster, policies: [] } };
  const found = await judgeWorld(stage, blind, 0);
  assert(found.some(({ allowed, outcome }) => allowed && outcome === "refused"));
  await removeWorld(stage, world);
});
