import { startCalendar } from "./calendar.js";
import { startChecks } from "./checks.js";
import { startReach } from "./reach.js";
import { startTimeline } from "./timeline.js";

startChecks();

const data = JSON.parse(document.querySelector("#data").textContent);
const pictures = document.querySelector("#pictures");
if (data.calendar) startCalendar(data.calendar, pictures);
if (data.runs?.length > 0) startTimeline(data.runs, pictures);
if (data.reach) startReach(data.reach, pictures);

// A printed report has the runbook pages of the checks that failed, and the others stay closed.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".check.fail details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
