import { drawPicture, startCells } from "./cells.js";
import { count, element, plural, table, tableToOpen } from "./dom.js";
import { legendOf } from "./reach.js";

/** The states of a layer, each with a sign: colour alone says nothing. */
const DAY_SIGNS = {
  sealed: { sign: "", says: "sealed" },
  open: { sign: "○", says: "open: the day can still grow" },
  empty: { sign: "0", says: "sealed without events" },
  quarantined: { sign: "q", says: "has events in quarantine" },
  stale: { sign: "!", says: "stale: silver is from an older bronze" },
  missing: { sign: "×", says: "missing" },
  waiting: { sign: "·", says: "not over yet" },
  unusable: { sign: "?", says: "its marker cannot be used or read" },
};

const LAYERS = ["bronze", "silver"];

/** The milliseconds of a day. A date of a picture is only a place on an axis. */
const DAY = 86_400_000;

/** Shows the days of a lake: their states, rows, late events and lag. */
export function startCalendar({ days, outbox }, root) {
  const part = element("section", { class: "part" });
  root.append(part);
  part.append(element("h2", { id: "calendar" }, "The lake by day"));
  if (days.length === 0) return part.append(element("p", {}, "There are no days yet."));
  const details = element(
    "div",
    { class: "answer", role: "region", "aria-live": "polite", "aria-label": "The chosen day" },
    element(
      "p",
      {},
      "Choose a day to see its parts: click it, or move with the arrow keys and press Enter.",
    ),
  );
  const sealed = days.filter((day) =>
    LAYERS.every((layer) => ["sealed", "empty"].includes(day[layer].state))
  );
  part.append(
    element(
      "p",
      {},
      `${plural(days.length, "day")}, ${count(sealed.length)} sealed in both layers. ${outbox}`,
    ),
    legendOf(DAY_SIGNS, "day"),
    element(
      "figure",
      { "aria-labelledby": "calendar" },
      element("div", { class: "wide" }, calendarOf(days, details)),
    ),
    details,
    ...dayLines(days),
    publications(days),
    tableToOpen("All days as a table", () => dayTable(days)),
  );
}

/** A cell for each day and layer: a column is a week, and a row is a day of the week. */
function calendarOf(days, details) {
  const dated = days.map((day) => ({ day, time: Date.parse(`${day.day}T00:00:00Z`) }));
  const cells = dated.flatMap(({ day, time }) => {
    const date = new Date(time);
    const year = date.getUTCFullYear();
    const monday = (date.getUTCDay() + 6) % 7;
    const firstOfYear = Date.UTC(year, 0, 1);
    const before = (new Date(firstOfYear).getUTCDay() + 6) % 7;
    const week = Math.floor(((time - firstOfYear) / DAY + before) / 7);
    return LAYERS.map((layer, i) => ({
      day,
      layer,
      year,
      week,
      weekday: monday,
      row: 2 * year + i,
      month: date.getUTCMonth(),
      date: date.getUTCDate(),
    }));
  });
  const rows = [...new Set(cells.map(({ row }) => row))].sort(newestFirst);
  const titles = new Map(cells.map(({ row, year, layer }) => [row, `${year} ${layer}`]));
  const [firstWeek, lastWeek] = d3.extent(cells, ({ week }) => week);
  const size = 17;
  const months = cells.filter(({ date }) => date === 1);
  const svg = drawPicture({
    width: 110 + (lastWeek - firstWeek + 1) * size + 20,
    height: 30 + rows.length * (7 * size + 26),
    marginLeft: 90,
    marginTop: 24,
    marginRight: 10,
    marginBottom: 4,
    ariaLabel: "State of each day and layer",
    x: { type: "band", domain: d3.range(firstWeek, lastWeek + 1), axis: null, padding: 0.08 },
    y: { type: "band", domain: d3.range(7), axis: null, padding: 0.08 },
    fy: {
      domain: rows,
      label: null,
      padding: 0.16,
      axis: "left",
      tickFormat: (row) => titles.get(row),
    },
    color: {
      domain: Object.keys(DAY_SIGNS),
      range: Object.keys(DAY_SIGNS).map((name) => `var(--day-${name})`),
    },
    marks: [
      Plot.text(months, {
        x: "week",
        fy: "row",
        frameAnchor: "top",
        dy: -10,
        text: ({ month }) => MONTHS[month],
        fill: "var(--dim)",
        fontSize: 11,
        pointerEvents: "none",
      }),
      Plot.cell(cells, {
        x: "week",
        y: "weekday",
        fy: "row",
        fill: ({ day, layer }) => day[layer].state,
        stroke: "var(--line)",
      }),
      Plot.text(cells.filter(({ day, layer }) => DAY_SIGNS[day[layer].state].sign !== ""), {
        x: "week",
        y: "weekday",
        fy: "row",
        text: ({ day, layer }) => DAY_SIGNS[day[layer].state].sign,
        fill: "var(--front)",
        fontSize: 11,
        pointerEvents: "none",
      }),
    ],
  });
  // A facet has a mark of its own, so the shapes are those of all facets.
  const shapes = [...svg.querySelectorAll('g[data-mark="cell"] rect')].sort((a, b) =>
    a.__data__ - b.__data__
  );
  startCells(shapes, {
    label: (i) =>
      `${cells[i].day.day} ${cells[i].layer}: ${
        DAY_SIGNS[cells[i].day[cells[i].layer].state].says
      }`,
    place: (i) => [cells[i].week, rows.indexOf(cells[i].row) * 7 + cells[i].weekday],
    choose: (i) => details.replaceChildren(...dayDetails(cells[i].day)),
  });
  return svg;
}

/** Puts the newest year first, with bronze above silver. */
function newestFirst(one, other) {
  const year = (row) => Math.floor(row / 2);
  return year(other) - year(one) || one - other;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function dayDetails(day) {
  return [
    element("h3", {}, day.day),
    ...day.notes.map((note) => element("p", {}, note)),
    day.next !== undefined && element("p", {}, "Next: ", element("code", {}, day.next)),
    ...LAYERS.map((layer) => {
      const { state, rows, bytes, published, parts } = day[layer];
      const says = [
        DAY_SIGNS[state].says,
        ...(rows === undefined ? [] : [plural(rows, "row"), plural(bytes, "byte")]),
        ...(published === undefined ? [] : [`published ${published}`]),
      ];
      return element(
        "div",
        {},
        element("h4", {}, `${layer}: ${says.join(", ")}`),
        parts.length > 0 &&
          table(
            `Parts of ${layer}`,
            ["part", "rows", "bytes"],
            parts.map(([key, partRows, size]) => [key, count(partRows), count(size)]),
          ),
      );
    }),
  ].filter((each) => each !== false);
}

/** The rows as bars, and late events and the lag as lines. */
function dayLines(days) {
  const data = days.map((day) => ({ ...day, date: new Date(`${day.day}T00:00:00Z`) }));
  const x = { type: "utc", label: null };
  const summary = (values) =>
    `from ${days[0].day} to ${days.at(-1).day}, at most ${count(d3.max(values) ?? 0)}`;
  const rows = data.map(({ bronze }) => bronze.rows ?? 0);
  const lags = data.filter(({ lag }) => lag !== undefined);
  const late = data.map((day) => day.late);
  return [
    chart("Rows of bronze", `Rows of bronze per day, ${summary(rows)}`, {
      x,
      y: { label: "rows", grid: true, tickFormat: "~s" },
      marks: [
        Plot.rectY(data, {
          x: "date",
          interval: "day",
          y: ({ bronze }) => bronze.rows ?? 0,
          fill: "var(--bar)",
          inset: data.length < 300 ? 0.5 : 0,
        }),
        Plot.ruleY([0], { stroke: "var(--dim)" }),
      ],
    }),
    chart("Late events", `Late events per day, ${summary(late)}`, {
      x,
      y: {
        label: "events after the seal",
        grid: true,
        domain: [0, Math.max(1, d3.max(late))],
        tickFormat: (number) => Number.isInteger(number) ? count(number) : "",
      },
      marks: [
        Plot.lineY(data, {
          x: "date",
          y: "late",
          stroke: "var(--fail)",
          strokeWidth: 2,
          marker: data.length < 60 ? "circle" : "none",
        }),
      ],
    }),
    chart(
      "Lag",
      `Hours from the end of a day to its last publication, ${
        summary(lags.map(({ lag }) => Math.round(lag)))
      }`,
      {
        x,
        y: { label: "hours until the last publication", grid: true, zero: true },
        marks: [
          Plot.ruleY([0], { stroke: "var(--dim)" }),
          Plot.lineY(data, {
            x: "date",
            y: "lag",
            stroke: "var(--link)",
            strokeWidth: 2,
            marker: data.length < 60 ? "circle" : "none",
          }),
        ],
      },
    ),
  ];
}

/** A picture without shapes to choose. Its text is for a screen reader, and a table has the values. */
export function chart(title, description, options) {
  const svg = drawPicture({ width: 1000, height: 190, marginLeft: 60, ...options });
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", description);
  return element(
    "figure",
    {},
    element("figcaption", {}, title),
    element("div", { class: "scroll" }, svg),
  );
}

/** The number of publications that the page lists. */
const NEWEST = 20;

/** The last runs that published something: the newest markers of both layers. */
function publications(days) {
  const all = days.flatMap((day) => LAYERS.map((layer) => ({ day: day.day, layer, ...day[layer] })))
    .filter(({ published }) => published !== undefined)
    .sort((one, other) =>
      d3.descending(one.published, other.published) || d3.descending(one.layer, other.layer)
    );
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Last runs" },
    table(
      "Last runs, by their commit markers",
      ["published", "day", "layer", "state", "rows", "bytes"],
      all.slice(0, NEWEST).map((
        { published, day, layer, state, rows, bytes },
      ) => [
        published,
        day,
        layer,
        DAY_SIGNS[state].says,
        rows === undefined ? "" : count(rows),
        bytes === undefined ? "" : count(bytes),
      ]),
    ),
  );
}

function dayTable(days) {
  const layer = ({ state, rows }) =>
    rows === undefined ? DAY_SIGNS[state].says : `${DAY_SIGNS[state].says}, ${plural(rows, "row")}`;
  return table(
    "The lake by day",
    ["day", "bronze", "silver", "late events", "lag in hours", "next"],
    days.map((
      day,
    ) => [
      day.day,
      layer(day.bronze),
      layer(day.silver),
      count(day.late),
      String(day.lag ?? ""),
      day.next ?? "",
    ]),
  );
}
