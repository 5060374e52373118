// What all parts of the page share: the data, elements, numbers, colours, and the hour and variant that are shown.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

/** The first variant is the one that all others are compared with. */
const lead = data.variants[0];
const courses = new Map(data.courses.map((course) => [course.variant, course]));

/** An element with attributes and children; texts are never read as HTML. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== false && value !== undefined && value !== null) {
      node.setAttribute(name, value);
    }
  }
  return put(node, ...children);
}

/** Appends children, however deep in lists; what is nothing is left out. */
function put(node, ...children) {
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

/** Fills a section of the page, which is then shown. */
function section(id, title, ...children) {
  const node = document.getElementById(id);
  node.hidden = false;
  return put(node, el("h2", { id: `${id}-title` }, title), children);
}

/** A variant's look: a colour, a dash and a symbol, so that none has to tell it alone. */
const DASHES = ["none", "6 3", "2 2.5", "9 3 2 3", "1 3", "12 4"];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "wye", "cross"];
const MARKS = { circle: d3.symbolCircle, square: d3.symbolSquare, triangle: d3.symbolTriangle, diamond: d3.symbolDiamond, star: d3.symbolStar, wye: d3.symbolWye, cross: d3.symbolCross };
const HUES = 6;

function look(variant) {
  // Broad and pale, so that it is seen below a variant that goes the same way.
  if (variant === 0) return { color: "var(--v0)", dash: "none", symbol: "circle", width: 3.2, opacity: 0.5, pale: "var(--muted)" };
  const turn = variant - 1;
  return {
    color: `var(--v${(turn % HUES) + 1})`,
    pale: `var(--v${(turn % HUES) + 1})`,
    dash: DASHES[(turn % (DASHES.length - 1)) + 1],
    symbol: SYMBOLS[(turn % (SYMBOLS.length - 1)) + 1],
    width: 1.7,
    opacity: 1,
  };
}

/** A sample of a variant's line or mark, for legends. */
function sample(variant, of = "line") {
  const { color, dash, symbol, width, opacity } = look(variant);
  const svg = d3.create("svg").attr("width", 30).attr("height", 12).attr("aria-hidden", "true");
  if (of === "mark") {
    svg.attr("width", 16).append("path").attr("transform", "translate(8,6)").attr("fill", color)
      .attr("d", d3.symbol(MARKS[symbol], 60)());
    return svg.node();
  }
  svg.append("line").attr("x1", 1).attr("x2", 29).attr("y1", 6).attr("y2", 6)
    .attr("stroke", color).attr("stroke-width", width + 0.3).attr("stroke-opacity", opacity).attr("stroke-dasharray", dash);
  return svg.node();
}

/** A number with few digits and a unit's prefix. */
function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${trimmed(value / 1e6)} M`;
  if (size >= 1e5) return `${trimmed(value / 1e3)} k`;
  if (size >= 100) return Math.round(value).toLocaleString("en-US");
  return trimmed(value);
}

function trimmed(value) {
  if (value === 0) return "0";
  return String(Number(value.toPrecision(3)));
}

function percent(part, digits = 1) {
  return `${(part * 100).toFixed(digits)} %`;
}

/** A time after the start, in hours: 19:00, and 1d 02:00 after a day. */
function clock(hours) {
  const minutes = Math.round(hours * 60);
  const [day, rest] = [Math.floor(minutes / 1440), minutes % 1440];
  const two = (number) => String(number).padStart(2, "0");
  const last = day > 0 && hours === data.scenario.hours && rest === 0;
  const time = `${two(last && day === 1 ? 24 : Math.floor(rest / 60))}:${two(rest % 60)}`;
  return day > 0 && !(last && day === 1) ? `${day}d ${time}` : time;
}

function counted(count, noun) {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

/** The hour and the variant that are shown, and who wants to know when they change. */
const shown = {
  hour: 0,
  variant: (data.courses.slice(1).find((course) => course.flowsThatDiffer > 0) ?? data.courses[1] ?? data.courses[0])?.variant ?? 0,
  visible: new Set(data.courses.slice(0, 5).map((course) => course.variant)),
  listeners: { hour: [], variant: [], visible: [] },
  on(what, listener) {
    this.listeners[what].push(listener);
  },
  tell(what) {
    this.listeners[what].forEach((listener) => listener());
  },
  set(what, value) {
    this[what] = value;
    this.tell(what);
  },
};

/** Whether two boxes cover each other. */
function overlaps(a, b) {
  return a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
}

/** Draws again when the width of a box changes. */
function onWidth(box, draw) {
  let before = 0;
  new ResizeObserver(() => {
    const width = Math.floor(box.getBoundingClientRect().width);
    if (width > 0 && width !== before) {
      before = width;
      requestAnimationFrame(() => draw(width));
    }
  }).observe(box);
}

/** Makes a chart of the library an image with a text alternative: its parts are no longer named by themselves. */
function asImage(svg, label) {
  svg.querySelectorAll("[aria-label]").forEach((part) => part.removeAttribute("aria-label"));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  return svg;
}
