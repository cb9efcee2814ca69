import { chart } from "./calendar.js";
import { drawPicture, shapesOf, startCells } from "./cells.js";
import { count, element, table, tableToOpen } from "./dom.js";

/** Shows what happened while days were made. */
export function startTimeline(runs, root) {
  const part = element("section", { class: "part" });
  root.append(part);
  const picture = element("div", {});
  const draw = (run) => picture.replaceChildren(...timelineOf(run));
  part.append(element("h2", { id: "timeline" }, "Timeline"));
  if (runs.length > 1) {
    part.append(daysTable(runs));
    const select = element(
      "select",
      { onchange: ({ target }) => draw(runs[Number(target.value)]) },
      runs.map(({ day }, i) => element("option", { value: String(i) }, day)),
    );
    part.append(element("div", { class: "controls" }, element("label", {}, "Day: ", select)));
  }
  part.append(
    element(
      "p",
      {},
      "A bar begins where the step before it ended. The copy from the outbox, the encoding and the " +
        "upload of the parts run at the same time: the bar of a part ends when its upload begins, " +
        "and the marker is stored after all uploads.",
    ),
    picture,
  );
  draw(runs[0]);
}

function daysTable(runs) {
  const titles = ["day", "bronze", "silver", "seconds", "exit code"];
  const total = ({ seconds }) => d3.sum(Object.values(seconds)).toFixed(1);
  const rows = runs.map((
    run,
  ) => [run.day, run.bronze ?? "-", run.silver ?? "-", total(run), String(run.exitCode)]);
  return element("div", {
    class: "scroll",
    tabindex: "0",
    role: "region",
    "aria-label": "All days of the run",
  }, table("Days", titles, rows));
}

/** The steps of a day. Postflight is one step. */
function stepsOf({ steps, seconds }) {
  const began = steps.at(-1)?.ended ?? 0;
  const checks = seconds.postflight === undefined ? [] : [{
    layer: "postflight",
    step: "checks",
    says: "compared the day with the outbox",
    began,
    ended: began + seconds.postflight,
  }];
  return [...steps, ...checks];
}

function timelineOf(run) {
  const all = stepsOf(run);
  const failure = run.failure === undefined ? [] : [
    element("p", { class: "verdict fail" }, `✗ ${run.day} failed`),
    element("pre", { tabindex: "0" }, run.failure),
  ];
  if (all.length === 0) {
    return [...failure, element("p", {}, `${run.day} has no steps: exit code ${run.exitCode}.`)];
  }
  const start = all[0].began;
  const steps = all.map((step) => ({
    ...step,
    title: `${step.layer} ${nameOf(step.step)}`,
    from: step.began - start,
    to: step.ended - start,
  }));
  const titles = [...new Set(steps.map(({ title }) => title))];
  const end = d3.max(steps, ({ to }) => to);
  const details = element("div", {
    class: "answer",
    role: "region",
    "aria-live": "polite",
    "aria-label": "The chosen step",
  }, element("p", {}, "Choose a bar to see what the step did."));
  const layers = ["bronze", "silver", "postflight"];
  const svg = drawPicture({
    width: 1000,
    height: 50 + titles.length * 24,
    marginLeft: 190,
    marginRight: 70,
    ariaLabel: `Steps of ${run.day}`,
    x: { label: "seconds", domain: [0, end], grid: true },
    y: { domain: titles, label: null, tickSize: 0 },
    color: { domain: layers, range: layers.map((layer) => `var(--layer-${layer})`) },
    marks: [
      Plot.barX(steps, {
        x1: "from",
        x2: ({ from, to }) => Math.max(to, from + end / 400),
        y: "title",
        fill: "layer",
        stroke: "var(--front)",
        strokeWidth: 0.5,
        insetTop: 2,
        insetBottom: 2,
      }),
      Plot.text(titles.map((title) => steps.filter((step) => step.title === title)), {
        x: (own) => d3.max(own, ({ to }) => to),
        y: (own) => own[0].title,
        text: (own) => secondsText(d3.sum(own, ({ from, to }) => to - from)),
        textAnchor: "start",
        dx: 6,
        fill: "var(--front)",
        pointerEvents: "none",
      }),
    ],
  });
  startCells(shapesOf(svg, "bar"), {
    label: (i) => `${steps[i].title}: ${secondsText(steps[i].to - steps[i].from)}`,
    place: (i) => [i, 0],
    choose: (i) =>
      details.replaceChildren(
        element("h3", {}, `${steps[i].title}, ${secondsText(steps[i].to - steps[i].from)}`),
        element("p", {}, steps[i].says),
      ),
  });
  return [
    ...failure,
    element("figure", { "aria-labelledby": "timeline" }, element("div", { class: "wide" }, svg)),
    details,
    ...linesOf(run, start, end),
    tableToOpen(`The steps of ${run.day} as a table`, () =>
      table(
        `Steps of ${run.day}`,
        ["step", "begins at", "takes", "result"],
        steps.map((
          { title, from, to, says },
        ) => [title, secondsText(from), secondsText(to - from), says]),
      )),
  ];
}

/** The steps whose names in the output are shorter than what they do. */
const NAMES = { part: "copy, encode, put", commit: "marker" };

function nameOf(step) {
  return NAMES[step] ?? step;
}

function secondsText(seconds) {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

/** The rows per second and the memory as lines. */
function linesOf({ day, samples }, start, end) {
  const rates = samples.flatMap((sample, i) => {
    const before = samples[i - 1];
    if (before === undefined || before.layer !== sample.layer || sample.at - before.at < 0.001) {
      return [];
    }
    return [{
      layer: sample.layer,
      at: sample.at - start,
      rate: (sample.rows - before.rows) / (sample.at - before.at),
    }];
  });
  const memory = samples.map((sample) => ({
    at: sample.at - start,
    size: sample.memory / 2 ** 20,
  }));
  const x = { label: "seconds", domain: [0, end], grid: true };
  const marker = (values) => values.length < 60 ? "circle" : "none";
  return [
    rates.length > 0 &&
    chart(
      "Rows per second",
      `Rows per second of ${day}, at most ${count(Math.round(d3.max(rates, ({ rate }) => rate)))}`,
      {
        x,
        y: { label: "rows per second", grid: true, zero: true, tickFormat: "~s" },
        marks: [
          Plot.lineY(rates, {
            x: "at",
            y: "rate",
            z: "layer",
            stroke: "var(--link)",
            strokeWidth: 2,
            marker: marker(rates),
          }),
        ],
      },
    ),
    memory.length > 0 &&
    chart(
      "Memory",
      `Memory of the process during ${day}, at most ${
        count(Math.round(d3.max(memory, ({ size }) => size)))
      } MiB`,
      {
        x,
        y: { label: "MiB", grid: true, zero: true },
        marks: [
          Plot.lineY(memory, {
            x: "at",
            y: "size",
            stroke: "var(--bar)",
            strokeWidth: 2,
            marker: marker(memory),
          }),
        ],
      },
    ),
  ].filter((each) => each !== false);
}
