import { say } from "./dom.js";

/** Copies a text. A browser without the clipboard for files copies the selected element. */
async function copyText(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    const selection = getSelection();
    selection.selectAllChildren(element);
    return document.execCommand("copy");
  }
}

/** Copies the command beside a button. */
async function copyBeside(button) {
  const copied = await copyText(button.parentElement.querySelector("code"));
  const [label] = button.childNodes;
  label.data = copied ? "Copied" : "Selected";
  say(copied ? "The command is copied." : "The command is selected.");
  setTimeout(() => label.data = "Copy", 3000);
}

function startFilter(fieldset) {
  const part = document.querySelector(`#${fieldset.dataset.filter}`).parentElement;
  const update = () => {
    const boxes = [...fieldset.querySelectorAll("input")];
    const shown = new Set(boxes.filter(({ checked }) => checked).map(({ value }) => value));
    for (const section of part.querySelectorAll("section.checks")) {
      const checks = [...section.querySelectorAll("article")];
      for (const check of checks) check.hidden = !shown.has(check.dataset.verdict);
      section.hidden = checks.every(({ hidden }) => hidden);
    }
  };
  fieldset.addEventListener("change", update);
  update(); // a browser can restore the state of the boxes
}

/** Opens the page that a link names, which can be closed. */
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView();
}

/** Starts the buttons and switches of the checks. */
export function startChecks() {
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-copy]");
    if (button !== null) copyBeside(button);
  });
  document.querySelectorAll("fieldset[data-filter]").forEach(startFilter);
  addEventListener("hashchange", openTarget);
  openTarget();
}
