// How much more, and how sure that is: a forest of intervals, and the same as a table.
"use strict";

function drawDifferences() {
  if (data.variants.length < 2) return;
  const single = data.seeds.length === 1;
  const chart = el("div", { class: "chart" });
  const figure = el("figure", {}, el("figcaption", {}, forestCaption(single)), data.courses.length > 2 ? legend("mark") : null, chart);
  section("differences", `Differences from ${data.plan ? lead.short : "the base"}`, figure, differenceTable());
  onWidth(chart, (width) => chart.replaceChildren(forest(width)));
  shown.on("visible", () => {
    const width = Math.floor(chart.getBoundingClientRect().width);
    chart.replaceChildren(forest(width));
  });
}

function forestCaption(single) {
  const share = Math.round(data.confidence * 100);
  return single
    ? "Relative differences of one seed. One seed tells nothing about luck: there are no intervals, and no claim that a difference is more than chance."
    : `Relative differences with ${share} % intervals of the paired t-test over ${data.seeds.length} seeds, each line by itself. Hollow marks may be nothing.`;
}

/** Buttons that show and hide variants in the charts that show several. */
function legend(of = "line") {
  const listed = data.courses.filter((course) => of === "line" || course.variant > 0);
  const box = el("div", { class: "legend", role: "group", "aria-label": "Variants in the charts" });
  const draw = () => {
    box.replaceChildren(...listed.map((course) => {
      const [place, visible] = [course.variant, shown.visible.has(course.variant)];
      const label = data.variants[place].short;
      if (data.courses.length <= 2) return el("span", { class: "key" }, sample(place, of), label);
      const toggle = () => {
        if (visible) shown.visible.delete(place);
        else shown.visible.add(place);
        shown.tell("visible");
        box.querySelectorAll("button")[listed.indexOf(course)].focus();
      };
      return el("button", { type: "button", class: "key", "aria-pressed": String(visible), on: { click: toggle } }, sample(place, of), label);
    }));
  };
  draw();
  shown.on("visible", draw);
  return box;
}

/** Relative differences above this are drawn as arrows at the edge. */
const EDGE = 1;

function forest(width) {
  const rows = data.differences
    .filter((row) => shown.visible.has(row.variant) && row.relative !== null)
    .map((row) => ({ ...row, name: data.measures[row.measure].label, key: String(row.variant) }));
  const reach = (row) => Math.abs(row.relative) + (row.relativeMargin ?? 0);
  const widest = Math.max(0.02, ...rows.map(reach).filter((part) => part <= EDGE));
  const edge = rows.some((row) => reach(row) > EDGE) ? Math.max(widest, EDGE / 2) : widest;
  const inside = (part) => Math.max(-edge, Math.min(edge, part));
  const beyond = rows.filter((row) => Math.abs(row.relative) > edge);
  const wide = width >= 620;
  const variants = [...new Set(rows.map((row) => row.key))];
  const measures = data.measures.map((measure) => measure.label).filter((name) => rows.some((row) => row.name === name));
  const color = (row) => look(row.variant).color;
  const few = (row) => row.toldRelative || row.told.replace(/ ± [\d.,]+/, "");
  const label = (row) => (!wide ? few(row) : row.toldRelative && row.relative !== 0 ? `${row.told}  (${row.toldRelative})` : row.told);
  const longest = d3.max(rows, (row) => label(row).length) ?? 0;
  const place = { fy: "name", y: "key" };
  const plot = Plot.plot({
    width,
    height: 46 + measures.length * (variants.length > 1 ? 22 + 17 * variants.length : 31),
    marginLeft: 104,
    marginRight: 24 + longest * 6.9,
    marginTop: 6,
    marginBottom: 34,
    x: { domain: [-edge * 1.06, edge * 1.06], label: `difference, % of ${data.plan ? "the chosen" : "the base"}`, percent: false, ticks: wide ? 7 : 3, tickFormat: (part) => `${part > 0 ? "+" : part < 0 ? "−" : ""}${trimmed(Math.abs(part) * 100)}`, labelAnchor: "center", labelArrow: "none" },
    y: { domain: variants, axis: null, padding: 0.2 },
    fy: { domain: measures, label: null, padding: variants.length > 1 ? 0.2 : 0.06 },
    style: chartStyle,
    marks: [
      Plot.gridX({ stroke: "var(--line)", strokeOpacity: 1, ticks: wide ? 7 : 3 }),
      Plot.axisFy({ anchor: "left", label: null, fill: "currentColor", fontSize: 13, dx: -6 }),
      Plot.ruleX([0], { stroke: "currentColor", strokeOpacity: 0.55 }),
      Plot.ruleY(rows.filter((row) => row.relativeMargin !== null), {
        ...place, x1: (row) => inside(row.relative - row.relativeMargin), x2: (row) => inside(row.relative + row.relativeMargin),
        stroke: color, strokeWidth: 2.2, strokeOpacity: 0.75,
      }),
      Plot.dot(rows.filter((row) => !beyond.includes(row)), {
        ...place, x: "relative", r: 5, symbol: (row) => look(row.variant).symbol,
        stroke: color, strokeWidth: 1.8, fill: (row) => (row.sure ? color(row) : "var(--paper)"),
      }),
      Plot.text(beyond, { ...place, x: (row) => inside(row.relative), text: (row) => (row.relative > 0 ? "▶" : "◀"), fill: color, fontSize: 14 }),
      Plot.text(rows, { ...place, x: edge * 1.06, dx: 14, textAnchor: "start", text: label, fill: "currentColor", fontSize: 12.5 }),
    ],
  });
  const told = rows.map((row) => `${row.name}, ${data.variants[row.variant].short}: ${row.told}`).join("; ");
  return asImage(plot, `Differences with their intervals. ${told}. The table below has all of them.`);
}

const chartStyle = { background: "transparent", color: "inherit", fontFamily: "inherit", fontSize: "12px", overflow: "visible" };

/** Longer tables are made when somebody wants to see them. */
const ROWS_AT_ONCE = 600;

function differenceTable() {
  const rows = data.differences;
  const variant = (row) => data.variants[row.variant];
  const sure = (row) => (row.sure === null ? "unknown" : row.size === 0 && row.margin === 0 ? "none" : row.sure ? "yes" : "perhaps");
  const columns = [
    { label: "Measure", text: (row) => data.measures[row.measure].label, value: (row) => row.measure },
    ...(data.variants.length > 2 ? [{ label: "Variant", node: (row) => el("span", { title: variant(row).name }, variant(row).short), text: (row) => variant(row).short }] : []),
    { label: data.plan ? "Chosen" : "Base", number: true, text: (row) => lead.told[row.measure], value: (row) => lead.means[row.measure] },
    { label: "Variant's", number: true, text: (row) => variant(row).told[row.measure], value: (row) => variant(row).means[row.measure] },
    { label: "Difference", number: true, text: (row) => row.told, value: (row) => row.size },
    { label: "In percent", number: true, text: (row) => row.toldRelative || "–", value: (row) => row.relative },
    { label: "Sure", text: sure },
  ];
  const table = () => sortableTable({ caption: "All differences", columns, rows }).box;
  if (rows.length <= 12) return table();
  const told = `All ${rows.length.toLocaleString("en-US")} differences as a table`;
  if (rows.length <= ROWS_AT_ONCE) return el("details", { open: rows.length <= 30 }, el("summary", {}, told), table());
  const details = el("details", {}, el("summary", {}, told));
  details.addEventListener("toggle", () => details.append(table()), { once: true });
  return details;
}
