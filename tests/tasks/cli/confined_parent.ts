import { type Needs, runConfined } from "../../../tasks/cli/confined.ts";

// Starts a module with the permissions in the arguments, then probes its own remaining permissions.

const [module, ...texts] = Deno.args;
const [needs, order] = texts.map((text) => JSON.parse(text)) as [Needs, unknown];
const exitCode = await runConfined(import.meta.resolve(`./${module}`), order, needs);
const names = ["env", "ffi", "net", "read", "run", "sys", "write"] as const;
const left = [];
for (const name of names) {
  if ((await Deno.permissions.query({ name })).state === "granted") left.push(name);
}
console.log(JSON.stringify(left));
Deno.exit(exitCode);
