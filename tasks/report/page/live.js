/** Milliseconds after which a server that does not answer counts as out of reach. */
const PATIENCE = 130_000;

/**
 * Keeps the page of a server up to date: shows the age of its data, asks for newer data, and changes
 * only what differs. The place of the reader stays.
 *
 * @param draw draws the pictures of some data
 */
export function startLive(draw) {
  const live = document.querySelector("#live");
  if (live === null) return;
  let read = performance.now() - Number(live.dataset.age);
  const interval = 1000 * Number(live.dataset.interval);
  const trouble = live.querySelector(".trouble");
  const shown = new Map(
    ["header", "#data"].map((each) => [each, document.querySelector(each).outerHTML]),
  );
  /** Takes an element of another page, if it differs. Returns whether it differs. */
  const takeOver = (page, selector) => {
    const fresh = page.querySelector(selector);
    if (shown.get(selector) === fresh.outerHTML) return false;
    shown.set(selector, fresh.outerHTML);
    document.querySelector(selector).replaceWith(document.adoptNode(fresh));
    return true;
  };
  const showAge = () => {
    const age = live.querySelector(".age");
    const isKnown = live.dataset.age !== "";
    age.textContent = isKnown
      ? `Read ${ageText(performance.now() - read)} ago. The page updates itself.`
      : "Nothing was read yet. The page tries again by itself.";
  };
  const showTrouble = (text) => {
    if (trouble.textContent !== text) trouble.textContent = text;
  };
  const update = async () => {
    let page;
    try {
      const answer = await fetch("/update", { signal: AbortSignal.timeout(PATIENCE) });
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      return showTrouble(
        "The server does not answer, so the page shows what was read before. Start it again, or " +
          "close this page. The page tries again by itself.",
      );
    }
    const fresh = page.querySelector("#live");
    const failure = fresh?.querySelector(".trouble").textContent ?? "Another program answers here.";
    showTrouble(failure);
    if (failure !== "") return;
    live.dataset.age = fresh.dataset.age;
    read = performance.now() - Number(fresh.dataset.age);
    if (takeOver(page, "header")) document.title = page.title;
    if (takeOver(page, "#data")) {
      keepPlace(() => draw(JSON.parse(document.querySelector("#data").textContent)));
    }
  };
  const again = async () => {
    if (!document.hidden) await update();
    showAge();
    setTimeout(again, interval);
  };
  showAge();
  setInterval(showAge, 1000);
  setTimeout(again, interval);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) update();
  });
}

function ageText(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** Draws again, and restores what the reader has chosen, focused, opened and scrolled to. */
function keepPlace(draw) {
  const root = document.querySelector("#pictures");
  const all = (selector) => [...root.querySelectorAll(selector)];
  const nameOf = (each) => each.dataset.key ?? `${each.tagName} ${each.textContent}`;
  const named = (selector, name) => all(selector).find((each) => nameOf(each) === name);
  const chosen = root.querySelector('[aria-pressed="true"]')?.dataset.key;
  const focused = root.contains(document.activeElement)
    ? nameOf(document.activeElement)
    : undefined;
  const open = new Set(all("details[open] > summary").map(({ textContent }) => textContent));
  const scrolled = all(".wide, .scroll").map((
    { scrollLeft, scrollTop, scrollWidth, clientWidth },
  ) => [
    // A picture that shows its newest days still does so when there is another day.
    scrollLeft + clientWidth >= scrollWidth - 1 ? scrollWidth * 2 : scrollLeft,
    scrollTop,
  ]);
  const { scrollX, scrollY } = window;
  draw();
  if (chosen !== undefined) named("[data-key]", chosen)?.dispatchEvent(new MouseEvent("click"));
  for (const summary of all("details > summary")) {
    if (open.has(summary.textContent)) summary.parentElement.open = true;
  }
  if (focused !== undefined) {
    named("[data-key], summary, button, select, input, [tabindex]", focused)
      ?.focus({ preventScroll: true });
  }
  all(".wide, .scroll").forEach((each, i) => each.scrollTo(...(scrolled[i] ?? [0, 0])));
  scrollTo(scrollX, scrollY);
}
