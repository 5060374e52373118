// Puts the page together: the sections in order, what the numbers mean, the contents, light and dark.
"use strict";

drawSummary();
drawCloseness();
drawDifferences();
drawFrontier();
drawHours();
drawDecisions();
drawMethod();
drawContents();
switchTheme();

function drawMethod() {
  const seeds = data.seeds.length;
  const intervals = seeds > 1
    ? `Every variant ran with the same ${data.drawn}. A seed draws the same luck for each pod, push and user whatever else changes, so that each seed compares a day with itself. The intervals are those of the paired t-test over them, at ${Math.round(data.confidence * 100)} % and for each number by itself: of many numbers, some seem to differ by chance.`
    : "Every variant ran once. There is no interval from one run, and no telling whether a difference is more than luck: ask for more with --seeds or --days.";
  const bounds = data.plan ? "The bounds that goals are held to all hold together with the stated confidence: those of means by Student's t after Hall's transformation, those of parts of all runs by Clopper and Pearson, each by Bonferroni." : "";
  const limits = seeds > 1 ? `Intervals cover ${data.uncertainty}.` : "";
  const why = data.courses.length < 2 ? [] : [
    "The command under a decision explains it from a log. Keep one of the base with ",
    el("code", {}, `periplus sim ${data.file} --seed ${data.courses[0].seed} --out RUN`),
    ". For a variant, write its settings into a copy of the scenario first.",
  ];
  const items = [
    [intervals], ...[bounds, limits].filter(Boolean).map((text) => [text]), [`The map, the charts over time and the decisions are those of one seed, ${data.courses[0]?.seed}. Each drawn point of a chart stands for a few minutes: the mean, or of latency and of what is unserved the highest.`],
    ...(why.length ? [why] : []), ...data.notes.map((note) => [note]),
  ];
  section("method", "How to read this", el("ul", {}, items.map((item) => el("li", {}, ...item))), variantList());
}

/** What each variant sets, in full. */
function variantList() {
  if (data.variants.length < 3) return null;
  const rows = data.variants.map((variant) => ({ variant }));
  const columns = [
    { label: "Variant", text: (row) => row.variant.short },
    { label: "Settings", node: (row) => el("code", {}, row.variant.settings.join(", ") || "none"), text: (row) => row.variant.settings.join(", ") },
  ];
  const table = sortableTable({ caption: "What the variants set", columns, rows });
  return el("details", {}, el("summary", {}, "What the variants set"), table.box);
}

function drawContents() {
  const sections = [...document.querySelectorAll("main > section")].filter((node) => !node.hidden && node.id !== "summary");
  const names = { closeness: "How close", differences: "Differences", frontier: "Frontier", hours: "Hour by hour", decisions: "Decisions", method: "How to read" };
  document.getElementById("contents").append(el("ul", {}, sections.map((node) => el("li", {}, el("a", { href: `#${node.id}` }, names[node.id])))));
}

function switchTheme() {
  const button = document.getElementById("theme");
  const wished = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (wished.matches ? "dark" : "light")) === "dark";
  const tell = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  wished.addEventListener("change", tell);
  tell();
}

// Paper shows everything: what is folded is unfolded while it prints.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((node) => { node.open = true; });
});
addEventListener("afterprint", () => folded.forEach((node) => { node.open = false; }));
