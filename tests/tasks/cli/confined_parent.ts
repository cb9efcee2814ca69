import { type Needs, runConfined } from "../../../tasks/cli/confined.ts";

// Starts the probe with the permissions in the arguments, then probes its own remaining permissions.

const [needs, order] = Deno.args.map((text) => JSON.parse(text)) as [Needs, unknown];
const exitCode = await runConfined(import.meta.resolve("./confined_probe.ts"), order, needs);
const names = ["env", "ffi", "net", "read", "run", "sys", "write"] as const;
const left = [];
for (const name of names) {
  if ((await Deno.permissions.query({ name })).state === "granted") left.push(name);
}
console.log(JSON.stringify(left));
Deno.exit(exitCode);
