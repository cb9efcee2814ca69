import { redact, secretValues, withoutValues } from "../../../pipeline/cluster/request_errors.ts";
import { assertEquals } from "../../support/assert.ts";

Deno.test("redact: masks secrets, plain and quoted", () => {
  const secrets = ["p\\a!s$s'w\"o#rd "];
  assertEquals(redact("got 'p\\a!s$s'w\"o#rd ' here", secrets), "got '…' here");
  assertEquals(redact(`got ${JSON.stringify(secrets[0])}`, secrets), 'got "…"');
});

Deno.test("redact: masks the longest secret first", () => {
  assertEquals(redact("got abc-def, and abc", ["abc", "abc-def"]), "got …, and …");
});

Deno.test("redact: masks a short secret only as a whole word", () => {
  assertEquals(redact('port 5 of 15 is "5", not 5s', ["5"]), 'port … of 15 is "…", not 5s');
});

Deno.test("redact: an empty secret masks nothing", () => {
  assertEquals(redact("as it is", [""]), "as it is");
});

Deno.test("secretValues: has every value of a Secret in every form, and none of other kinds", () => {
  const data = { a: btoa("pässword"), b: "no base64!", c: { deep: ["x", 1] }, d: null };
  assertEquals(secretValues({ kind: "Secret", data, stringData: { e: 1.5, f: true } }), [
    "1.5",
    "true",
    btoa("pässword"),
    "p\uFFFDssword",
    "no base64!",
    "no base64!",
    "x",
    "x",
    "1",
    "1",
  ]);
  assertEquals(secretValues({ kind: "Secret" }), []);
  assertEquals(secretValues({ kind: "ConfigMap", data: { a: "public" } }), []);
});

Deno.test("withoutValues: removes every value that the server quotes", () => {
  const says =
    "errors:\n  .stringData.a: expected string, got &value.valueUnstructured{Value:1e+09}" +
    '\n  .stringData.b: expected string, got &value.valueUnstructured{Value:map[string]any{"x":1}}';
  assertEquals(
    withoutValues(says),
    "errors:\n  .stringData.a: expected string, got a value of another type" +
      "\n  .stringData.b: expected string, got a value of another type",
  );
});
