import { element, plural, shorten, table, tableToOpen } from "./dom.js";
import { drawPicture, shapesOf, startCells } from "./cells.js";
import { OUTSIDE } from "./reach_model.js";

/** The nodes that a graph has at most. */
const MOST_NODES = 40;

/** Shows who may talk to whom in a namespace: its workloads, other namespaces, and outside. */
export function startGraph(model, namespaces, root) {
  const picture = element("div", { class: "scroll" });
  const details = element("div", {
    class: "answer",
    role: "region",
    "aria-live": "polite",
    "aria-label": "The connections of a node",
  }, element("p", {}, "Choose a node to see only its connections."));
  const byPolicies = d3.rollup(
    model.groups,
    (all) => d3.sum(all, (group) => model.data.isolating[group.class].egress.length),
    ({ namespace }) => namespace,
  );
  let namespace = d3.greatest(namespaces, (name) => byPolicies.get(name));
  const draw = () => drawGraph(model, namespace, picture, details);
  const select = element("select", {
    id: "graph-namespace",
    onchange: ({ target }) => {
      namespace = target.value;
      draw();
    },
  }, namespaces.map((name) => element("option", { value: name }, name)));
  select.value = namespace;
  root.append(
    element("h2", { id: "graph" }, "Who may talk to whom"),
    element("div", { class: "controls" }, element("label", {}, "Namespace: ", select)),
    element(
      "p",
      {},
      "A circle is a workload of the namespace, or several that every policy treats the same; a ring " +
        "around it says that its pods may talk to each other. A square is another namespace, or outside.",
    ),
    element("figure", { "aria-labelledby": "graph" }, picture),
    details,
  );
  draw();
}

/** The nodes and edges of a namespace. The groups of another namespace are one node. */
function graphOf({ groups, titles, between, outsideOf }, namespace) {
  const inside = groups.flatMap((group, i) => group.namespace === namespace ? [i] : []);
  const own = inside.slice(0, MOST_NODES);
  const nodes = own.map((i) => ({ title: titles[i], own: true }));
  const edges = [];
  const connect = (from, to, texts) => {
    const open = [...new Set(texts.filter((text) => text !== undefined))];
    if (open.length === 0) return;
    const more = open.length > 3 ? " or others" : "";
    edges.push({ from, to, text: open.slice(0, 3).join(" or ") + more });
  };
  const portsBetween = (one, other) => {
    const { text, verdict } = between(one, other);
    return verdict === "none" ? undefined : text;
  };
  /** Adds a node outside of the namespace, if it has a connection. */
  const addNode = (title, toward, back) => {
    const before = edges.length;
    own.forEach((one, i) => {
      connect(i, nodes.length, toward(one));
      connect(nodes.length, i, back(one));
    });
    if (edges.length > before) nodes.push({ title });
  };
  own.forEach((one, from) =>
    own.forEach((other, to) => {
      if (one !== other || !groups[one].isPod) connect(from, to, [portsBetween(one, other)]);
    })
  );
  const texts = (one, side) => outsideOf(one, side).list.map(({ text }) => text);
  addNode(OUTSIDE, (one) => texts(one, "egress"), (one) => texts(one, "ingress"));
  const others = d3.group(
    d3.range(groups.length).filter((i) => groups[i].namespace !== namespace),
    (i) => groups[i].namespace,
  );
  const names = [...others.keys()];
  const shown = names.slice(0, MOST_NODES);
  for (const name of shown) {
    const members = others.get(name);
    addNode(
      `namespace ${name}`,
      (one) => members.map((other) => portsBetween(one, other)),
      (one) => members.map((other) => portsBetween(other, one)),
    );
  }
  const left = [
    ...(own.length < inside.length ? [plural(inside.length - own.length, "more row")] : []),
    ...(shown.length < names.length ? [plural(names.length - shown.length, "more namespace")] : []),
  ];
  const note = left.length === 0
    ? ""
    : `The graph leaves out ${left.join(" and ")}: see the picture above.`;
  return { nodes, edges, note };
}

/** Places a node on a circle, with the same height between all nodes of a side for their names. */
function placeOf(i, number) {
  const onRight = Math.ceil(number / 2);
  const isRight = i < onRight;
  const ofSide = isRight ? onRight : number - onRight;
  const y = 1 - (2 * (isRight ? i : i - onRight) + 1) / ofSide;
  return { x: (isRight ? 1 : -1) * Math.sqrt(1.02 - y * y), y };
}

/** The arrows that a graph has at most before a node is chosen. */
const MOST_ARROWS = 150;

function drawGraph(model, namespace, picture, details) {
  const { nodes, edges, note } = graphOf(model, namespace);
  const places = nodes.map((node, i) => ({ ...node, ...placeOf(i, nodes.length) }));
  const selves = edges.filter(({ from, to }) => from === to).map(({ from }) => places[from]);
  const between = edges.filter(({ from, to }) => from !== to);
  const isDense = between.length > MOST_ARROWS;
  const make = (chosen) => {
    const isShown = ({ from, to }) =>
      chosen === undefined ? !isDense : from === chosen || to === chosen;
    const svg = drawPicture({
      width: 900,
      height: Math.max(140, nodes.length * 24),
      margin: 30,
      marginLeft: 240,
      marginRight: 240,
      ariaLabel: `Connections of namespace ${namespace}`,
      x: { axis: null, domain: [-1.05, 1.05] },
      y: { axis: null, domain: [-1.05, 1.05] },
      marks: [
        Plot.arrow(between.filter(isShown), {
          x1: ({ from }) => places[from].x,
          y1: ({ from }) => places[from].y,
          x2: ({ to }) => places[to].x,
          y2: ({ to }) => places[to].y,
          bend: 12,
          insetStart: 10,
          insetEnd: 10,
          stroke: "var(--link)",
          strokeWidth: 1.5,
        }),
        Plot.dot(selves, { x: "x", y: "y", r: 13, stroke: "var(--link)", strokeWidth: 1.5 }),
        Plot.dot(places, {
          x: "x",
          y: "y",
          r: 8,
          fill: ({ own }) => own ? "var(--reach-every)" : "var(--reach-some)",
          stroke: "var(--front)",
          symbol: ({ own }) => own ? "circle" : "square",
        }),
        ["start", "end"].map((anchor) =>
          Plot.text(places.filter(({ x }) => (x >= 0) === (anchor === "start")), {
            x: "x",
            y: "y",
            dx: anchor === "start" ? 18 : -18,
            textAnchor: anchor,
            fill: "var(--front)",
            fontSize: 13,
            pointerEvents: "none",
            text: ({ title }) => shorten(title, 36),
          })
        ),
      ],
    });
    const toward = (i) => between.filter(({ from }) => from === i).length;
    const fromOthers = (i) => between.filter(({ to }) => to === i).length;
    const shapes = shapesOf(svg, "dot");
    startCells(shapes, {
      label: (i) =>
        `${nodes[i].title}: may open connections to ${
          plural(toward(i), "node")
        }, and accepts them from ${plural(fromOthers(i), "node")}`,
      place: (i) => [i, 0],
      choose: (i) => {
        const again = make(i);
        picture.replaceChildren(again.svg);
        again.shapes[i].setAttribute("aria-pressed", "true");
        again.shapes[0].setAttribute("tabindex", "-1");
        again.shapes[i].setAttribute("tabindex", "0");
        again.shapes[i].focus();
        const own = edges.filter((edge) => edge.from === i || edge.to === i);
        details.replaceChildren(
          edgeTable(`Connections of ${nodes[i].title}`, nodes, own),
          element("button", { type: "button", onclick: () => show() }, "Show all connections"),
        );
      },
    });
    return { svg, shapes };
  };
  const show = () => {
    picture.replaceChildren(
      make().svg,
      element(
        "p",
        {},
        isDense
          ? `${
            plural(between.length, "arrow")
          } would hide each other: choose a node to see its own. `
          : "",
        note,
      ),
      tableToOpen(
        "The graph as a table",
        () => edgeTable(`Connections of namespace ${namespace}`, nodes, edges),
      ),
    );
    details.replaceChildren(element("p", {}, "Choose a node to see only its connections."));
  };
  show();
}

function edgeTable(caption, nodes, edges) {
  return table(
    caption,
    ["from", "to", "ports"],
    edges.map(({ from, to, text }) => [nodes[from].title, nodes[to].title, text]),
  );
}
