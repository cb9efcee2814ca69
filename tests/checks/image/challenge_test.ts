import { parseChallenge } from "../../../checks/image/registry.ts";
import { assertEquals } from "../../support/assert.ts";

const TOKEN = { scheme: "bearer", realm: "https://auth.example.com/token" } as const;

for (
  const [header, challenge] of [
    ['Basic realm="suite"', { scheme: "basic" }],
    ["basic", { scheme: "basic" }],
    [
      'Bearer realm="https://auth.example.com/token",service="reg",scope="repository:a/b:pull"',
      { ...TOKEN, service: "reg", scope: "repository:a/b:pull" },
    ],
    [
      'bearer Realm = "https://auth.example.com/token" , service=reg',
      { ...TOKEN, service: "reg", scope: undefined },
    ],
    [
      'Basic realm="a, b=\\"c\\"", Bearer realm="https://auth.example.com/token"',
      { ...TOKEN, service: undefined, scope: undefined },
    ],
    [
      'Bearer realm="https://auth.example.com/token",scope="repository:a/b:pull,push"',
      { ...TOKEN, service: undefined, scope: "repository:a/b:pull,push" },
    ],
  ] as const
) {
  Deno.test(`a challenge is read: ${header}`, () => {
    assertEquals<unknown>(parseChallenge(header), challenge);
  });
}

for (
  const header of ["", "Negotiate", "Bearer", 'Bearer service="reg"', 'realm="x"', "=,=,", '"']
) {
  Deno.test(`nobody can meet the challenge ${header || "that is empty"}`, () => {
    assertEquals(parseChallenge(header), undefined);
  });
}

Deno.test("a header without end is read in no time", () => {
  assertEquals(parseChallenge('Basic realm="'.repeat(100_000)), { scheme: "basic" });
});
