// The charts over time, and the bar that says which hour is shown.
"use strict";

const PANELS = [
  { title: "Demand", unit: "requests/s", of: (series) => series.offered },
  { title: "Unserved", unit: "requests/s", peak: true, of: (series) => series.offered.map((offered, place) => Math.max(0, offered - series.served[place])) },
  { title: "Latency, p50", unit: "ms", peak: true, of: (series) => series.p50 },
  { title: "Latency, p95", unit: "ms", peak: true, of: (series) => series.p95 },
  { title: "Latency, p99", unit: "ms", peak: true, of: (series) => series.p99 },
  { title: "Cost", unit: "$ per hour", of: (series) => series.cost },
  { title: "Carbon", unit: "g CO2e per hour", of: (series) => series.carbon },
  { title: "Replicas", unit: "ready pods", of: (series) => series.replicas },
  { title: "Clusters in use", unit: "clusters", of: (series) => series.clusters },
];

const lastHour = Math.max(...data.courses.map((course) => (course.series[0].offered.length * course.stepSeconds) / 3600));
const hoursShown = mapped[0]?.hours.shown ?? d3.range(Math.max(1, Math.ceil(lastHour)));

function drawHours() {
  if (data.courses.length === 0) return;
  const peak = hoursShown[peakHour()] ?? 0;
  shown.hour = peak;
  section("hours", "Hour by hour", el("p", {}, `What happened in one seed, ${data.courses[0].seed}: not a mean, so that single moments can be seen.`), timeBar(), drawMaps(), drawSeries());
}

/** Where the map begins: the hour with the most requests unserved more than in the base, or else the busiest. */
function peakHour() {
  const hourly = (course, of) => hoursShown.map((hour) => {
    const [series, step] = [course.series[0], course.stepSeconds / 3600];
    return d3.mean(of(series).slice(Math.round(hour / step), Math.round((hour + 1) / step))) ?? 0;
  });
  const [first, other] = [data.courses[0], courses.get(shown.variant)];
  const [before, after] = [first, other].map((course) => hourly(course, PANELS[1].of));
  // The fleet starts empty: what that costs is no reason to look.
  const worse = after.map((value, place) => (place === 0 && after.length > 1 ? 0 : value - before[place]));
  const demand = hourly(other, PANELS[0].of);
  return d3.max(worse) > d3.max(demand) * 0.01 ? d3.maxIndex(worse) : d3.maxIndex(demand);
}

/** The bar: play, a slider over the hours with the demand behind it, the hour, and which variant is beside the base. */
function timeBar() {
  const slider = el("input", { type: "range", id: "hour", min: 0, max: hoursShown.length - 1, step: 1, value: hoursShown.indexOf(shown.hour), "aria-label": "Hour that is shown" });
  const output = el("output", { for: "hour", "aria-live": "polite" });
  const play = el("button", { type: "button", id: "play", "aria-label": "Play the hours" }, "▶");
  let timer = null;
  const told = () => {
    output.textContent = `${clock(shown.hour)} to ${clock(Math.min(shown.hour + 1, lastHour))}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play the hours");
    output.setAttribute("aria-live", "polite");
  };
  const step = () => {
    slider.value = (Number(slider.value) + 1) % hoursShown.length;
    shown.set("hour", hoursShown[slider.value]);
  };
  slider.addEventListener("input", () => { stop(); shown.set("hour", hoursShown[slider.value]); });
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    output.setAttribute("aria-live", "off");
    timer = setInterval(step, 900);
    step();
  });
  shown.on("hour", told);
  told();
  return el("div", { class: "timebar" }, play, el("div", { class: "track" }, demandBehind(), slider), output, variantChoice());
}

function demandBehind() {
  const { offered } = data.courses[0].series[0];
  const step = Math.max(1, Math.floor(offered.length / 120));
  const values = d3.range(0, offered.length, step).map((from) => d3.mean(offered.slice(from, from + step)));
  const [x, y] = [d3.scaleLinear([0, values.length - 1], [0, 100]), d3.scaleLinear([0, d3.max(values) || 1], [20, 1])];
  const area = d3.area((_, place) => x(place), 20, (value) => y(value));
  const svg = d3.create("svg").attr("viewBox", "0 0 100 20").attr("preserveAspectRatio", "none").attr("aria-hidden", "true");
  svg.append("path").attr("d", area(values));
  return svg.node();
}

function variantChoice() {
  if (data.courses.length < 3) return null;
  const options = data.courses.slice(1).map(({ variant }) => el("option", { value: variant, selected: variant === shown.variant }, data.variants[variant].short));
  return el("label", { class: "choice" }, data.plan ? "beside the chosen " : "beside the base ",
    el("select", { id: "variant", on: { change: (event) => shown.set("variant", Number(event.target.value)) } }, options));
}

function drawSeries() {
  const apps = data.courses[0].series.map((series) => series.app);
  const grid = el("div", { class: "panels" });
  const panels = PANELS.map((panel) => seriesPanel(panel));
  grid.append(...panels.map((panel) => panel.figure));
  let app = 0;
  const point = (hours) => panels.forEach((panel) => panel.point(hours));
  const draw = () => {
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const width = Math.floor((grid.getBoundingClientRect().width - 20 * (columns - 1)) / columns);
    panels.forEach((panel) => panel.draw(width - 2, app, point));
    point(shown.hour + 0.5);
  };
  onWidth(grid, draw);
  shown.on("visible", draw);
  shown.on("hour", () => point(shown.hour + 0.5));
  grid.addEventListener("pointerleave", () => point(shown.hour + 0.5));
  const choice = apps.length < 2 ? null : el("label", { class: "choice" }, "App ", el("select", { id: "app", on: { change: (event) => { app = Number(event.target.value); draw(); } } },
    apps.map((name, place) => el("option", { value: place }, name ?? "all together"))));
  const several = apps.length > 1 ? " Latency of all apps together, and the clusters that they use, are those of whole hours." : "";
  const dotted = happenings();
  return [el("h3", {}, "Over time"), el("p", {}, `The upright line is the time that the numbers are of: the middle of the hour above, or where you point.${several}`),
    dotted ? el("div", { class: "happenings" }, el("p", {}, "Dotted lines:"), dotted) : null,
    el("div", { class: "controls" }, legend(), choice), grid];
}

/** One chart: it can be drawn anew, and told which time to give the numbers of. */
function seriesPanel(panel) {
  const [readout, chart] = [el("span", { class: "readout" }), el("div", { class: "chart" })];
  const figure = el("figure", { class: "panel" }, el("figcaption", {}, el("strong", {}, panel.title), el("span", { class: "unit" }, panel.unit), readout), chart);
  let drawn = null;
  const draw = (width, app, onPoint) => {
    const lines = data.courses.filter((course) => shown.visible.has(course.variant)).map((course) => ({
      variant: course.variant, step: course.stepSeconds / 3600, values: panel.of(course.series[app] ?? course.series[0]),
    }));
    const svg = timeChart(panel, lines, width);
    drawn = { lines, svg, x: svg.scale("x"), cursor: d3.select(svg).append("line").attr("class", "cursor").attr("y1", 8).attr("y2", 142) };
    d3.select(svg).on("pointermove", (event) => onPoint(drawn.x.invert(d3.pointer(event, svg)[0])));
    chart.replaceChildren(svg);
  };
  const point = (hours) => {
    if (!drawn) return;
    const at = Math.max(0, Math.min(lastHour, hours));
    drawn.cursor.attr("x1", drawn.x.apply(at)).attr("x2", drawn.x.apply(at));
    readout.replaceChildren(...drawn.lines.map(({ variant, step, values }) => el("span", { class: "value", style: `--hue: ${look(variant).pale}` },
      short(values[Math.min(values.length - 1, Math.floor(at / step))]))));
    readout.title = `at ${clock(at)}`;
  };
  return { figure, draw, point };
}

/** As many points as can be told apart: means, or of what must not be missed the highest. */
function thinned({ variant, step, values }, width, peak) {
  const each = Math.max(1, Math.ceil(values.length / Math.max(60, width / 2)));
  return d3.range(0, values.length, each).map((from) => {
    const part = values.slice(from, from + each).filter((value) => value !== null);
    const value = part.length === 0 ? null : peak ? d3.max(part) : d3.mean(part);
    return { variant, hours: (from + each / 2) * step, value };
  });
}

function strokeOf(variant) {
  const { color, dash, width, opacity } = look(variant);
  return { stroke: color, strokeDasharray: dash, strokeWidth: width, strokeOpacity: opacity };
}

/** A time on an axis: midnight is told as the day that begins. */
function hourTick(hours) {
  const midnight = hours > 0 && hours % 24 === 0 && lastHour > 24;
  return midnight ? `${hours / 24}d` : clock(hours % 24 === 0 ? hours : hours % 24);
}

function timeChart(panel, lines, width) {
  const drawnLines = lines.map((line) => thinned(line, width, panel.peak));
  const values = drawnLines.flat().map((point) => point.value).filter((value) => value !== null);
  const low = panel.unit === "ms" ? (d3.min(values) ?? 0) * 0.96 : 0;
  const high = Math.max((d3.max(values) ?? 0) * 1.04, low + 1e-6) || 1;
  const marks = [...new Set(data.courses.filter((course) => shown.visible.has(course.variant)).flatMap((course) => course.happenings.map((one) => one.hour)))];
  const every = [1, 2, 3, 4, 6, 12, 24, 48, 96, 168].find((hours) => lastHour / hours <= width / 52) ?? 336;
  const plot = Plot.plot({
    width, height: 168, marginLeft: 52, marginRight: 20, marginTop: 8, marginBottom: 26,
    x: { domain: [0, lastHour], label: null, ticks: d3.range(0, lastHour + 1e-9, lastHour < 2 ? 0.5 : every), tickFormat: hourTick, tickSize: 4 },
    y: { domain: [low, high], label: null, ticks: 4, tickFormat: short, grid: true, tickSize: 0 },
    style: chartStyle,
    marks: [
      Plot.ruleX(marks, { stroke: "var(--warn)", strokeDasharray: "1 3", strokeWidth: 1.4 }),
      ...drawnLines.map((points) => Plot.line(points, {
        x: "hours", y: "value", curve: panel.title === "Replicas" || panel.title === "Clusters in use" ? "step" : "linear",
        ...strokeOf(points[0]?.variant ?? 0),
      })),
    ],
  });
  const told = lines.map(({ variant, values: all }) => `${data.variants[variant].short}: from ${short(d3.min(all))} to ${short(d3.max(all))}, at most at ${clock((d3.maxIndex(all) + 0.5) * lines[0].step)}`);
  return asImage(plot, `${panel.title}, ${panel.unit}, over ${short(lastHour)} hours. ${told.join("; ")}.`);
}
