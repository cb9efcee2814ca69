import { type Check, check } from "../../check.ts";
import { refusedLogin } from "../../login_refused.ts";

/** The configured credentials may list, store, read and remove objects in the lake. */
export const lakeLogin: Check<"lake"> = check({
  id: "lake-login",
  title: "the lake allows the pipeline to list, store, read and remove objects",
  phase: "before",
  needs: ["lake"],
  run({ lake }) {
    if (lake.opened) return { examined: lake.name, findings: [] };
    return refusedLogin(lake, "a run stores its parts and markers with these credentials");
  },
});
