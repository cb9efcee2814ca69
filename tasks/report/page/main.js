import { startCalendar } from "./calendar.js";
import { startChecks } from "./checks.js";
import { startLive } from "./live.js";
import { startReach } from "./reach.js";
import { startTimeline } from "./timeline.js";

/** Draws the pictures of some data, in place of those before. */
function drawPictures(data) {
  const root = document.querySelector("#pictures");
  root.replaceChildren();
  if (data.calendar) startCalendar(data.calendar, root);
  if (data.runs?.length > 0) startTimeline(data.runs, root);
  if (data.reach) startReach(data.reach, root);
}

drawPictures(JSON.parse(document.querySelector("#data").textContent));
startChecks();
startLive(drawPictures);

// A printed report has the runbook pages of the checks that failed, and the others stay closed.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".check.fail details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
