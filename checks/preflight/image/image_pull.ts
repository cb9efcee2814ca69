import { type Check, check } from "../../check.ts";
import { judgePulls } from "./pull_access.ts";
import { imagesOf } from "./image_uses.ts";
import { JOBS, onPlatform, PLATFORM } from "../platform.ts";
import { treeOf } from "../../kubernetes/workloads.ts";

/** The pods' pull secrets open the registry of the image that the jobs run. */
export const imagePull: Check<"image", "manifests" | "cluster"> = check({
  id: "image-pull",
  title: "the cluster can pull the jobs' image",
  phase: "before",
  needs: ["image"],
  wants: PLATFORM,
  run: ({ image, ...facts }) => {
    if (facts.manifests === undefined && facts.cluster === undefined) {
      return { nothing: "there is no job at hand, only an image" };
    }
    return onPlatform(
      facts,
      [...JOBS, "Secret", "ServiceAccount"],
      (platform) => judgePulls(image, imagesOf(treeOf(platform)), platform.cluster !== undefined),
    );
  },
});
