import { type Check, check } from "../../check.ts";
import { refused } from "../../login_refused.ts";

/** The credentials may list, store, read and remove objects in the lake. */
export const lakeLogin: Check<"lake"> = check({
  id: "lake-login",
  title: "the lake lets the pipeline list, store, read and remove",
  phase: "before",
  needs: ["lake"],
  run({ lake }) {
    if (lake.opened) return { examined: lake.name, findings: [] };
    return refused(lake, "a run stores its parts and markers with exactly these credentials");
  },
});
