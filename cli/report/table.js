// Tables that sort: by a button in each head, numbers as numbers, equal rows in the order that they were in.
"use strict";

/**
 * A table. Each column has a `label`, and of a row its `text`, and if it sorts by something else its `value`; `number`
 * columns stand to the right. `node` may give a cell's content instead of a text.
 */
function sortableTable({ caption, columns, rows, sorted }) {
  const body = el("tbody");
  const heads = columns.map((column, place) =>
    el("th", { scope: "col", class: column.number ? "number" : null },
      el("button", { type: "button", on: { click: () => sortBy(place) } },
        column.label, el("span", { class: "arrow", "aria-hidden": "true" }))));
  let order = { place: sorted?.place ?? -1, down: sorted?.down ?? false };
  let current = rows;

  function sortBy(place) {
    order = { place, down: order.place === place ? !order.down : Boolean(columns[place].number) };
    draw();
  }

  function draw() {
    const column = columns[order.place];
    heads.forEach((head, place) => {
      const direction = order.down ? "descending" : "ascending";
      if (place === order.place) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    });
    const sorting = column ? [...current].sort((a, b) => compare(column, a, b, order.down)) : current;
    body.replaceChildren(...sorting.map(row));
  }

  function row(entry) {
    return el("tr", { class: entry.rowClass }, columns.map((column, place) => {
      const content = column.node ? column.node(entry) : column.text(entry);
      const tag = place === 0 ? "th" : "td";
      return el(tag, { scope: place === 0 ? "row" : null, class: column.number ? "number" : null }, content);
    }));
  }

  draw();
  const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads)), body);
  const box = el("div", { class: "scrolls", tabindex: "0", role: "group", "aria-label": `Table: ${caption}` }, table);
  return { box, set(next) { current = next; draw(); } };
}

function compare(column, a, b, down) {
  const value = column.value ?? column.text;
  const [x, y] = [value(a), value(b)];
  const missing = (one) => one === null || one === undefined;
  if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
  const sign = typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
  return down ? -sign : sign;
}
