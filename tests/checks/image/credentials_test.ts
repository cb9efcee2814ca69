import { isDockerConfig, loginsFor } from "../../../checks/image/credentials.ts";
import { addressOf } from "../../../checks/image/reference.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertThrows } from "../../support/assert.ts";

const bytes = (value: unknown) =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** Returns the users with a login for an image, in order of preference. */
function usersFor(reference: string, ...entries: readonly string[]): string[] {
  const auths = entries.map((name) => [name, { username: name, password: "p" }]);
  const config = bytes({ auths: Object.fromEntries(auths) });
  return loginsFor(config, addressOf(reference)).map(({ user }) => user);
}

for (
  const [entry, reference] of [
    ["ghcr.io", "ghcr.io/a/b"],
    ["https://ghcr.io", "ghcr.io/a/b"],
    ["http://ghcr.io/", "ghcr.io/a/b"],
    ["https://ghcr.io/v1/", "ghcr.io/a/b"],
    ["https://ghcr.io/v2/", "ghcr.io/a/b"],
    ["ghcr.io/a", "ghcr.io/a/b"],
    ["ghcr.io/a/b", "ghcr.io/a/b"],
    ["registry:5000", "registry:5000/a/b"],
    ["*.dkr.example.com", "1234.dkr.example.com/a/b"],
    ["https://index.docker.io/v1/", "apache/spark"],
    ["index.docker.io", "spark"],
    ["docker.io", "docker.io/apache/spark"],
  ] as const
) {
  Deno.test(`loginsFor: uses the login of ${entry} for ${reference}`, () => {
    assertEquals(usersFor(reference, entry), [entry]);
  });
}

for (
  const [entry, reference] of [
    ["ghcr.io", "quay.io/a/b"],
    ["ghcr.io/other", "ghcr.io/a/b"],
    ["registry:5000", "registry:5001/a/b"],
    ["registry", "registry:5000/a/b"],
    ["registry:5000", "registry.io/a/b"],
    ["*.example.com", "a.b.example.com/a/b"],
    ["example.com", "evil-example.com/a/b"],
    ["*", "ghcr.io/a/b"],
    ["https://index.docker.io/v1/", "ghcr.io/apache/spark"],
  ] as const
) {
  Deno.test(`loginsFor: does not use the login of ${entry} for ${reference}`, () => {
    assertEquals(usersFor(reference, entry), []);
  });
}

Deno.test("loginsFor: lists the login with the longer path first", () => {
  const all = usersFor("ghcr.io/a/b", "ghcr.io", "https://ghcr.io/a/b", "ghcr.io/a");
  assertEquals(all, ["https://ghcr.io/a/b", "ghcr.io/a", "ghcr.io"]);
});

Deno.test("loginsFor: reads `auth` or a name and a password, and ignores other entries", () => {
  const one = (entry: unknown) =>
    loginsFor(bytes({ auths: { "ghcr.io": entry } }), addressOf("ghcr.io/a/b"));
  assertEquals(one({ auth: btoa("me:a:b c") }), [{ user: "me", password: "a:b c" }]);
  assertEquals(one({ auth: `${btoa("me:x\0\0")}\n` }), [{ user: "me", password: "x" }]);
  assertEquals(one({ username: "me", password: "" }), [{ user: "me", password: "" }]);
  assertEquals(one({ auth: "", username: "me", password: "x" }), [{ user: "me", password: "x" }]);
  assertEquals(one({ auth: new TextEncoder().encode("ü:é").toBase64() }), [
    { user: "ü", password: "é" },
  ]);
  for (const entry of [{}, { auth: "%%%" }, { auth: btoa("nobody") }, { username: 1 }, null, "x"]) {
    assertEquals(one(entry), []);
  }
});

Deno.test("loginsFor: reads the old format without `auths`", () => {
  const config = bytes({ "ghcr.io": { username: "me", password: "x" } });
  assertEquals(loginsFor(config, addressOf("ghcr.io/a/b")).length, 1);
});

for (const broken of ["", "{", "[]", "null", "1", '{"auths": []}', '{"auths": "s3cret"}']) {
  Deno.test(`isDockerConfig: rejects ${broken || "an empty file"} and reports none of its content`, () => {
    assertEquals(isDockerConfig(bytes(broken)), false);
    const error = assertThrows(
      () => loginsFor(bytes(broken), addressOf("ghcr.io/a/b")),
      Failure,
      "not a JSON object with the field `auths`",
    );
    assertEquals(error.kind, "configuration");
    assert(!Deno.inspect(error).includes("s3cret"));
  });
}

Deno.test("loginsFor: finds no login in the configuration of a credential helper", () => {
  const config = bytes({ auths: { "ghcr.io": {} }, credsStore: "desktop" });
  assert(isDockerConfig(config));
  assertEquals(loginsFor(config, addressOf("ghcr.io/a/b")), []);
  assertEquals(loginsFor(bytes({}), addressOf("ghcr.io/a/b")), []);
});
