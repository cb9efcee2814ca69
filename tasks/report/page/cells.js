/**
 * Makes the shapes of a picture buttons. One of them is in the order of the Tab key, and the arrow
 * keys move between them.
 *
 * @param shapes the shapes
 * @param options.label the text of a shape for a screen reader, by its number
 * @param options.key what stays the same when the picture is drawn again, by the number of the shape
 * @param options.place its column and row, by its number
 * @param options.choose shows a shape, by its number, after a click, Enter or Space
 */
export function startCells(shapes, { label, key = label, place, choose }) {
  const byPlace = new Map(shapes.map((_, i) => [place(i).join(), i]));
  let current = 0;
  const makeCurrent = (i) => {
    shapes[current].setAttribute("tabindex", "-1");
    shapes[i].setAttribute("tabindex", "0");
    current = i;
  };
  const moveTo = (i) => {
    makeCurrent(i);
    shapes[i].focus();
  };
  const chooseShape = (i) => {
    for (const each of shapes) {
      if (each.getAttribute("aria-pressed") === "true") each.setAttribute("aria-pressed", "false");
    }
    shapes[i].setAttribute("aria-pressed", "true");
    makeCurrent(i);
    choose(i);
  };
  const next = (i, [right, down]) => {
    let [column, row] = place(i);
    // A picture can have gaps, such as the days before the first one.
    for (let step = 0; step < 60; step++) {
      column += right;
      row += down;
      const found = byPlace.get([column, row].join());
      if (found !== undefined) return found;
    }
    return undefined;
  };
  shapes.forEach((shape, i) => {
    shape.setAttribute("role", "button");
    shape.setAttribute("tabindex", i === 0 ? "0" : "-1");
    shape.setAttribute("aria-label", label(i));
    shape.setAttribute("aria-pressed", "false");
    shape.dataset.key = key(i);
    shape.classList.add("cell");
    shape.addEventListener("click", () => chooseShape(i));
    shape.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        return chooseShape(i);
      }
      const way = {
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
        ArrowUp: [0, -1],
        ArrowDown: [0, 1],
      }[event.key];
      if (way === undefined) return;
      event.preventDefault();
      const found = next(i, way);
      if (found !== undefined) moveTo(found);
    });
  });
}

/**
 * Draws a picture whose shapes can be chosen. Plot names groups without a role, which a screen reader
 * must ignore, so their names move to another attribute.
 */
export function drawPicture(options) {
  const svg = Plot.plot({ style: { fontSize: "12px" }, ...options });
  svg.setAttribute("role", "group");
  for (const group of svg.querySelectorAll("g[aria-label]")) {
    group.dataset.mark = group.getAttribute("aria-label");
    group.removeAttribute("aria-label");
  }
  return svg;
}

/** The shapes of the last mark of a kind in a picture, in the order of their data. */
export function shapesOf(svg, kind) {
  const mark = [...svg.querySelectorAll(`g[data-mark="${kind}"]`)].at(-1);
  return [...mark.children].sort((a, b) => a.__data__ - b.__data__);
}
