// What can be had for what: two measures against each other, and which variants nothing else beats in both.
"use strict";

function drawFrontier() {
  const panels = data.plan ? planPanels() : variantPanels();
  if (panels.length === 0) return;
  const intro = data.plan
    ? "A filled mark is on the frontier: no other candidate is better in one thing and not worse in all others that were asked for; beside carbon, in carbon and price. The ring marks what was chosen, the dashed line a goal."
    : "A filled mark is on the frontier: no other variant is better in one of the two and not worse in the other. The ring marks the base.";
  const boxes = panels.map((panel) => {
    const chart = el("div", { class: "chart" });
    onWidth(chart, (width) => chart.replaceChildren(scatter(panel, width)));
    return el("figure", {}, el("figcaption", {}, `${labelOf(panel.y)} against ${labelOf(panel.x)}`), chart);
  });
  section("frontier", data.plan ? "Candidates and their frontier" : "What can be had for what",
    el("p", {}, intro), el("div", { class: "pair" }, boxes), data.plan ? candidateTable() : null);
}

const measureAt = (path) => data.measures.findIndex((measure) => measure.path === path);
const labelOf = (place) => data.measures[place].label;
/** Whether more of a measure is better. */
const moreIsBetter = (place) => data.measures[place].path.endsWith("slo.attainment");

function variantPanels() {
  if (data.variants.length < 4) return [];
  const [cost, promise, carbon] = ["cost.total", "slo.attainment", "carbon.kg"].map(measureAt);
  return [{ x: cost, y: promise, goals: [] }, { x: cost, y: carbon, goals: [] }];
}

function planPanels() {
  const { minimize, goals } = data.plan;
  const others = [...new Set(goals.map((goal) => goal.measure))].filter((place) => place !== minimize);
  const panels = others.map((y) => ({ x: minimize, y, goals: goals.filter((goal) => goal.measure === y) }));
  const [cost, carbon] = ["cost.total", "carbon.kg"].map(measureAt);
  const known = new Set([minimize, ...others]);
  const other = known.has(carbon) ? cost : carbon;
  return known.has(other) ? panels : [...panels, { x: minimize, y: other, goals: [] }];
}

/** Points of a panel, each with whether no other is better in one thing and not worse in the other. */
function pointsOf({ x, y, goals }) {
  const points = data.variants.map((variant, place) => ({ place, name: variant.short, x: variant.means[x], y: variant.means[y] }))
    .filter((point) => point.x !== null && point.y !== null);
  const gain = (place, a, b) => (moreIsBetter(place) ? a - b : b - a);
  const beats = (a, b) => {
    const gains = [gain(x, a.x, b.x), gain(y, a.y, b.y)];
    return gains.every((one) => one >= 0) && gains.some((one) => one > 0);
  };
  const best = (point) => (data.plan && goals.length > 0 ? data.plan.candidates[point.place].frontier : !points.some((other) => beats(other, point)));
  return points.map((point) => ({ ...point, best: best(point) }));
}

function scatter(panel, width) {
  const points = pointsOf(panel);
  const best = d3.sort(points.filter((point) => point.best), (point) => point.x);
  const markedLast = d3.sort(best, (point) => marked(point));
  const [told, goals] = [(point, place) => data.variants[point.place].told[place], panel.goals];
  const color = (point) => (marked(point) ? "var(--accent)" : "currentColor");
  const height = Math.max(260, Math.min(380, width * 0.68));
  const values = [...points.map((point) => point.y), ...goals.map((goal) => goal.limit)];
  const upward = tick(panel.y, values);
  const marginLeft = Math.max(62, 20 + 7.2 * d3.max(values, (value) => upward(value).length));
  const plot = Plot.plot({
    width, height, marginLeft, marginBottom: 42, marginTop: 24, marginRight: 24, inset: 14,
    x: { label: axisLabel(panel.x), labelAnchor: "center", labelArrow: "none", grid: true, ticks: Math.max(3, Math.floor(width / 110)), tickFormat: tick(panel.x, points.map((point) => point.x)), nice: true },
    y: { label: axisLabel(panel.y), labelArrow: "none", grid: true, ticks: 5, tickFormat: upward, nice: true },
    style: chartStyle,
    marks: [
      Plot.ruleY(goals, { y: "limit", stroke: "var(--warn)", strokeDasharray: "6 4", strokeWidth: 1.5 }),
      Plot.text(goals, { y: "limit", text: "text", frameAnchor: "right", textAnchor: "end", dy: -8, fill: "var(--warn)", stroke: "var(--paper)", strokeWidth: 4 }),
      Plot.line(data.plan && data.plan.goals.length > 1 ? [] : best, { x: "x", y: "y", stroke: "var(--accent)", strokeOpacity: 0.55, strokeWidth: 1.5 }),
      Plot.dot(points.filter((point) => !point.best), { x: "x", y: "y", r: 4.5, stroke: color, strokeWidth: 1.5, fill: "var(--paper)" }),
      Plot.dot(markedLast, { x: "x", y: "y", r: 5, fill: color, stroke: "var(--paper)" }),
      Plot.dot(points.filter(marked), { x: "x", y: "y", r: 10, stroke: "var(--accent)", strokeWidth: 2 }),
      Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: (point) => `${point.name}\n${labelOf(panel.x)}: ${told(point, panel.x)}\n${labelOf(panel.y)}: ${told(point, panel.y)}`, fill: "var(--paper)", stroke: "var(--line)" })),
    ],
  });
  label(plot, points, { left: marginLeft - 14, right: width, bottom: height });
  const list = best.map((point) => `${point.name}: ${told(point, panel.x)}, ${told(point, panel.y)}`).join("; ");
  return asImage(plot, `${labelOf(panel.y)} against ${labelOf(panel.x)} of ${points.length} variants. On the frontier: ${list}.`);
}

/** The base, or the candidate that was chosen. */
function marked(point) {
  return point.place === 0 && (!data.plan || data.plan.chosen !== null);
}

const UNITS = { "cost.total": "$", "cost.annual": "$", "carbon.kg": "kg CO2e", "slo.attainment": "% of requests", "latency.p50Ms": "ms", "latency.p95Ms": "ms", "latency.p99Ms": "ms" };

function axisLabel(place) {
  const unit = UNITS[data.measures[place].path];
  return unit ? `${labelOf(place)}, ${unit}` : labelOf(place);
}

function tick(place, values) {
  const share = data.measures[place].path.endsWith("slo.attainment");
  const spread = (d3.max(values) - d3.min(values)) * (share ? 100 : 1) || 1;
  const digits = Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(spread / 4))));
  return (value) => (share ? (value * 100).toFixed(digits) : Math.abs(value) >= 1e4 ? short(value) : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
}

/** Names beside points, as far as they find room: first the marked one and those of the frontier. */
function label(plot, points, room) {
  const [x, y] = [plot.scale("x"), plot.scale("y")];
  const taken = points.map((point) => ({ left: x.apply(point.x) - 6, right: x.apply(point.x) + 6, top: y.apply(point.y) - 6, bottom: y.apply(point.y) + 6 }));
  const order = [...points].sort((a, b) => marked(b) - marked(a) || b.best - a.best);
  const layer = d3.select(plot).append("g").attr("class", "names").attr("font-size", 12).attr("fill", "currentColor")
    .attr("stroke", "var(--paper)").attr("stroke-width", 4).attr("paint-order", "stroke").attr("stroke-linejoin", "round");
  const told = new Set();
  for (const point of order) {
    if (told.has(point)) continue;
    const [px, py] = [x.apply(point.x), y.apply(point.y)];
    const here = points.filter((other) => Math.hypot(x.apply(other.x) - px, y.apply(other.y) - py) < 7);
    here.forEach((other) => told.add(other));
    const name = here.length > 1 ? `${point.name} and ${here.length - 1} more` : point.name;
    const long = name.length * 6.6;
    const tries = [[14, 4, "start"], [-14, 4, "end"], [0, -15, "middle"], [0, 24, "middle"], [12, -10, "start"], [-12, -10, "end"], [12, 18, "start"], [-12, 18, "end"]];
    const spot = tries.map(([dx, dy, anchor]) => {
      const left = px + dx - (anchor === "end" ? long : anchor === "middle" ? long / 2 : 0);
      return { dx, dy, anchor, left, right: left + long, top: py + dy - 12, bottom: py + dy + 3 };
    }).find((box) => box.left > room.left && box.right < room.right - 2 && box.top > 2 && box.bottom < room.bottom - 38
      && !taken.some((other) => overlaps(box, other)));
    if (!spot) continue;
    taken.push(spot);
    layer.append("text").attr("x", px + spot.dx).attr("y", py + spot.dy).attr("text-anchor", spot.anchor).text(name);
  }
}

function candidateTable() {
  const { plan, variants } = data;
  const rows = variants.map((variant, place) => ({ variant, place, ...plan.candidates[place], rowClass: place === plan.chosen ? "chosen" : null }));
  const goals = plan.goals.flatMap((goal, number) => [
    { label: labelOf(goal.measure), number: true, text: (row) => row.variant.told[goal.measure], value: (row) => row.variant.means[goal.measure] },
    { label: goal.atLeast ? "at least" : "at most", number: true, text: (row) => row.toldBounds[number], value: (row) => row.bounds[number] },
  ]);
  const least = plan.minimize;
  const columns = [
    { label: "Candidate", node: (row) => el("span", { title: row.variant.name }, row.variant.short, row.place === plan.chosen ? " ◀ chosen" : ""), text: (row) => row.variant.short },
    { label: labelOf(least), number: true, text: (row) => row.variant.told[least], value: (row) => row.variant.means[least] },
    ...goals,
    { label: "Goals", text: (row) => (row.holds ? "holds" : "misses") },
    { label: "Frontier", text: (row) => (row.frontier ? "yes" : "no") },
  ];
  return sortableTable({ caption: "All candidates, with the bounds that the goals are held to", columns, rows, sorted: { place: 1, down: false } }).box;
}
