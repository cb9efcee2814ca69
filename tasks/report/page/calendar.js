import { drawPicture, shapesOf, startCells } from "./cells.js";
import { command, count, element, plural, table, tableToOpen } from "./dom.js";
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
  const time = timeOf(days);
  const pictures = element(
    "div",
    { class: "wide" },
    element("figure", { "aria-labelledby": "calendar" }, calendarOf(days, time, details)),
    ...dayLines(days, time),
  );
  part.append(
    element(
      "p",
      {},
      `${plural(days.length, "day")}, ${count(sealed.length)} sealed in both layers. ${outbox}`,
    ),
    legendOf(DAY_SIGNS, "day"),
    pictures,
    details,
    publications(days),
    tableToOpen("All days as a table", () => dayTable(days)),
  );
  pictures.scrollLeft = pictures.scrollWidth; // the newest days
}

/** The days of a lake with more days have a column per week, others have a column per day. */
const MOST_COLUMNS = 70;

/** The least width of a column in pixels, so that its sign can be read. */
const COLUMN = 15;

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** The space beside the plots. It is the same in each picture of a page. */
const MARGINS = { marginLeft: 90, marginRight: 90 };

/** The axis of time that all pictures share, so that a day has the same place in each. */
function timeOf(days) {
  const timeOfDay = (day) => Date.parse(`${day}T00:00:00Z`);
  const [first, last] = [timeOfDay(days[0].day), timeOfDay(days.at(-1).day)];
  const perColumn = (last - first) / DAY < MOST_COLUMNS ? 1 : 7;
  const weekday = (time) => (new Date(time).getUTCDay() + 6) % 7;
  const start = perColumn === 1 ? first : first - weekday(first) * DAY;
  const columns = Math.floor((last - start) / DAY / perColumn) + 1;
  const end = start + columns * perColumn * DAY;
  return {
    perColumn,
    weekday,
    timeOfDay,
    columnOf: (time) => Math.floor((time - start) / DAY / perColumn),
    startOf: (column) => start + column * perColumn * DAY,
    size: {
      ...MARGINS,
      width: Math.max(1000, columns * COLUMN + MARGINS.marginLeft + MARGINS.marginRight),
    },
    x: { type: "utc", label: null, domain: [new Date(start), new Date(end)] },
  };
}

/** A cell for each day and layer. A column is a day, or a week with a row for each day of the week. */
function calendarOf(days, time, details) {
  const { perColumn, weekday, timeOfDay, columnOf, startOf } = time;
  const rowsOfLayer = perColumn === 1 ? 1 : 7;
  const cells = days.flatMap((day) => {
    const at = timeOfDay(day.day);
    const column = columnOf(at);
    const row = perColumn === 1 ? 0 : weekday(at);
    return LAYERS.map((layer, i) => ({
      day,
      layer,
      column,
      row: i * (rowsOfLayer + 1) + row,
      from: new Date(startOf(column)),
      to: new Date(startOf(column + 1)),
    }));
  });
  const rows = d3.range(2 * rowsOfLayer + 1);
  const nameOf = (row) => {
    if (row === rowsOfLayer) return "";
    const [layer, own] = row < rowsOfLayer ? ["bronze", row] : ["silver", row - rowsOfLayer - 1];
    if (perColumn === 1) return layer;
    return own === 0 ? `${layer}  ${WEEKDAYS[0]}` : WEEKDAYS[own];
  };
  const height = perColumn === 1 ? 24 : 16;
  const isSmall =
    (time.size.width - MARGINS.marginLeft - MARGINS.marginRight) / cells.length * LAYERS.length *
        perColumn < 24;
  const svg = drawPicture({
    ...time.size,
    height: 40 + rows.length * height,
    marginTop: 30,
    marginBottom: 10,
    ariaLabel: "State of each day and layer",
    x: { ...time.x, axis: "top" },
    y: {
      type: "band",
      domain: rows,
      axis: "both",
      label: null,
      tickSize: 0,
      tickFormat: nameOf,
      padding: 0,
    },
    color: {
      domain: Object.keys(DAY_SIGNS),
      range: Object.keys(DAY_SIGNS).map((name) => `var(--day-${name})`),
    },
    marks: [
      Plot.barX(cells, {
        x1: "from",
        x2: "to",
        y: "row",
        fill: ({ day, layer }) => day[layer].state,
        stroke: "var(--line)",
        inset: 0.5,
      }),
      Plot.text(cells.filter(({ day, layer }) => DAY_SIGNS[day[layer].state].sign !== ""), {
        x: ({ from, to }) => new Date((from.getTime() + to.getTime()) / 2),
        y: "row",
        text: ({ day, layer }) => DAY_SIGNS[day[layer].state].sign,
        fill: "var(--front)",
        fontSize: isSmall ? 11 : 13,
        pointerEvents: "none",
      }),
    ],
  });
  startCells(shapesOf(svg, "bar"), {
    label: (i) =>
      `${cells[i].day.day} ${cells[i].layer}: ${
        DAY_SIGNS[cells[i].day[cells[i].layer].state].says
      }`,
    key: (i) => `${cells[i].day.day} ${cells[i].layer}`,
    place: (i) => [cells[i].column, cells[i].row],
    choose: (i) => details.replaceChildren(...dayDetails(cells[i].day)),
  });
  return svg;
}

function dayDetails(day) {
  return [
    element("h3", {}, day.day),
    ...day.notes.map((note) => element("p", {}, note)),
    day.next !== undefined && element("p", {}, "Next:"),
    ...(day.next ?? []).map(({ kind, text }) =>
      kind === "command" ? command(text, day.day) : element("p", { class: "words" }, text.trim())
    ),
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
function dayLines(days, { timeOfDay, size, x }) {
  const middle = (day) => new Date(timeOfDay(day) + DAY / 2);
  const data = days.map((day) => ({
    ...day,
    date: new Date(timeOfDay(day.day)),
    middle: middle(day.day),
  }));
  const summary = (values) =>
    `from ${days[0].day} to ${days.at(-1).day}, at most ${count(d3.max(values) ?? 0)}`;
  const rows = data.map(({ bronze }) => bronze.rows ?? 0);
  const lags = data.filter(({ lag }) => lag !== undefined);
  const late = data.map((day) => day.late);
  return [
    chart("Rows of bronze per day", `Rows of bronze per day, ${summary(rows)}`, {
      ...size,
      x,
      y: { label: null, axis: "both", grid: true, tickFormat: "~s" },
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
    chart("Late events: events after the seal", `Late events per day, ${summary(late)}`, {
      ...size,
      x,
      y: {
        label: null,
        axis: "both",
        grid: true,
        domain: [0, Math.max(1, d3.max(late))],
        tickFormat: (number) => Number.isInteger(number) ? count(number) : "",
      },
      marks: [
        Plot.lineY(data, {
          x: "middle",
          y: "late",
          stroke: "var(--fail)",
          strokeWidth: 2,
          marker: data.length < 60 ? "circle" : "none",
        }),
      ],
    }),
    chart(
      "Lag: hours from the end of a day to its last publication",
      `Hours from the end of a day to its last publication, ${
        summary(lags.map(({ lag }) => Math.round(lag)))
      }`,
      {
        ...size,
        x,
        y: { label: null, axis: "both", grid: true, zero: true },
        marks: [
          Plot.ruleY([0], { stroke: "var(--dim)" }),
          Plot.lineY(data, {
            x: "middle",
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
  const svg = drawPicture({ height: 170, ...options });
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", description);
  return element(
    "figure",
    {},
    element("figcaption", {}, title),
    svg,
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
      (day.next ?? []).map(({ text }) => text).join(""),
    ]),
  );
}
