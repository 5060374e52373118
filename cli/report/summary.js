// What was asked, and what came out, in words.
"use strict";

function drawSummary() {
  const { scenario, plan } = data;
  document.getElementById("kind").textContent = plan ? "plan report" : "what-if report";
  document.getElementById("made").textContent =
    `Made by ${data.madeBy} from ${data.file}, fingerprint ${scenario.fingerprint}.`;
  put(document.getElementById("summary"),
    el("h1", { id: "title" }, headline()),
    el("p", { class: "asked" }, el("code", {}, data.command)),
    plan ? planSentences() : variantSentences(),
    facts(),
    el("details", { class: "story" }, el("summary", {}, "What happens in the scenario"),
      el("p", {}, scenario.story.replace(/\s+/g, " ")), happenings()));
}

/** Longer settings are told by their short names. */
const HEADLINE_MAX = 80;

function headline() {
  const { scenario, variants, plan } = data;
  if (plan) return `${scenario.name}: what is enough?`;
  if (variants.length === 1) return `${scenario.name}, as it is`;
  if (variants.length > 2) return `${scenario.name}: ${variants.length - 1} variants`;
  const [{ name, short: few }] = variants.slice(1);
  return `${scenario.name}: what if ${name.length <= HEADLINE_MAX ? name : few}?`;
}

function named(variant) {
  return el("strong", { title: variant.name }, variant.short);
}

function variantSentences() {
  const sentences = data.variants.slice(1).map((variant) => [named(variant), ` ${variant.sentence}.`]);
  if (sentences.length === 0) return [el("p", { class: "answer" }, ...baseSentence())];
  if (sentences.length === 1) return [el("p", { class: "answer" }, `It ${data.variants[1].sentence}.`)];
  const told = sentences.map((sentence) => el("li", {}, ...sentence));
  if (told.length <= 6) return [el("ul", { class: "answers" }, told)];
  return [
    el("ul", { class: "answers" }, told.slice(0, 4)),
    el("details", {}, el("summary", {}, `${told.length - 4} more variants`), el("ul", { class: "answers" }, told.slice(4))),
  ];
}

function baseSentence() {
  const told = (path) => lead.told[data.measures.findIndex((measure) => measure.path === path)];
  return [`The day costs ${told("cost.total")} and emits ${told("carbon.kg")} of CO2e; ${told("slo.attainment")} of requests are answered as promised.`];
}

function planSentences() {
  const { plan, variants } = data;
  const goals = plan.goals.map((goal) => goal.text).join(" and ");
  const least = data.measures[plan.minimize].label;
  const told = (variant) => variant.told[plan.minimize];
  const first = plan.chosen === null
    ? ["No candidate holds ", el("strong", {}, goals), `. Shown first is the one with the least ${least}, `, named(lead), "."]
    : [named(lead), ` holds `, el("strong", {}, goals), ` for the least ${least}: ${told(lead)}.`];
  const holding = plan.candidates.filter((candidate) => candidate.holds).length;
  return [
    el("p", { class: "answer" }, ...first),
    el("p", {}, `${counted(variants.length, "candidate")}, of which ${holding} ${holding === 1 ? "holds" : "hold"}. ` +
      "A goal holds where even the bound of its mean does."),
  ];
}

function facts() {
  const { scenario, seeds } = data;
  const start = new Date(scenario.epochMs).toISOString().slice(0, 16).replace("T", " ");
  const rows = [
    ["Fleet", `${counted(scenario.clusters, "cluster")}, ${counted(scenario.zones, "zone")}, ${counted(scenario.apps.length, "app")}`],
    ["Time", `${short(scenario.hours)} hours from ${start} UTC; times below count from there`],
    ["Runs", seeds.length === 1 ? `one, of seed ${seeds[0]}` : `${data.drawn} of each, from ${seeds[0]} to ${seeds[seeds.length - 1]}`],
  ];
  if (data.closeness) rows.push(["Log", `as it was recorded; settings hold from ${data.closeness.from} on`]);
  const settings = data.variants.slice(1).filter((variant) => variant.short !== variant.name);
  if (data.variants.length === 2 && settings.length === 1) rows.push(["Variant", el("code", {}, settings[0].name)]);
  return el("dl", { class: "facts" }, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function happenings() {
  const all = data.courses.flatMap((course) => course.happenings.map((one) => ({ ...one, variant: course.variant })));
  if (all.length === 0) return null;
  const key = (one) => `${one.hour} ${one.text}`;
  const groups = d3.groups(all, key).sort((a, b) => a[1][0].hour - b[1][0].hour);
  return el("ul", {}, groups.map(([, same]) => {
    const everywhere = same.length === data.courses.length;
    const whose = everywhere ? "" : ` (${same.map((one) => data.variants[one.variant].short).join(", ")})`;
    return el("li", {}, `${clock(same[0].hour)} ${same[0].text}${whose}`);
  }));
}

/** How far the simulated world can be trusted, where variants begin as a log does. */
function drawCloseness() {
  const { closeness } = data;
  if (!closeness) return;
  const columns = closeness.head.map((label, place) => ({
    label: place === 0 ? "What" : label, text: (row) => row[place], number: place > 0,
    value: (row) => (place === 0 ? row[0] : Number.parseFloat(row[place].replace(/[^0-9.]/g, ""))),
  }));
  const table = sortableTable({ caption: "The recorded and the simulated world", columns, rows: closeness.rows });
  section("closeness", "How close the simulated world is", el("p", {}, `${sentenceCase(closeness.verdict)}.`),
    table.box, el("p", { class: "note" }, `${sentenceCase(closeness.legend)}.`));
}

function sentenceCase(text) {
  return text[0].toUpperCase() + text.slice(1);
}
