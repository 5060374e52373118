// The decisions that differ most, with the bills of both sides.
"use strict";

const BILL_LINES = ["total", "compute", "active", "carbon", "latency", "egress", "moving", "preference"];

function drawDecisions() {
  if (data.courses.length < 2) return;
  const [intro, list] = [el("p", {}), el("div", { class: "partings" })];
  const draw = () => {
    const course = courses.get(shown.variant);
    intro.replaceChildren(...decisionIntro(course));
    list.replaceChildren(...course.partings.map((parting, place) => partingCard(parting, place, course)));
  };
  section("decisions", "Decisions that differ most", intro, list, el("p", { class: "note" }, weighing()));
  shown.on("variant", draw);
  draw();
}

function decisionIntro(course) {
  const [count, flows] = [course.partings.length, course.flowsThatDiffer];
  const pair = [named(data.variants[course.variant]), " and ", data.plan ? named(lead) : "the base"];
  if (count === 0) return ["In this seed, ", ...pair, " send everybody to the same clusters at all times: no decision differs."];
  const which = count === flows ? (flows === 1 ? "It is shown." : "All of them are shown.") : `The ${count} that weigh most are shown.`;
  return ["Where ", ...pair, ` serve the same users from different clusters, in seed ${course.seed}: it happens to ${counted(flows, "flow")}. ${which}`];
}

function weighing() {
  return "A difference weighs its requests, times the part of them that goes elsewhere, times the difference between what a request costs in the two bills. " +
    "Requests that nobody serves cost what the app says they are worth. Where no cluster that was chosen could take all of a flow, the bill of the cheapest that could stands in; where none could, only what nobody serves is counted. " +
    "Every flow comes once before any comes twice.";
}

function partingCard(parting, place, course) {
  const { app, place: from, sides } = parting;
  const names = [data.plan ? lead.short : "base", data.variants[course.variant].short];
  const summary = el("summary", {},
    el("h3", {}, el("span", { class: "rank" }, String(place + 1)), `${from} `, el("span", { class: "soft" }, `for ${app}`)),
    el("span", { class: "when" }, `${clock(parting.hours[0])} to ${clock(parting.hours[1])}`),
    el("span", { class: "takers" }, el("span", {}, sample(0), sides[0].takers), el("span", {}, sample(course.variant), sides[1].takers)),
    el("span", { class: "weight" }, parting.stake));
  const told = `From ${parting.from} to ${parting.until}: ${parting.rate} on average; ${parting.moved} requests go elsewhere, which weighs ${parting.stake}.`;
  return el("details", { class: "parting", open: place === 0 }, summary, el("p", {}, told),
    el("div", { class: "sides" }, sides.map((side, which) => sideCard(side, names[which], which === 0 ? 0 : course.variant, from))));
}

function sideCard(side, name, variant, from) {
  const head = el("h4", {}, sample(variant), name, ": ", el("span", {}, side.takers));
  const nobody = side.takers === "nobody";
  const price = side.price ? el("p", { class: "soft" }, nobody ? `Not being served counts ${side.price} requests.` : `That is ${side.price} requests.`) : null;
  const { decided } = side;
  if (!decided) return el("div", { class: "side" }, head, price, el("p", {}, "No decision was recorded about this: nobody had to decide."));
  return el("div", { class: "side" }, head,
    el("p", {}, `${decided.verdict}.`),
    el("p", { class: "soft" }, `Record ${decided.seq} at ${decided.at}, looked at ${decided.because}.`),
    side.held ? el("p", { class: "held" }, `Then held back: ${side.held}.`) : null,
    decided.bills.length ? billTable(decided, name, from) : el("p", {}, "No cluster has a bill."),
    decided.refusals.length ? el("ul", { class: "refusals" }, decided.refusals.map((one) => el("li", {}, `${one.count} × `, el("code", {}, one.code), ` ${one.text}; ${one.cure}`))) : null,
    decided.runnerUp ? el("p", { class: "soft" }, `Runner-up ${decided.runnerUp}.`) : null,
    price, el("p", { class: "why" }, el("code", {}, decided.why)));
}

function billTable(decided, name, from) {
  const used = BILL_LINES.map((line, place) => ({ line, place })).filter(({ place }) => place === 0 || decided.bills.some((bill) => bill.lines[place] !== "·"));
  const mark = (bill) => (bill.takes ? "▸ " : bill.other ? "▹ " : "");
  const rows = decided.bills.map((bill) => el("tr", { class: bill.takes ? "takes" : null },
    el("th", { scope: "row" }, `${mark(bill)}${bill.cluster} `, el("span", { class: "rtt" }, bill.rtt)),
    used.map(({ place }) => el("td", { class: "number" }, bill.lines[place].replace("$", "")))));
  const more = decided.billed > decided.bills.length ? ` ${decided.billed} candidates have bills.` : "";
  const caption = `Bills for all of ${from}, ${name}, in $/h. ▸ takes it here, ▹ on the other side.${more}`;
  const head = el("tr", {}, ["candidate, rtt", ...used.map(({ line }) => line)].map((text, place) => el("th", { scope: "col", class: place > 0 ? "number" : null }, text)));
  return el("div", { class: "scrolls", tabindex: "0", role: "group", "aria-label": `Table: ${caption}` },
    el("table", { class: "bills" }, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, rows)));
}
