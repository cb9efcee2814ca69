import { type Check, check } from "../../check.ts";
import { judgeParts } from "../published_parts.ts";

/** Every part that the silver marker names lies there, and is the one that was published. */
export const silverParts: Check<"silver"> = check({
  id: "silver-parts",
  title: "every part of silver is there, byte for byte",
  phase: "after",
  needs: ["silver"],
  run: ({ silver }) =>
    judgeParts(silver, `${silver.markerKey} names no part: no executions on ${silver.day}`),
});
