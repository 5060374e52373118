// The map: who serves whom in the hour that is shown, the base beside a variant.
"use strict";

const KINDS = [...new Set(located.clusters.map((cluster) => cluster.kind))];
const KIND_SYMBOLS = [d3.symbolSquare, d3.symbolDiamond2, d3.symbolTriangle, d3.symbolStar, d3.symbolCross];
const kindOf = (cluster) => Math.max(0, KINDS.indexOf(data.clusters[cluster].kind)) % KIND_SYMBOLS.length;

/** Sizes are those of all hours and variants, so that maps can be compared. */
const mapped = data.courses.filter((course) => course.hours);
const highest = (table, column) => d3.max(mapped, (course) => d3.max(course.hours[table][column])) || 1;
/** The largest of so many marks: the more there are, the smaller they must be. */
const largest = (count, usual, few) => Math.max(3, usual * Math.min(1, Math.sqrt(few / Math.max(1, count))));
const sizes = mapped.length === 0 ? null : {
  cluster: d3.scaleSqrt([0, highest("clusters", "served")], [2.6, largest(located.clusters.length, 13, 150)]),
  zone: d3.scaleSqrt([0, highest("zones", "offered")], [2.6, largest(located.zones.length, 10, 60)]),
  way: d3.scaleSqrt([0, highest("ways", "served")], [0.6, largest(located.zones.length, 6, 60)]),
};

const hoursOf = new Map();

function hourOf(course) {
  const key = `${course.variant} ${shown.hour}`;
  if (!hoursOf.has(key)) hoursOf.set(key, atHour(course, shown.hour));
  return hoursOf.get(key);
}

function drawMaps() {
  const world = mapped.length > 0 && nearAndFar();
  if (!world) return null;
  const tip = el("div", { class: "tip", hidden: true });
  const box = el("div", { class: "maps" });
  const table = clusterTable();
  const draw = () => {
    const focused = document.activeElement?.dataset?.mark;
    const courses = [...new Set([0, shown.variant])].map((variant) => mappedCourse(variant)).filter(Boolean);
    const width = Math.floor(box.getBoundingClientRect().width);
    const each = width >= 760 && courses.length > 1 ? Math.floor((width - 20) / 2) : width;
    box.replaceChildren(...courses.map((course) => mapFigure(world, course, each, tip)));
    table.set(clusterRows());
    if (focused) box.querySelector(`[data-mark="${focused}"]`)?.focus();
  };
  onWidth(box, draw);
  shown.on("hour", draw);
  shown.on("variant", draw);
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  return [
    el("h3", {}, "Who serves whom"),
    el("p", {}, mapIntro(world)),
    el("div", { class: "mapped" }, box, tip), mapLegend(world), printedHours(world),
    el("details", { class: "not-printed" }, el("summary", {}, "Clusters of this hour as a table"), table.box),
  ];
}

const mappedCourse = (variant) => mapped.find((course) => course.variant === variant);

function mapIntro(world) {
  const lost = world.lost.length ? ` ${counted(world.lost.length, "zone")} too far from the others ${world.lost.length === 1 ? "is" : "are"} left out.` : "";
  const more = world.far.length > 6 ? ` Of ${world.far.length} clusters far away, the six nearest are shown.` : "";
  return `Lines lead from zones to the clusters that serve them, the wider the more requests. One seed, ${data.courses[0].seed}, is shown.${more}${lost}`;
}

function mapFigure(world, course, width, tip) {
  const variant = data.variants[course.variant];
  const height = mapHeight(world, width);
  const svg = mapDrawing(world, course, hourOf(course), width, height, { tip });
  svg.attr("role", "group").attr("aria-label", `Map of ${variant.short} at ${clock(shown.hour)}. ${hourTold(course, shown.hour)} Arrow keys move between places.`);
  return el("figure", { style: `width: ${width}px` }, el("figcaption", {}, sample(course.variant), el("strong", { title: variant.name }, variant.short), ` ${hourTold(course, shown.hour)}`), svg.node());
}

/** The hour in a sentence. */
function hourTold(course, hour) {
  const { zones, clusters } = atHour(course, hour);
  const [offered, served] = ["offered", "served"].map((what) => d3.sum(zones.values(), (zone) => zone[what]));
  const serving = [...clusters.values()].filter((cluster) => cluster.served > 0).length;
  const missed = offered > 0 ? (offered - served) / offered : 0;
  const unserved = missed === 0 ? "all served" : `${missed < 0.001 ? "less than 0.1 %" : percent(missed)} unserved`;
  return `${short(offered)} requests/s, ${unserved}, ${counted(serving, "cluster")} serving.`;
}

/** Draws an hour. With a place for tips, its marks can be pointed at and walked through with the keyboard. */
function mapDrawing(world, course, hour, width, height, { tip }) {
  const at = placed(world, width, height, tip ? "large" : "small");
  const scale = tip ? Math.max(0.6, Math.min(1, at.right / 480)) : 0.55;
  const svg = d3.create("svg").attr("class", "map").attr("viewBox", `0 0 ${width} ${height}`).attr("width", width).attr("height", height);
  svg.append("rect").attr("class", "sea").attr("width", width).attr("height", height).attr("rx", 6);
  if (world.world) svg.append("path").attr("class", "graticule").attr("d", d3.geoPath(at.projection)(d3.geoGraticule10()));
  if (at.strip) drawStrip(svg, at, width, height, Boolean(tip));
  const way = ({ zone, cluster }) => [at.spots.zone.get(zone), at.spots.cluster.get(cluster)];
  svg.append("g").attr("class", "ways").selectAll("line")
    .data(d3.sort(hour.ways.filter((one) => way(one).every(Boolean)), (one) => one.served)).join("line")
    .attr("class", (one) => `way kind${kindOf(one.cluster)}`)
    .attr("x1", (one) => way(one)[0][0]).attr("y1", (one) => way(one)[0][1])
    .attr("x2", (one) => way(one)[1][0]).attr("y2", (one) => way(one)[1][1])
    .attr("stroke-width", (one) => sizes.way(one.served) * scale);
  const zones = [...at.spots.zone].map(([id, spot]) => ({ id, spot, type: "zone", told: hour.zones.get(id) }));
  const clusters = d3.sort([...at.spots.cluster].map(([id, spot]) => ({ id, spot, type: "cluster", told: hour.clusters.get(id) })), (one) => one.told?.served ?? -1);
  const marks = svg.append("g").selectAll("g").data([...clusters, ...zones]).join("g")
    .attr("transform", (one) => `translate(${one.spot[0]},${one.spot[1]})`)
    .attr("class", (one) => `mark ${one.type}`);
  marks.filter((one) => one.type === "zone").each(function (one) { drawZone(d3.select(this), one, scale); });
  marks.filter((one) => one.type === "cluster").each(function (one) { drawCluster(d3.select(this), one, scale); });
  if (tip) {
    makeReachable(marks, hour, course, tip, svg);
    drawNames(svg, clusters, zones, at);
  }
  if (!world.world && tip) drawScale(svg, at);
  return svg;
}

function drawZone(mark, { told }, scale) {
  const radius = sizes.zone(told?.offered ?? 0) * scale;
  mark.append("circle").attr("class", "zone-ring").attr("r", radius);
  const missed = told?.offered > 0 ? (told.offered - told.served) / told.offered : 0;
  if (missed >= 0.005) {
    mark.append("path").attr("class", "missed").attr("d", d3.arc()({ innerRadius: 0, outerRadius: radius, startAngle: 0, endAngle: 2 * Math.PI * missed }));
  }
}

function drawCluster(mark, { id, told }, scale) {
  const served = told?.served ?? 0;
  const radius = (served > 0 ? sizes.cluster(served) : told?.cores > 0 ? 3.4 : 2) * scale;
  const state = served > 0 ? "serving" : told?.cores > 0 ? "ready" : "idle";
  const kind = kindOf(id);
  mark.classed(`kind${kind}`, true).classed(state, true)
    .append("path").attr("d", d3.symbol(KIND_SYMBOLS[kind], Math.PI * radius * radius)());
}

function drawStrip(svg, at, width, height, named) {
  const strip = svg.append("g").attr("class", "strip");
  const [x, y] = at.below ? [0, at.bottom] : [at.right, 0];
  strip.append("rect").attr("x", x).attr("y", y).attr("width", at.below ? width : width - at.right).attr("height", at.below ? height - at.bottom : height);
  if (!named) return;
  strip.append("text").attr("class", "head").attr("x", x + 10).attr("y", y + (at.below ? 14 : 20)).text("far away");
  for (const place of at.far) {
    const [px, py] = at.spots.cluster.get(place.id);
    const name = strip.append("text").attr("class", "name").attr("x", px + (at.below ? 18 : -10)).attr("y", py + (at.below ? 4 : 24));
    name.text(clip(place.name, at.below ? 26 : 19));
    const away = `${Math.round(place.km).toLocaleString("en-US")} km ${place.way}`;
    if (at.below) strip.append("text").attr("class", "away").attr("x", width - 10).attr("y", py + 4).attr("text-anchor", "end").text(away);
    else strip.append("text").attr("class", "away").attr("x", px + 18).attr("y", py + 4).text(away);
  }
}

const clip = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** The names of the busiest clusters, where they cover no other name and no mark. */
function drawNames(svg, clusters, zones, at) {
  const layer = svg.append("g").attr("class", "labels").attr("aria-hidden", "true");
  const around = (one, radius) => ({ left: one.spot[0] - radius, right: one.spot[0] + radius, top: one.spot[1] - radius, bottom: one.spot[1] + radius });
  const taken = [...zones.map((one) => around(one, 5)), ...clusters.filter((one) => one.told?.served > 0).map((one) => around(one, 6))];
  const near = clusters.filter((one) => one.told?.served > 0 && one.spot[0] < at.right && one.spot[1] < at.bottom);
  for (const one of d3.sort(near, (one) => -one.told.served).slice(0, 8)) {
    const name = data.clusters[one.id].name;
    const [x, y, away, long] = [...one.spot, sizes.cluster(one.told.served) + 4, name.length * 6.4];
    const tries = [[x - long / 2, y - away], [x - long / 2, y + away + 10], [x + away, y + 4], [x - away - long, y + 4], [x, y - away], [x - long, y - away], [x, y + away + 10], [x - long, y + away + 10]];
    const box = tries.map(([left, foot]) => ({ left, right: left + long, top: foot - 11, bottom: foot + 2 }))
      .find((spot) => spot.left > 4 && spot.right < at.right - 4 && spot.top > 4 && spot.bottom < at.bottom - 4 && !taken.some((other) => overlaps(spot, other)));
    if (!box) continue;
    taken.push(box);
    layer.append("text").attr("x", box.left).attr("y", box.bottom - 2).text(name);
  }
}

function drawScale(svg, at) {
  const { pixels, label } = scaleBar(at.projection);
  const bar = svg.append("g").attr("class", "scale").attr("transform", `translate(16,${at.bottom - 14})`);
  bar.append("path").attr("d", `M0,-4V0H${pixels}V-4`);
  bar.append("text").attr("x", pixels + 8).attr("y", 2).text(label);
}

/** Tips for the pointer and the focus; one stop of the tab key, and arrow keys from there. */
function makeReachable(marks, hour, course, tip, svg) {
  marks.attr("role", "img").attr("aria-label", (one) => markTold(one, hour).join(". "))
    .attr("tabindex", (_, place) => (place === 0 ? 0 : -1))
    .attr("data-mark", (one) => `${course.variant} ${one.type} ${one.id}`)
    .on("pointerenter focus", function (event, one) { showTip(tip, this, markTold(one, hour)); })
    .on("pointerleave blur", () => { tip.hidden = true; })
    .on("keydown", function (event, one) {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = nearest(marks.data(), one, step);
      if (!next) return;
      marks.attr("tabindex", (other) => (other === next ? 0 : -1));
      marks.filter((other) => other === next).node().focus();
    });
}

/** The nearest mark in a direction, of those that lie more that way than aside. */
function nearest(marks, from, [dx, dy]) {
  const ahead = marks.map((one) => {
    const [x, y] = [one.spot[0] - from.spot[0], one.spot[1] - from.spot[1]];
    const [along, aside] = [x * dx + y * dy, Math.abs(x * dy) + Math.abs(y * dx)];
    return { one, along, aside, cost: along + 2 * aside };
  });
  return d3.least(ahead.filter((other) => other.along > 0.5 && other.aside <= other.along * 1.2), (other) => other.cost)?.one;
}

function markTold({ type, id, told }, hour) {
  if (type === "cluster") {
    const { name, kind } = data.clusters[id];
    const zones = hour.ways.filter((way) => way.cluster === id).length;
    if (!told) return [`${name}, ${kind}`, "holds nothing"];
    return [`${name}, ${kind}`, `${short(told.served)} requests/s from ${counted(zones, "zone")}`, `${short(told.cores)} cores, $${told.cost.toFixed(told.cost < 1 ? 3 : 2)} in this hour`];
  }
  const ways = d3.sort(hour.ways.filter((way) => way.zone === id), (way) => -way.served);
  const takers = ways.slice(0, 4).map((way) => `${data.clusters[way.cluster].name} ${percent(way.served / d3.sum(ways, (one) => one.served), 0)}`);
  const { name } = data.zones[id];
  if (!told) return [name, "asks for nothing"];
  const missed = told.offered > 0 ? (told.offered - told.served) / told.offered : 0;
  return [name, `${short(told.offered)} requests/s, ${percent(missed)} unserved`, takers.length ? `served by ${takers.join(", ")}` : "served by nobody",
    told.p95 === null ? null : `p95 ${short(told.p95)} ms, promise kept for ${percent(told.kept, 2)}`].filter(Boolean);
}

function showTip(tip, mark, lines) {
  tip.replaceChildren(...lines.map((line, place) => el(place === 0 ? "strong" : "span", {}, line)));
  tip.hidden = false;
  const [box, at, own] = [tip.parentElement.getBoundingClientRect(), mark.getBoundingClientRect(), tip.getBoundingClientRect()];
  const left = Math.max(0, Math.min(box.width - own.width, at.left - box.left + at.width / 2 - own.width / 2));
  const above = at.top - box.top - own.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 0 ? above : at.bottom - box.top + 8}px`;
}

function mapLegend(world) {
  const icon = (draw) => { const svg = d3.create("svg").attr("class", "map icon").attr("width", 22).attr("height", 22).attr("viewBox", "-11 -11 22 22").attr("aria-hidden", "true"); draw(svg); return svg.node(); };
  const top = highest("zones", "offered");
  const items = KINDS.map((kind, place) => [icon((svg) => drawCluster(svg.append("g").attr("class", "mark cluster"), { id: located.clusters.find((cluster) => cluster.kind === kind).id, told: { served: highest("clusters", "served") / 4 } }, 1)), `${kind} cluster, by requests served`]);
  items.push([icon((svg) => drawCluster(svg.append("g").attr("class", "mark cluster"), { id: located.clusters[0].id, told: { served: 0, cores: 1 } }, 1)), "holds pods, serves no zone"]);
  items.push([icon((svg) => drawZone(svg.append("g").attr("class", "mark zone"), { told: { offered: top, served: top } }, 0.8)), `zone, by requests (largest: ${short(top)}/s)`]);
  items.push([icon((svg) => drawZone(svg.append("g").attr("class", "mark zone"), { told: { offered: top, served: top * 0.7 } }, 0.8)), "part that nobody serves"]);
  return el("ul", { class: "map-legend" }, items.map(([svg, text]) => el("li", {}, svg, text)));
}

/** For paper: some hours in small. */
function printedHours(world) {
  const hours = mapped[0].hours.shown;
  if (hours.length < 3) return null;
  const count = Math.min(6, hours.length);
  const picked = d3.range(count).map((place) => hours[Math.floor(((place + 0.5) * hours.length) / count)]);
  const box = el("div", { class: "print-only" });
  const draw = () => box.replaceChildren(...[...new Set([0, shown.variant])].map(mappedCourse).filter(Boolean).flatMap((course) => [
    el("p", { class: "print-head" }, el("strong", {}, data.variants[course.variant].short), " over the day"),
    el("div", { class: "print-hours" }, picked.map((hour) => {
      const svg = mapDrawing(world, course, atHour(course, hour), 300, Math.min(240, mapHeight(world, 300)), { tip: null });
      svg.attr("role", "img").attr("aria-label", `${data.variants[course.variant].short} at ${clock(hour)}. ${hourTold(course, hour)}`);
      return el("figure", {}, svg.node(), el("figcaption", {}, `${clock(hour)}: ${hourTold(course, hour)}`));
    })),
  ]));
  draw();
  shown.on("variant", draw);
  return box;
}

function clusterRows() {
  const [base, other] = [0, shown.variant].map(mappedCourse).map((course) => course && hourOf(course).clusters);
  const ids = [...new Set([...(base?.keys() ?? []), ...(other?.keys() ?? [])])].sort((a, b) => a - b);
  return ids.map((id) => ({ id, base: base?.get(id), other: other?.get(id) }));
}

function clusterTable() {
  const numbers = (side, label) => [
    { label: `${label}: requests/s`, number: true, text: (row) => short(row[side]?.served ?? 0), value: (row) => row[side]?.served ?? 0 },
    { label: `${label}: cores`, number: true, text: (row) => short(row[side]?.cores ?? 0), value: (row) => row[side]?.cores ?? 0 },
  ];
  const columns = [
    { label: "Cluster", text: (row) => data.clusters[row.id].name },
    { label: "Kind", text: (row) => data.clusters[row.id].kind },
    ...numbers("base", data.plan ? "chosen" : "base"),
    ...(mapped.length > 1 ? numbers("other", "variant") : []),
  ];
  return sortableTable({ caption: "Clusters of the hour that is shown", columns, rows: [], sorted: { place: 2, down: true } });
}
