import { type Check, check } from "../../check.ts";
import { judgeParts } from "../published_parts.ts";

/** Every part that the bronze marker names lies there, and is the one that was published. */
export const bronzeParts: Check<"bronze"> = check({
  id: "bronze-parts",
  title: "every part of bronze is there, byte for byte",
  phase: "after",
  needs: ["bronze"],
  run: ({ bronze }) =>
    judgeParts(bronze, `${bronze.markerKey} names no part: no events on ${bronze.day}`),
});
