import { chart } from "./calendar.js";
import { drawPicture, shapesOf, startCells } from "./cells.js";
import { count, element, plural, table, tableToOpen } from "./dom.js";

/** What the page says about bars that overlap: of a run with bronze, and of silver alone. */
const OVERLAPS = [
  [
    "copy",
    "Copy, encode and put overlap: rows are encoded as they come, and a part is stored while the " +
    "next one is made. The time beside their bars is their own time. Every other bar begins where " +
    "the step before it ended.",
  ],
  [
    "put",
    "Put overlaps the other steps: a part is stored while the next one is made. Every other bar " +
    "begins where the step before it ended.",
  ],
];

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
      OVERLAPS.find(([kind]) =>
        runs.some(({ work = [] }) => work.some((each) => each.kind === kind))
      )
        ?.[1] ?? "A bar begins where the step before it ended.",
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

/** The bars of a day: those of its layers, and postflight as one. */
function barsOf({ steps, seconds, work = [] }) {
  const layers = [...new Set([...steps, ...work].map(({ layer }) => layer))];
  const bars = layers.flatMap((layer) => {
    const own = (each) => each.layer === layer;
    return barsOfLayer(steps.filter(own), work.filter(own));
  });
  const last = d3.max([...steps, ...work], ({ ended }) => ended) ?? 0;
  const checks = seconds.postflight === undefined ? [] : [{
    layer: "postflight",
    step: "checks",
    says: "compared the day with the outbox",
    began: last,
    ended: last + seconds.postflight,
  }];
  return [...bars, ...checks];
}

/**
 * The bars of a layer: its steps, and the work on parts. In bronze, the work takes the place of the
 * steps of its parts. In silver, it comes after the step of all parts.
 */
function barsOfLayer(steps, work) {
  const isPart = ({ step }) => step === "part" && work.length > 0;
  const parts = steps.filter((step) => isPart(step) || step.step === "parts");
  const about = parts.length === 1 ? parts[0].says : plural(parts.length, "part");
  const overlapping = ["copy", "encode", "put"].flatMap((kind) =>
    work.filter((each) => each.kind === kind).map((each) => ({
      ...each,
      step: kind,
      says: parts.length === 0 ? `${WORK[kind]}.` : `${WORK[kind]}. ${about}`,
    }))
  );
  const others = steps.filter((step) => !isPart(step)).map((step) =>
    // The step before a marker is the last part, whose upload had only begun then.
    step.step === "commit"
      ? { ...step, began: d3.max([step.began, ...putsBefore(work, step)]) }
      : step
  );
  const first = steps.findIndex(isPart);
  const all = others.findIndex(({ step }) => step === "parts");
  const before = first >= 0 ? first : all >= 0 ? all + 1 : others.length;
  return [...others.slice(0, before), ...overlapping, ...others.slice(before)];
}

/** When uploads ended, up to the end of the marker. */
function putsBefore(work, { ended: until }) {
  return work.filter(({ kind, ended }) => kind === "put" && ended <= until)
    .map(({ ended }) => ended);
}

/** What the overlapping bars mean. */
const WORK = {
  copy: "Waited for rows from Postgres; between them, the rows before were encoded",
  encode: "Made Parquet pages of the rows, compressed them, and waited for rows in between",
  put: "Stored a part, while the next one was made",
};

/** The space beside the plots. It is the same in each picture, so that a time has the same place. */
const SIZE = { width: 1000, marginLeft: 190, marginRight: 70 };

function timelineOf(run) {
  const all = barsOf(run);
  const failure = run.failure === undefined ? [] : [
    element("p", { class: "verdict fail" }, `✗ ${run.day} failed`),
    element("pre", { tabindex: "0" }, run.failure),
  ];
  if (all.length === 0) {
    return [...failure, element("p", {}, `${run.day} has no steps: exit code ${run.exitCode}.`)];
  }
  const start = d3.min(all, ({ began }) => began);
  const steps = all.map((step) => ({
    ...step,
    title: `${step.layer} ${nameOf(step.step)}`,
    from: step.began - start,
    to: step.ended - start,
    takes: step.busy ?? step.ended - step.began,
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
    ...SIZE,
    height: 50 + titles.length * 24,
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
        fillOpacity: ({ busy }) => busy === undefined ? 1 : 0.75,
        stroke: "var(--front)",
        strokeWidth: 0.5,
        insetTop: 2,
        insetBottom: 2,
      }),
      Plot.text(titles.map((title) => steps.filter((step) => step.title === title)), {
        x: (own) => d3.max(own, ({ to }) => to),
        y: (own) => own[0].title,
        text: (own) => secondsText(timeOfBars(own)),
        textAnchor: "start",
        dx: 6,
        fill: "var(--front)",
        pointerEvents: "none",
      }),
    ],
  });
  startCells(shapesOf(svg, "bar"), {
    label: (i) => `${steps[i].title}: ${secondsText(steps[i].takes)}`,
    place: (i) => [i, 0],
    choose: (i) =>
      details.replaceChildren(
        element("h3", {}, `${steps[i].title}, ${timeText(steps[i])}`),
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
        steps.map((step) => [step.title, secondsText(step.from), timeText(step), step.says]),
      )),
  ];
}

/** The steps whose names in the output are shorter than what they do. */
const NAMES = { part: "copy, encode, put", commit: "marker" };

function nameOf(step) {
  return NAMES[step] ?? step;
}

/** The time of a bar: for work that others interrupt, its own time of the whole. */
function timeText({ busy, takes, from, to }) {
  if (busy === undefined) return secondsText(takes);
  return `${secondsText(takes)} of ${secondsText(to - from)}`;
}

/** The time of bars in a row. Uploads that run at the same time count once. */
function timeOfBars(bars) {
  let covered = 0;
  let until = -Infinity;
  for (const { from, to } of d3.sort(bars, ({ from }) => from)) {
    covered += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return Math.min(covered, d3.sum(bars, ({ takes }) => takes));
}

function secondsText(seconds) {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

/** The rows per second and the memory as lines. */
function linesOf({ day, samples, work = [] }, start, end) {
  const rates = samples.flatMap((sample, i) => {
    const { layer, at, rows } = sample;
    const before = samples[i - 1];
    if (before === undefined || before.layer !== layer) return [];
    // The first rows of a layer come after its first steps.
    const copy = work.find((each) => each.layer === layer && each.kind === "copy");
    const from = before.rows > 0 ? before.at : Math.max(before.at, copy?.began ?? before.at);
    if (at - from < 0.001) return [];
    return [{
      layer,
      from: from - start,
      to: at - start,
      rate: (rows - before.rows) / (at - from),
    }];
  });
  const memory = samples.map((sample) => ({
    at: sample.at - start,
    size: sample.memory / 2 ** 20,
  }));
  const x = { label: null, domain: [0, end], grid: true };
  const marker = (values) => values.length < 60 ? "circle" : "none";
  return [
    rates.length > 0 &&
    chart(
      "Rows per second",
      `Rows per second of ${day}, at most ${count(Math.round(d3.max(rates, ({ rate }) => rate)))}`,
      {
        ...SIZE,
        x,
        y: { label: null, grid: true, zero: true, tickFormat: "~s" },
        marks: [
          Plot.rectY(rates, { x1: "from", x2: "to", y: "rate", fill: "var(--bar)" }),
          Plot.ruleY([0], { stroke: "var(--dim)" }),
        ],
      },
    ),
    memory.length > 0 &&
    chart(
      "Memory in MiB",
      `Memory of the process during ${day}, at most ${
        count(Math.round(d3.max(memory, ({ size }) => size)))
      } MiB`,
      {
        ...SIZE,
        x,
        y: { label: null, grid: true, zero: true },
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
