import { count, element, plural, shorten, table, tableToOpen } from "./dom.js";
import { drawPicture, shapesOf, startCells } from "./cells.js";
import { OUTSIDE, reachModel } from "./reach_model.js";
import { startGraph } from "./graph.js";

/** The rows or columns that the picture shows at once. */
const MOST = 40;

const ALL = "";

/** The verdicts, each with a sign: colour alone says nothing. */
const REACH_SIGNS = {
  every: { sign: "●", says: "every port" },
  some: { sign: "◐", says: "some ports" },
  none: { sign: "×", says: "no port" },
  mixed: { sign: "%", says: "part of the pairs have an open port" },
};

/** Shows which connections the policies allow. */
export function startReach(data, root) {
  const model = reachModel(data);
  const namespaces = [...new Set(model.groups.map(({ namespace }) => namespace))].sort(byName);
  const isLarge = model.groups.length > MOST;
  const choice = {
    from: isLarge && namespaces.length > 1 ? ALL : undefined,
    to: isLarge && namespaces.length > 1 ? ALL : undefined,
    filter: "",
    rowsFrom: 0,
    columnsFrom: 0,
  };
  const picture = element("div", { class: "scroll" });
  const members = element("div");
  const pager = element("div", { class: "controls" });
  const details = element(
    "div",
    { class: "answer", role: "region", "aria-live": "polite", "aria-label": "The deciding rules" },
    element(
      "p",
      {},
      "Choose a cell to see the deciding rules: click it, or move with the arrow keys and press Enter.",
    ),
  );
  const draw = () =>
    drawMatrix({ model, namespaces, choice, picture, pager, members, details, draw });
  root.append(element(
    "section",
    { class: "part" },
    element("h2", { id: "reach" }, "Connections"),
    element(
      "p",
      {},
      `${plural(model.groups.reduce((sum, { names }) => sum + names.length, 0), "workload")} in ${
        plural(namespaces.length, "namespace")
      }, ${
        data.policies.length === 1 ? "1 policy" : `${count(data.policies.length)} policies`
      } of ${data.directory}. A row is the source of a connection, and a column is its destination. Workloads that every policy treats the same share a row.`,
    ),
    controlsOf(namespaces, choice, draw),
    legendOf(REACH_SIGNS, "reach"),
    element("figure", { "aria-labelledby": "reach" }, picture, pager),
    members,
    details,
    tableToOpen("All allowed connections as a table", () => connectionTable(model)),
    notesOf(data.notes),
  ));
  draw();
  startGraph(model, namespaces, root);
}

function byName(one, other) {
  return one.localeCompare(other, "en", { numeric: true });
}

/** A legend with the sign, the colour and the words of each state. */
export function legendOf(signs, kind) {
  return element(
    "ul",
    { class: "legend", "aria-label": "Legend" },
    Object.entries(signs).map(([name, { sign, says }]) =>
      element(
        "li",
        {},
        element("span", { class: `swatch ${kind}-${name}`, "aria-hidden": "true" }, sign),
        ` ${says}`,
      )
    ),
  );
}

function notesOf(notes) {
  return notes.length > 0 &&
    element("ul", {}, notes.map((note) => element("li", {}, `Note: ${note}`)));
}

function controlsOf(namespaces, choice, draw) {
  const change = (changes) => {
    Object.assign(choice, changes, { rowsFrom: 0, columnsFrom: 0 });
    draw();
  };
  const select = (label, side) => {
    const made = element(
      "select",
      {
        id: `reach-${side}`,
        onchange: ({ target }) =>
          change({ [side]: target.value === "*" ? undefined : target.value }),
      },
      element("option", { value: ALL }, "namespaces"),
      element("option", { value: "*" }, "all workloads"),
      namespaces.map((name) => element("option", { value: name }, name)),
    );
    made.value = choice[side] ?? "*";
    choice[`${side}Select`] = made;
    return element("label", {}, `${label} `, made);
  };
  const filter = element("input", {
    type: "search",
    oninput: ({ target }) => change({ filter: target.value.trim() }),
  });
  return element(
    "div",
    { class: "controls" },
    select("Rows:", "from"),
    select("Columns:", "to"),
    element("label", {}, "Only names with: ", filter),
  );
}

/** The members of a row or column: groups of workloads, or the addresses outside. */
function reachLines({ groups, titles }, namespaces, shown, filter) {
  const matches = (text) => text.toLowerCase().includes(filter.toLowerCase());
  const all = groups.map((_, i) => i);
  const lines = shown === ALL
    ? namespaces.filter(matches).map((name) => ({
      title: name,
      namespace: name,
      members: all.filter((i) => groups[i].namespace === name),
    }))
    : all.filter((i) => shown === undefined || groups[i].namespace === shown)
      .filter((i) => groups[i].names.some((name) => matches(`${groups[i].namespace}/${name}`)))
      .map((i) => ({ title: `${groups[i].namespace}/${titles[i]}`, members: [i] }));
  return [...lines, { title: OUTSIDE, members: [] }];
}

/** The verdict for two lines: that of their members, or the share of pairs with an open port. */
function judge(model, from, to) {
  const isOutside = ({ members }) => members.length === 0;
  if (isOutside(from) && isOutside(to)) return undefined;
  const counts = isOutside(from) || isOutside(to)
    ? countOutside(
      model,
      isOutside(from) ? to.members : from.members,
      isOutside(from) ? "ingress" : "egress",
    )
    : model.countPairs(from.members, to.members);
  const all = counts.none + counts.some + counts.every;
  const [verdict] = Object.entries(counts).find(([, number]) => number === all) ?? ["mixed"];
  if (verdict !== "mixed") return { verdict, ...REACH_SIGNS[verdict] };
  const share = Math.round(100 * (all - counts.none) / all);
  const percent = counts.none === 0 ? 100 : Math.min(99, Math.max(1, share));
  return { verdict, sign: `${percent}%`, says: `${percent}% of the pairs have an open port` };
}

function countOutside({ groups, outsideOf }, members, side) {
  const counts = { none: 0, some: 0, every: 0 };
  for (const member of members) {
    counts[outsideOf(member, side).verdict] += groups[member].names.length;
  }
  return counts;
}

function drawMatrix({ model, namespaces, choice, picture, pager, members, details, draw }) {
  const all = {
    rows: reachLines(model, namespaces, choice.from, choice.filter),
    columns: reachLines(model, namespaces, choice.to, choice.filter),
  };
  const rows = all.rows.slice(choice.rowsFrom, choice.rowsFrom + MOST);
  const columns = all.columns.slice(choice.columnsFrom, choice.columnsFrom + MOST);
  const cells = rows.flatMap((from, row) =>
    columns.map((to, column) => ({ from, to, row, column, ...judge(model, from, to) }))
      .filter(({ verdict }) => verdict !== undefined)
  );
  // A namespace that all workloads have needs no place in each label.
  const isOnly = namespaces.length === 1;
  const nameOf = ({ title, members: [only], namespace }) =>
    isOnly && namespace === undefined && only !== undefined ? model.titles[only] : title;
  const rowLabels = rows.map((line) => shorten(nameOf(line), 44));
  const columnLabels = columns.map((line) => shorten(nameOf(line), 44));
  const longest = Math.max(...rowLabels.map(({ length }) => length));
  const widest = Math.max(...columnLabels.map(({ length }) => length));
  const margin = { marginLeft: 20 + longest * 6.6, marginTop: 20 + widest * 5 };
  const svg = drawPicture({
    ...margin,
    marginRight: 20 + widest * 5,
    marginBottom: 4,
    width: margin.marginLeft + 20 + widest * 5 + columns.length * 26,
    height: margin.marginTop + 4 + rows.length * 26,
    ariaLabel: "Connections by source and destination",
    x: {
      type: "band",
      domain: d3.range(columns.length),
      axis: "top",
      tickRotate: -45,
      tickSize: 0,
      label: null,
      tickFormat: (i) => columnLabels[i],
    },
    y: {
      type: "band",
      domain: d3.range(rows.length),
      tickSize: 0,
      label: null,
      tickFormat: (i) => rowLabels[i],
    },
    color: {
      domain: Object.keys(REACH_SIGNS),
      range: Object.keys(REACH_SIGNS).map((name) => `var(--reach-${name})`),
    },
    marks: [
      Plot.cell(cells, { x: "column", y: "row", fill: "verdict", stroke: "var(--line)", inset: 1 }),
      Plot.text(cells, {
        x: "column",
        y: "row",
        text: "sign",
        fill: "var(--front)",
        fontSize: ({ verdict }) => verdict === "mixed" ? 9 : 14,
        pointerEvents: "none",
      }),
    ],
  });
  const labels = cells.map(({ from, to, says }) => `${from.title} to ${to.title}: ${says}`);
  startCells(shapesOf(svg, "cell"), {
    label: (i) => labels[i],
    place: (i) => [cells[i].column, cells[i].row],
    choose: (i) => details.replaceChildren(...answerTo(model, cells[i], choice, draw)),
  });
  picture.replaceChildren(svg);
  members.replaceChildren(sharedOf(model, [...rows, ...columns]) || "");
  pager.replaceChildren(
    ...pagerOf("rows", all.rows.length, choice, "rowsFrom", draw),
    ...pagerOf("columns", all.columns.length, choice, "columnsFrom", draw),
  );
}

/** The names of a shared row to list at most before the row is chosen. */
const MOST_NAMES = 10;

/** The workloads of the rows and columns that several share, for which a label has no place. */
function sharedOf({ groups, titles }, lines) {
  const shared = [
    ...new Set(
      lines.filter(({ namespace }) => namespace === undefined)
        .flatMap(({ members }) => members),
    ),
  ].filter((i) => groups[i].names.length > 1);
  return shared.length > 0 &&
    element(
      "ul",
      { "aria-label": "Rows with several workloads" },
      shared.map((i) => {
        const { namespace, names } = groups[i];
        const more = names.length - MOST_NAMES;
        const listed = names.slice(0, MOST_NAMES).join(", ") +
          (more > 0 ? ` and ${count(more)} more` : "");
        return element("li", {}, element("b", {}, titles[i]), ` in ${namespace}: ${listed}`);
      }),
    );
}

function pagerOf(noun, length, choice, field, draw) {
  if (length <= MOST) return [];
  const from = choice[field];
  const to = Math.min(from + MOST, length);
  const go = (step) => () => {
    choice[field] = Math.min(Math.max(0, from + step * MOST), length - 1);
    draw();
  };
  return [
    element(
      "button",
      { type: "button", onclick: go(-1), disabled: from === 0 && "" },
      `Previous ${noun}`,
    ),
    element("span", {}, ` ${noun} ${from + 1} to ${to} of ${length} `),
    element(
      "button",
      { type: "button", onclick: go(1), disabled: to === length && "" },
      `Next ${noun}`,
    ),
  ];
}

/** What decides about a cell. */
function answerTo(model, { from, to, says }, choice, draw) {
  const title = element("h3", {}, `${from.title} → ${to.title}: ${says}`);
  const isNamespace = [from, to].some(({ namespace }) => namespace !== undefined);
  if (isNamespace) {
    const show = () => {
      for (const [side, { namespace }] of [["from", from], ["to", to]]) {
        if (namespace === undefined) continue;
        choice[side] = namespace;
        choice[`${side}Select`].value = namespace;
      }
      choice.rowsFrom = choice.columnsFrom = 0;
      draw();
    };
    return [title, element("button", { type: "button", onclick: show }, "Show the workloads")];
  }
  const one = from.members[0] ?? OUTSIDE;
  const other = to.members[0] ?? OUTSIDE;
  return [
    title,
    one === OUTSIDE || other === OUTSIDE
      ? addressesOf(model, one, other)
      : element("p", {}, `Open: ${model.between(one, other).text}.`),
    ...membersOf(model, [one, other]),
    ...(one === OUTSIDE ? [] : sideOf(model, one, "egress", other)),
    ...(other === OUTSIDE ? [] : sideOf(model, other, "ingress", one)),
  ];
}

function addressesOf(model, one, other) {
  const { list } = one === OUTSIDE
    ? model.outsideOf(other, "ingress")
    : model.outsideOf(one, "egress");
  if (list.length === 0) return element("p", {}, "No address outside the cluster is open.");
  return table(
    "Open addresses",
    ["addresses", "ports"],
    list.map(({ addresses, text }) => [addresses, text]),
  );
}

function membersOf({ groups }, ends) {
  const several = [...new Set(ends)].filter((end) =>
    end !== OUTSIDE && groups[end].names.length > 1
  );
  return several.map((end) =>
    element(
      "details",
      {},
      element(
        "summary",
        {},
        `${groups[end].names.length} workloads of ${
          groups[end].namespace
        } that every policy treats the same`,
      ),
      element("ul", {}, groups[end].names.map((name) => element("li", {}, name))),
    )
  );
}

/** What one end decides: its policies, and the rules that select the other end. */
function sideOf(model, self, side, other) {
  const { groups, data } = model;
  const name = `${groups[self].namespace}/${model.titles[self]}`;
  const { policies, rules, onNode } = model.decision(self, side, other);
  const heading = element("h4", {}, side === "egress" ? `Egress of ${name}` : `Ingress of ${name}`);
  if (onNode) {
    return [
      heading,
      element("p", {}, "The pods use their node's network, where no policy applies."),
    ];
  }
  if (policies.length === 0) {
    return [
      heading,
      element("p", {}, "No policy isolates the pods, so this end allows every connection."),
    ];
  }
  const matching = rules.filter(({ isMatch }) => isMatch);
  const heads = policies.length === 1 ? "1 policy isolates" : `${policies.length} policies isolate`;
  const says = matching.length === 0
    ? `${heads} the pods, and no rule selects the other end:`
    : `${heads} the pods, and these rules select the other end:`;
  const shown = matching.length === 0
    ? policies
    : [...new Set(matching.map(({ policy }) => policy))];
  return [
    heading,
    element("p", {}, says),
    element(
      "ul",
      {},
      shown.map((number) => {
        const own = (matching.length === 0 ? rules : matching).filter(({ policy }) =>
          policy === number
        );
        return element(
          "li",
          {},
          policyText(data.policies[number]),
          own.length === 0 ? ": it has no rules" : element(
            "ul",
            {},
            own.map((rule) =>
              element("li", {}, element("code", {}, rule.path), `: ${ruleText(rule)}`)
            ),
          ),
        );
      }),
    ),
  ];
}

function policyText({ name, where }) {
  return where === "" ? name : `${name} (${where})`;
}

function ruleText({ peers, matching, ports }) {
  const named = matching.length === 0 ? peers : matching;
  const ends = peers.length === 0
    ? "all addresses and pods"
    : named.map(({ says }) => says).join("; ");
  return `${ends}; ${ports.length === 0 ? "every port" : ports.join(", ")}`;
}

/** The rows that the table of all connections has at most. */
const MOST_ROWS = 2000;

function connectionTable(model) {
  const rows = [];
  const name = (i) => `${model.groups[i].namespace}/${model.titles[i]}`;
  for (const [i] of model.groups.entries()) {
    for (const [j] of model.groups.entries()) {
      const { text, verdict } = model.between(i, j);
      if (verdict !== "none" && rows.length < MOST_ROWS) rows.push([name(i), name(j), text]);
    }
    for (const { addresses, text } of model.outsideOf(i, "egress").list) {
      rows.push([name(i), addresses, text]);
    }
    for (const { addresses, text } of model.outsideOf(i, "ingress").list) {
      rows.push([addresses, name(i), text]);
    }
    if (rows.length >= MOST_ROWS) break;
  }
  const caption = rows.length < MOST_ROWS
    ? "Allowed connections; all others of these workloads with each other and outside are denied"
    : `The first ${MOST_ROWS} allowed connections. The command prints all of them`;
  return table(caption, ["from", "to", "ports"], rows);
}
