import { databaseConfig, tlsConfig } from "../../../pipeline/config.ts";
import { assertEquals } from "../../support/assert.ts";
import { environment, refused } from "./environments.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const FILES: Record<string, string> = { "/etc/ca.pem": PEM, "/etc/my ca.pem": PEM, "/etc/x": "x" };

function tls(variables: Record<string, string>) {
  return tlsConfig(environment(variables), (path) => {
    if (path in FILES) return FILES[path]!;
    throw new Deno.errors.NotFound();
  });
}

Deno.test("tlsConfig returns undefined if no variable is set", () => {
  assertEquals(tls({}), undefined);
  assertEquals(tls({ PGSSLMODE: "", DJANGO_DB_SSLMODE: "", PGSSLROOTCERT: "" }), undefined);
  assertEquals(databaseConfig(environment({ DJANGO_DB_PASSWORD: "p" })).tls, undefined);
});

for (const name of ["PGSSLMODE", "DJANGO_DB_SSLMODE"]) {
  for (const mode of ["disable", "prefer", "require", "verify-ca", "verify-full"] as const) {
    Deno.test(`tlsConfig accepts ${name}=${mode}, as libpq does`, () => {
      assertEquals(tls({ [name]: mode }), { mode, asked: true });
    });
  }
  Deno.test(`tlsConfig reads ${name}=allow as prefer`, () => {
    assertEquals(tls({ [name]: "allow" }), { mode: "prefer", asked: true });
  });
  for (const mode of ["on", "VERIFY-FULL", "verify_full", "require ", "true", "$(MODE)"]) {
    Deno.test(`tlsConfig refuses ${name}=${JSON.stringify(mode)}`, () => {
      refused(() => tls({ [name]: mode }), [
        `Cannot use ${name}=${JSON.stringify(mode)}: `,
        "one of disable, prefer, require, verify-ca, verify-full",
      ]);
    });
  }
}

Deno.test("tlsConfig accepts both variables if they agree, and refuses them if they differ", () => {
  const both = { PGSSLMODE: "require", DJANGO_DB_SSLMODE: "require" };
  assertEquals(tls(both), { mode: "require", asked: true });
  refused(() => tls({ ...both, PGSSLMODE: "disable" }), [
    "DJANGO_DB_SSLMODE=require",
    "PGSSLMODE=disable",
    "contradict",
  ]);
});

Deno.test("tlsConfig reads the authorities of PGSSLROOTCERT, and then treats require as verify-ca", () => {
  const ca = { PGSSLROOTCERT: "/etc/ca.pem" };
  assertEquals(tls(ca), { mode: "verify-full", asked: true, ca: PEM });
  assertEquals(tls({ PGSSLROOTCERT: "/etc/my ca.pem" })?.ca, PEM);
  const modes = [["require", "verify-ca"], ["verify-ca", "verify-ca"], ["disable", "disable"]];
  for (const [asked, mode] of modes) {
    assertEquals(tls({ ...ca, PGSSLMODE: asked! })?.mode as string, mode);
  }
});

Deno.test("tlsConfig accepts PGSSLROOTCERT=system only with verify-full, as libpq does", () => {
  const system = { PGSSLROOTCERT: "system" };
  assertEquals(tls(system), { mode: "verify-full", asked: true });
  assertEquals(tls({ ...system, PGSSLMODE: "verify-full" }), { mode: "verify-full", asked: true });
  for (const mode of ["disable", "prefer", "require", "verify-ca"]) {
    refused(() => tls({ ...system, PGSSLMODE: mode }), [
      `PGSSLMODE=${mode}`,
      "PGSSLROOTCERT=system",
      "Set PGSSLMODE=verify-full",
    ]);
  }
});

Deno.test("tlsConfig names a PGSSLROOTCERT that does not exist or has no certificate", () => {
  const name = (path: string) => `Cannot use PGSSLROOTCERT=${JSON.stringify(path)}: `;
  refused(() => tls({ PGSSLROOTCERT: "/etc/none" }), [name("/etc/none"), "NotFound", "PEM"]);
  refused(() => tls({ PGSSLROOTCERT: "/etc/x" }), [name("/etc/x"), "the file has no certificate"]);
});
