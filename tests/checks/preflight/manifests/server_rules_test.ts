import type { Fields } from "../../../../checks/kubernetes/fields.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { refusedFields } from "../../../../checks/preflight/manifests/refused_objects.ts";
import { openApi } from "../../../cluster/api.ts";
import { bringTo } from "../../../cluster/state.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { clusterTest, controlPlane } from "../../../support/control_plane.ts";
import { ACCEPTED_JOBS, REFUSED_JOBS } from "./job_server_rules.ts";
import { ACCEPTED_OBJECTS, REFUSED_OBJECTS, UNCERTAIN_OBJECTS } from "./object_server_rules.ts";
import { ACCEPTED, PATHS, REFUSED, UNCERTAIN } from "./server_rules.ts";

const refused = [...REFUSED, ...REFUSED_JOBS, ...REFUSED_OBJECTS];
const uncertain = [...UNCERTAIN, ...UNCERTAIN_OBJECTS];
const accepted = [...ACCEPTED, ...ACCEPTED_JOBS, ...ACCEPTED_OBJECTS];

/** The failures, or the warnings, that the check finds in an object, as `field: problem; fix`. */
function refusals(object: Fields, wanted: "fail" | "warn" = "fail"): string[] {
  return readFile("a.yaml", JSON.stringify(object)).objects
    .flatMap((each) => refusedFields({ directory: "." }, each))
    .filter(({ severity }) => severity === wanted)
    .map(({ field = "", problem, fix }) => `${field}: ${problem}; ${fix}`);
}

for (const [object, expected] of refused) {
  Deno.test(`refusedFields finds in a ${object.kind}: ${expected}`, () => {
    assertStringIncludes(refusals(object).join("\n"), expected);
  });
}

for (const [object, expected] of uncertain) {
  Deno.test(`refusedFields only warns of what some versions accept in a ${object.kind}: ${expected}`, () => {
    assertEquals(refusals(object), []);
    assertStringIncludes(refusals(object, "warn").join("\n"), expected);
  });
}

Deno.test("refusedFields accepts what the API server accepts", () => {
  const wrong = accepted.map((object) => (
    { object, found: [...refusals(object), ...refusals(object, "warn")] }
  ));
  assertEquals(wrong.filter(({ found }) => found.length > 0), []);
});

for (const zone of ["posixrules", "localtime", "posix/UTC", "right/America/New_York"]) {
  Deno.test(`refusedFields only warns of a time zone that some servers have: ${zone}`, () => {
    const object = accepted.find(({ kind }) => kind === "CronJob")!;
    const cronJob = { ...object, spec: { ...object.spec as Fields, timeZone: zone } };
    assertEquals(refusals(cronJob), []);
    assertStringIncludes(refusals(cronJob, "warn").join("\n"), "only on some machines");
  });
}

Deno.test("refusedFields leaves texts alone that a tool fills in", () => {
  const text = REFUSED.map(([object]) => JSON.stringify(object))
    .find((each) => each.includes("spark_jobs"))!;
  assertEquals(refusals(JSON.parse(text.replace("spark_jobs", "${ACCOUNT}"))), []);
});

clusterTest("an API server has the verdicts of these objects", async () => {
  await bringTo(controlPlane(), []); // an object with the same name would be the reason of a refusal
  using api = openApi(controlPlane().admin);
  const answer = async (object: Fields) => {
    const path = `${PATHS[String(object.kind)]}?dryRun=All&fieldValidation=Strict`;
    const response = await api.send("POST", path, object);
    const { message } = await response.json();
    return { isAccepted: response.ok, message };
  };
  for (const [object, expected] of [...refused, ...uncertain]) {
    const { isAccepted } = await answer(object);
    assertEquals(isAccepted, false, `accepted: ${expected}`);
  }
  for (const object of accepted) {
    const { isAccepted, message } = await answer(object);
    assertEquals(isAccepted, true, message);
  }
});
