import { assert, assertEquals } from "../../../support/assert.ts";
import { nodeTest, stepsSideBySide } from "../../../support/node_tests.ts";
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
const FLOWS = 150;

nodeTest("evaluate: what connects on a real node is what the verdicts say", async (t) => {
  await using stage = await openStage(realNode());
  await stepsSideBySide(
    t,
    SEEDS.map((seed) => [`seed ${seed}`, async () => {
      const world = worldOf(seed, FLOWS);
      const applied = await applyWorld(stage, world);
      assertEquals(await judgeWorld(stage, applied), []);
      // Verdicts without the policies are wrong, and this is found.
      const blind = { ...applied, cluster: { ...applied.cluster, policies: [] } };
      const found = await judgeWorld(stage, blind, () => true);
      assert(found.some(({ allowed, outcome }) => allowed && outcome === "refused"));
      await removeWorld(stage, world);
    }]),
  );
});

nodeTest("isKnown: describes how kube-router differs, and nothing else", async (t) => {
  await using stage = await openStage(realNode());
  await stepsSideBySide(
    t,
    KNOWN_SEEDS.map(({ difference, seed }) => [`kube-router ${difference}`, async () => {
      const world = worldOf(seed, FLOWS);
      const applied = await applyWorld(stage, world);
      const { cluster } = applied;
      const found = await judgeWorld(stage, applied, (each) => isKnown(cluster, each));
      assertEquals(found.filter((each) => !isKnown(cluster, each)), []);
      assert(found.length > 0, "kube-router does not differ any more: shorten isKnown");
      await removeWorld(stage, world);
    }]),
  );
});
