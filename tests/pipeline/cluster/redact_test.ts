import { redacted, secretsOf, withoutValues } from "../../../pipeline/cluster/redact.ts";
import { assertEquals } from "../../support/assert.ts";

Deno.test("secrets are masked as they are, and as they are quoted", () => {
  const secrets = ["p\\a!s$s'w\"o#rd "];
  assertEquals(redacted("got 'p\\a!s$s'w\"o#rd ' here", secrets), "got '…' here");
  assertEquals(redacted(`got ${JSON.stringify(secrets[0])}`, secrets), 'got "…"');
});

Deno.test("the longest secret is masked first, so that no rest of it stays", () => {
  assertEquals(redacted("got abc-def, and abc", ["abc", "abc-def"]), "got …, and …");
});

Deno.test("a short secret is masked where it stands alone", () => {
  assertEquals(redacted('port 5 of 15 is "5", not 5s', ["5"]), 'port … of 15 is "…", not 5s');
});

Deno.test("an empty secret masks nothing", () => {
  assertEquals(redacted("as it is", [""]), "as it is");
});

Deno.test("of a Secret every value is one, in every form, and of others none", () => {
  const data = { a: btoa("pässword"), b: "no base64!", c: { deep: ["x", 1] }, d: null };
  assertEquals(secretsOf({ kind: "Secret", data, stringData: { e: 1.5, f: true } }), [
    ...["1.5", "true", btoa("pässword"), "p\uFFFDssword", "no base64!", "no base64!"],
    ...["x", "x", "1", "1"],
  ]);
  assertEquals(secretsOf({ kind: "Secret" }), []);
  assertEquals(secretsOf({ kind: "ConfigMap", data: { a: "public" } }), []);
});

Deno.test("what a server found is left out, whatever it wrote", () => {
  const says =
    "errors:\n  .stringData.a: expected string, got &value.valueUnstructured{Value:1e+09}" +
    '\n  .stringData.b: expected string, got &value.valueUnstructured{Value:map[string]any{"x":1}}';
  assertEquals(
    withoutValues(says),
    "errors:\n  .stringData.a: expected string, got something else" +
      "\n  .stringData.b: expected string, got something else",
  );
});
