import { startChecks } from "./checks.js";

startChecks();

// A printed report has the runbook pages of the checks that failed, and the others stay closed.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".check.fail details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
